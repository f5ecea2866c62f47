"""Scores after alignment, the way the authors of RealBlur published theirs.

The two cameras of RealBlur see a scene a little shifted and differently bright, so their script
(rimchang/RealBlur, evaluation_RealBlur_ecc.py; Rim et al., ECCV 2020) first scales the restored image to the
truth's brightness, then warps it onto the truth with the homography that maximises the enhanced correlation
coefficient (Evangelidis and Psarakis 2008), and leaves out what the warp brought in from beyond the border.
That is worth about 2 dB against a plain comparison: the two are never to stand in one column.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from restore_node.common.errors import InputError
from restore_node.common.metrics import inside, similarity_map
from training.data.samples import Image

ITERATIONS = 100
SMOOTHING_PX = 5

Pixels = NDArray[np.float32]


class AlignmentError(InputError):
    """An image on which no homography to its truth was found."""


@dataclass(frozen=True)
class Aligned:
    """A restored image laid on its truth.

    Attributes:
        restored: float32 [H, W, 3] RGB, 0..1 and somewhat beyond; truth: the same, 0..1; both 0 where not
            valid.
        valid: float32 [H, W], 1 where the warp stayed inside the restored image, else 0.
        gain: what the restored image was multiplied by.
        homography: float32 [3, 3], from pixels (x, y, 1) of the truth to those of the restored image.
    """

    restored: Pixels
    truth: Pixels
    valid: Pixels
    gain: float
    homography: NDArray[np.float32]

    def psnr(self) -> float:
        """In dB over the valid pixels of all channels, peak 1."""
        squares = np.sum((self.truth - self.restored) ** 2, dtype=np.float64)
        mean = squares / (3.0 * np.sum(self.valid, dtype=np.float64))
        return 10.0 * float(np.log10(1.0 / mean)) if mean else float('inf')

    def ssim(self) -> float:
        """Gaussian 2-D SSIM, mean over the valid positions inside the border, then over the channels."""
        similarity = similarity_map(self.truth, self.restored, 1.0)
        weights = inside(self.valid)[..., None]
        return float(np.sum(inside(similarity) * weights) / (3.0 * np.sum(weights)))


def align(restored: Image, truth: Image) -> Aligned:
    """Scale and warp a restored image onto its truth: uint8 [H, W, 3] RGB each.

    Raises AlignmentError where no homography is found, as for an image without any structure.
    """
    image, wanted = (pixels.astype(np.float32) / 255.0 for pixels in (restored, truth))
    energy = np.sum(image * image, dtype=np.float64)
    gain = float(np.sum(wanted * image, dtype=np.float64) / energy) if energy else 1.0
    image *= np.float32(gain)
    # An epsilon of zero never ends the search early: every image gets the same number of iterations.
    criteria = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, ITERATIONS, 0)
    try:
        _, homography = cv2.findTransformECC(
            cv2.cvtColor(wanted, cv2.COLOR_RGB2GRAY),
            cv2.cvtColor(image, cv2.COLOR_RGB2GRAY),
            np.eye(3, dtype=np.float32),
            cv2.MOTION_HOMOGRAPHY,
            criteria,
            inputMask=None,
            gaussFiltSize=SMOOTHING_PX,
        )
    except cv2.error as error:
        raise AlignmentError('cannot align an image to its truth', seen=error.err) from error
    size = truth.shape[1::-1]
    warped = cv2.warpPerspective(
        image, homography, size, flags=cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP, borderMode=cv2.BORDER_REFLECT
    )
    valid = cv2.warpPerspective(
        np.ones(truth.shape[:2], np.float32),
        homography,
        size,
        flags=cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_CONSTANT,
    )
    mask = valid[..., None]
    return Aligned(warped * mask, wanted * mask, valid, gain, homography)

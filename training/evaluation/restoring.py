"""A network or a backend as a function on images."""

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from restore_node.backends.base import Backend
from restore_node.common.errors import InputError
from training.data.samples import Image
from training.evaluation.tiling import Tiles, in_tiles
from training.networks.layers import pad_by_reflection

Restore = Callable[[Image], Image]
"""uint8 [H, W, 3] RGB to the same shape."""


def restore_batch(backend: Backend, frames: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Run an open backend: uint8 [N, H, W, 3] RGB, 0..255, in and out, which the next call may use again.

    H and W are multiples of its `size_multiple`. Raises BackendError where the device or the library fails.
    """
    staging = backend.staging(*frames.shape[:3])
    staging[:] = frames
    return backend.restore(staging)


def restore_with(network: nn.Module, device: torch.device, tile_px: int | None = None) -> Restore:
    """A network in evaluation mode as a function on one image; rounds and clamps as the exported graph does.

    Its `size_multiple` is met by mirroring the image, as the node does. `tile_px` is the side of the tiles
    that an image is cut into where it does not fit into memory, a multiple of 32; how small it may be depends
    on the network's reach. Raises ConfigError where it is impossible.
    """
    multiple = int(getattr(network, 'size_multiple', 1))
    tiles = Tiles.of(network, tile_px) if tile_px is not None else None

    def run(frames: Tensor) -> Tensor:
        return network(frames.to(device)).float().cpu()

    def restore(degraded: Image) -> Image:
        height, width = degraded.shape[:2]
        pixels = torch.from_numpy(np.ascontiguousarray(degraded)).permute(2, 0, 1)[None]
        frames = pad_by_reflection(pixels, multiple).float() / 255.0
        try:
            with torch.inference_mode():
                restored = in_tiles(run, frames, tiles) if tiles else run(frames)
        except torch.cuda.OutOfMemoryError as error:
            smaller = tiles.halved_px if tiles else 512
            possible = tiles is None or smaller < tiles.side_px
            raise InputError(
                f'an image of {width}x{height} does not fit into the memory of {device}',
                fix=f'give --tile {smaller}' if possible else 'give --device cpu',
            ) from error
        restored = torch.clamp(restored[0, :, :height, :width] * 255.0 + 0.5, 0.0, 255.0)
        return np.ascontiguousarray(restored.to(torch.uint8).permute(1, 2, 0).numpy())

    return restore

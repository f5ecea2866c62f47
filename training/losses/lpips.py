"""LPIPS as a loss (Zhang et al. 2018): how different images look, as networks that know objects see them.

By torchmetrics, which brings the weights of the comparison. The features are those of torchvision's networks:
that library and its published weights have to be at hand, nothing is downloaded.
"""

from pathlib import Path

import torch
from torch import Tensor, nn

from restore_node.common.errors import ConfigError

_URL = 'https://download.pytorch.org/models/'
_FILES = {
    'alex': 'alexnet-owt-7be5be79.pth',
    'vgg': 'vgg16-397923af.pth',
    'squeeze': 'squeezenet1_1-b8a52dc0.pth',
}


class LpipsLoss(nn.Module):
    """LPIPS by the features of a network of LpipsConfig; frozen, on the CPU at first.

    Raises ConfigError where torchvision or the weights are missing.
    """

    def __init__(self, network: str) -> None:
        super().__init__()
        find_lpips(network)
        from torchmetrics.image.lpip import LearnedPerceptualImagePatchSimilarity

        # The network inside: the metric around it refuses images that leave 0..1, as restored ones do.
        self.compare = LearnedPerceptualImagePatchSimilarity(network).net.requires_grad_(False)

    def forward(self, restored: Tensor, sharp: Tensor) -> Tensor:
        """Compare float32 [N, 3, H, W] RGB, 0..1; the result is [N], one for each image."""
        return self.compare(restored, sharp, normalize=True).flatten()


def find_lpips(network: str) -> None:
    """Raise ConfigError where something is missing that LPIPS with this network needs."""
    path = Path(torch.hub.get_dir(), 'checkpoints', _FILES[network])
    if not path.is_file():
        raise ConfigError(
            f'the weights of LPIPS with {network} are missing',
            seen=f'no file {path}',
            wanted=f"torchvision's published weights, {_URL}{path.name}",
            fix='put them there; they are never downloaded',
        )
    try:
        import torchvision  # noqa: F401
    except (ImportError, RuntimeError) as error:  # RuntimeError: a build for another PyTorch
        raise ConfigError(
            'LPIPS wants torchvision, of the version that fits this PyTorch', seen=error
        ) from error

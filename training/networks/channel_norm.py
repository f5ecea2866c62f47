"""Layer normalisation of images."""

from torch import Tensor, nn


class ChannelNorm(nn.LayerNorm):
    """Layer normalisation over the channels of each pixel (Ba et al. 2016): [N, C, H, W] in and out."""

    def forward(self, features: Tensor) -> Tensor:
        """Normalise, scale and shift."""
        return super().forward(features.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)

"""The paper's discriminator (section 3.3.2, table 1), a critic: its score has no bounds."""

from torch import Tensor, nn

from restore_node.common.errors import ConfigError
from training.networks.layers import LEAKY_SLOPE, initialise

SIDE = 256
"""Rows and columns of the images it can look at; the dense layers fix them."""


class Discriminator(nn.Module):
    """PatchGAN's convolutions, then two dense layers that weigh its map of scores; no batch normalisation.

    The paper names no activations; LeakyReLU with slope 0.2 after every layer but the last is PatchGAN's.
    """

    def __init__(self) -> None:
        super().__init__()
        self.convolutions = nn.Sequential(
            *_convolution(3, 64, stride=2),
            *_convolution(64, 64, stride=2),
            *_convolution(64, 128, stride=2),
            *_convolution(128, 256, stride=2),
            *_convolution(256, 512, stride=1),
            *_convolution(512, 1, stride=1),
        )
        self.dense = nn.Sequential(
            nn.Linear((SIDE // 16) ** 2, 1024), nn.LeakyReLU(LEAKY_SLOPE), nn.Linear(1024, 1)
        )
        initialise(self, LEAKY_SLOPE)

    def forward(self, images: Tensor) -> Tensor:
        """Score images, higher for sharp ones: float32 [N, 3, 256, 256] RGB, 0..1, to float32 [N, 1].

        Raises ConfigError for images of another size.
        """
        if images.shape[1:] != (3, SIDE, SIDE):
            raise ConfigError(
                'the discriminator cannot look at these images',
                seen=f'[N, C, H, W] = {list(images.shape)}',
                wanted=f'[N, 3, {SIDE}, {SIDE}]',
                fix=f'train it on crops of {SIDE} pixels',
            )
        return self.dense(self.convolutions(2.0 * images - 1.0).flatten(1))


def _convolution(channels_in: int, channels_out: int, stride: int) -> tuple[nn.Module, ...]:
    """A 4x4 convolution, "same" padding: one pixel all round, one more behind where it skips nothing."""
    layers = (nn.Conv2d(channels_in, channels_out, 4, stride=stride, padding=1), nn.LeakyReLU(LEAKY_SLOPE))
    return layers if stride == 2 else (nn.ZeroPad2d((0, 1, 0, 1)), *layers)

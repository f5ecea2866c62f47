"""The paper's generator (section 3.3.1, figure 4), and the residual blocks that its figure 3 compares."""

import math
from typing import Annotated, Literal

import torch
from pydantic import Field, validate_call
from torch import Tensor, nn

from training.networks.layers import LEAKY_SLOPE, pad_by_reflection

Width = Annotated[int, Field(ge=1)]
Form = Literal['original', 'nah', 'ours']
Activation = Literal['relu', 'leaky_relu']

_BLOCK_GAIN = 0.1


class ResidualBlock(nn.Module):
    """Layers whose result is added to their input, and what follows the sum."""

    def __init__(self, change: nn.Sequential, after: nn.Module) -> None:
        super().__init__()
        self.change = change
        self.after = after

    def forward(self, features: Tensor) -> Tensor:
        """Float32 [N, channels, H, W], in and out."""
        return self.after(features + self.change(features))


def residual_block(form: Form, channels: int, activation: Activation | None, dropout: float) -> ResidualBlock:
    """One block of figure 3, of 3x3 convolutions that keep the number of channels.

    Args:
        form: `original`: two convolutions with batch normalisation, an activation between them and after
            the sum (He et al. 2016); `nah`: the same without normalisation, nothing after the sum (Nah et
            al. 2017); `ours`: the paper's, three convolutions with an activation after the first and the
            second, dropout between those two, no normalisation, nothing after the sum (section 3.1).
        channels: in and out.
        activation: of the block; None is its publication's, LeakyReLU (slope 0.2) for `ours`, else ReLU.
        dropout: probability in `ours`; the other two have none.
    """
    activation = activation or ('leaky_relu' if form == 'ours' else 'relu')

    def convolution(bias: bool = True) -> nn.Conv2d:
        return nn.Conv2d(channels, channels, 3, padding=1, bias=bias)

    def activate() -> nn.Module:
        return nn.ReLU(inplace=True) if activation == 'relu' else nn.LeakyReLU(LEAKY_SLOPE, inplace=True)

    if form == 'original':
        # What normalisation subtracts, a bias cannot add.
        layers = [convolution(bias=False), nn.BatchNorm2d(channels), activate()]
        layers += [convolution(bias=False), nn.BatchNorm2d(channels)]
        return ResidualBlock(nn.Sequential(*layers), activate())
    layers = [convolution(), activate()]
    if form == 'ours':
        layers += [nn.Dropout(dropout), convolution(), activate()]
    return ResidualBlock(nn.Sequential(*layers, convolution()), nn.Identity())


class Generator(nn.Module):
    """Down to a quarter of the resolution, residual blocks, up again, and a global skip.

    What the paper leaves open is settled here: 3x3 kernels in the strided convolutions, widths 64, 128, 256
    (from the blocks' 256), no batch normalisation, LeakyReLU slope 0.2. With its defaults it has 11.38 M
    parameters and costs 756 kMAC per pixel.

    Args:
        widths: channels at full, half and quarter resolution.
        blocks: number of residual blocks.
        block: their form, see `residual_block`.
        activation: of the blocks; None is what the form's publication says. Outside of them it is ReLU.
        dropout: probability in blocks of the form `ours`, in training only.

    Raises pydantic.ValidationError where an option is impossible.
    """

    size_multiple = 4

    @validate_call
    def __init__(
        self,
        widths: tuple[Width, Width, Width] = (64, 128, 256),
        blocks: Annotated[int, Field(ge=0)] = 6,
        block: Form = 'ours',
        activation: Activation | None = None,
        dropout: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.5,
    ) -> None:
        super().__init__()
        full, half, quarter = widths
        self.layers = nn.Sequential(
            nn.Conv2d(3, full, 7, padding=3),
            nn.ReLU(inplace=True),
            nn.Conv2d(full, half, 3, stride=2, padding=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(half, quarter, 3, stride=2, padding=1),
            nn.ReLU(inplace=True),
            *(residual_block(block, quarter, activation, dropout) for _ in range(blocks)),
            nn.ConvTranspose2d(quarter, half, 3, stride=2, padding=1, output_padding=1),
            nn.ReLU(inplace=True),
            nn.ConvTranspose2d(half, full, 3, stride=2, padding=1, output_padding=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(full, 3, 7, padding=3),
        )
        self._initialise()

    def forward(self, degraded: Tensor) -> Tensor:
        """Restore frames of any size: float32 [N, 3, H, W] RGB, 0..1; the result is clamped to 0..1.

        Inside, images are -1..1, the range of the tanh.
        """
        rows, columns = degraded.shape[-2:]
        scaled = 2.0 * pad_by_reflection(degraded, self.size_multiple) - 1.0
        restored = torch.clamp(scaled + torch.tanh(self.layers(scaled)), -1.0, 1.0)
        return ((restored + 1.0) / 2.0)[..., :rows, :columns]

    def _initialise(self) -> None:
        """He's weights keep the signal's size through layers that nothing normalises (He et al. 2015).

        The blocks start near the identity, so that their sum does not grow with their number, and the last
        layer starts at zero: an untrained generator returns its input, and learns what to change.
        """
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
                inputs = module.in_channels * math.prod(module.kernel_size)
                if isinstance(module, nn.ConvTranspose2d):
                    inputs /= math.prod(module.stride)
                nn.init.normal_(module.weight, std=math.sqrt(2.0 / inputs))
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
        for module in self.modules():
            if isinstance(module, ResidualBlock) and isinstance(module.change[-1], nn.Conv2d):
                module.change[-1].weight.data *= _BLOCK_GAIN
        nn.init.zeros_(self.layers[-1].weight)

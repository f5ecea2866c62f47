"""The residual blocks that figure 3 of the paper compares."""

from typing import Literal

from torch import Tensor, nn

Form = Literal['original', 'nah', 'ours']
Activation = Literal['relu', 'leaky_relu']

LEAKY_SLOPE = 0.2


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

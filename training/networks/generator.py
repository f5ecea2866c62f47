"""The paper's generator (section 3.3.1, figure 4)."""

import math
from typing import Annotated

import torch
from pydantic import Field, validate_call
from torch import Tensor, nn

from training.networks.layers import pad_by_reflection
from training.networks.residual import Activation, Form, ResidualBlock, residual_block

Width = Annotated[int, Field(ge=1)]

_BLOCK_GAIN = 0.1


class Generator(nn.Module):
    """Down to a quarter of the resolution, residual blocks, up again, and a global skip.

    What the paper leaves open is settled here: 3x3 kernels in the strided convolutions, widths 64, 128, 256
    (from the blocks' 256), no batch normalisation, LeakyReLU slope 0.2. With its defaults it has 11.38 M
    parameters and costs 756 kMAC per pixel.

    Args:
        widths: channels at full, half and quarter resolution.
        blocks: number of residual blocks.
        block: their form, see residual.py.
        activation: of the blocks; None is what the form's publication says. Outside of them it is ReLU.
        dropout: probability in blocks of the form `ours`, in training only.

    Raises:
        pydantic.ValidationError: an option is impossible.
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

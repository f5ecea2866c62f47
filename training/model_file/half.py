"""Whether a network can compute in fp16: seen by rounding every result, which ONNX Runtime's CPU does not do.

There fp16 graphs run in fp32 from one operator to the next, so that nothing overflows. Here each operation
computes in fp32 and gives its result in fp16, as a GPU's units do.
"""

import copy
import math
from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from restore_node.common.errors import ModelError
from restore_node.common.metrics import psnr
from training.model_file.graph import LEAST_ALIKE_DB, PixelsInPixelsOut, probes

LARGEST = torch.finfo(torch.float16).max
"""What is larger than 65504 is infinite in fp16."""


class _Rounded(TorchDispatchMode):
    """Rounds the result of every operation to fp16; remembers the largest magnitude, or that one was NaN."""

    def __init__(self) -> None:
        super().__init__()
        self.largest, self.operation = 0.0, ''

    def __torch_dispatch__(self, operation: Any, _types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = operation(*args, **(kwargs or {}))
        for made in result if isinstance(result, tuple | list) else (result,):
            if isinstance(made, Tensor) and made.dtype == torch.float32 and made.numel():
                self._round(made, str(operation))
        return result

    def _round(self, made: Tensor, operation: str) -> None:
        # What is infinite on purpose, as a mask of attention is, stays so.
        value = made.abs().masked_fill(made.isinf(), 0.0).max().item()
        if not (value <= self.largest or math.isnan(self.largest)):
            self.largest, self.operation = value, operation
        # A view that repeats its values was rounded before it was expanded.
        if 0 not in made.stride():
            made.copy_(made.half())


class _InHalf(nn.Module):
    """A network as it computes in fp16; float32 [N, 3, H, W] with values of fp16, in and out."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network, self.rounded = copy.deepcopy(network), _Rounded()
        for value in self.network.state_dict().values():
            if value.is_floating_point():
                value.copy_(value.half())

    def forward(self, images: Tensor) -> Tensor:
        with self.rounded:
            return self.network(images.half().float())


def check_half(network: nn.Module, pictures: Iterable[NDArray[np.uint8]]) -> float:
    """Compare a network that computes in fp16 with itself in fp32.

    Besides noise and a smooth picture they are compared on pictures, uint8 [H, W, 3] RGB, H and W multiples
    of the network's. Returns PSNR in dB of what one makes to what the other makes, on the picture where it is
    lowest; raises ModelError where that is below `LEAST_ALIKE_DB`, or values inside are too large for fp16.
    """
    in_half = _InHalf(network)
    full, half = PixelsInPixelsOut(network).eval(), PixelsInPixelsOut(in_half).eval()
    frames = [torch.from_numpy(picture)[None] for picture in (*probes(network.size_multiple), *pictures)]
    with torch.inference_mode():
        alike = min(psnr(half(frame)[0].numpy(), full(frame)[0].numpy()) for frame in frames)
    seen, wanted = f'{alike:.1f} dB to fp32', f'{LEAST_ALIKE_DB} dB'
    largest = in_half.rounded.largest
    if is_too_large := not largest <= LARGEST:
        seen, wanted = f'{largest:.3g} inside, by {in_half.rounded.operation}', f'at most {LARGEST:.0f}'
    if is_too_large or alike < LEAST_ALIKE_DB:
        raise ModelError(
            'the network cannot compute in fp16',
            seen=seen,
            wanted=wanted,
            fix='normalise what grows inside the network, or let its weights decay, and train on',
        )
    return alike

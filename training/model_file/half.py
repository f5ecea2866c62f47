"""Whether a network can compute in fp16: seen by computing so, which ONNX Runtime's CPU does not do.

There fp16 graphs run in fp32 from one operator to the next, so that nothing overflows. PyTorch rounds every
result to fp16, as a GPU does.
"""

import copy
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


class _Largest(TorchDispatchMode):
    """Sees the result of every operation; remembers the largest magnitude, or that one is not a number."""

    def __init__(self) -> None:
        super().__init__()
        self.value, self.operation = 0.0, ''

    def __torch_dispatch__(self, operation: Any, _types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = operation(*args, **(kwargs or {}))
        if isinstance(result, Tensor) and result.is_floating_point() and result.numel():
            # What is infinite on purpose, as a mask of attention is, stays so.
            value = result.abs().masked_fill(result.isinf(), 0.0).max().item()
            if not value <= self.value:
                self.value, self.operation = value, str(operation)
        return result


def check_half(network: nn.Module, pictures: Iterable[NDArray[np.uint8]]) -> float:
    """Compare a network that computes in fp16 with itself in fp32.

    Besides noise and a smooth picture they are compared on pictures, uint8 [H, W, 3] RGB, H and W multiples
    of the network's. Returns PSNR in dB of what one makes to what the other makes, on the picture where it is
    lowest; raises ModelError where that is below `LEAST_ALIKE_DB`, or values inside are too large for fp16.
    """
    full, half = PixelsInPixelsOut(network).eval(), PixelsInPixelsOut(copy.deepcopy(network).half()).eval()
    least_alike = float('inf')
    for picture in (*probes(network.size_multiple), *pictures):
        frame = torch.from_numpy(picture)[None]
        with torch.inference_mode():
            with _Largest() as largest:
                wanted = full(frame)
            if not largest.value <= LARGEST:
                seen = f'{largest.value:.3g} inside, by {largest.operation}'
                raise _refused(seen, f'at most {LARGEST:.0f}')
            try:
                found = half(frame)
            except RuntimeError as error:
                raise _refused(str(error).strip().partition('\n')[0], 'operations that know fp16') from error
        alike = psnr(found[0].numpy(), wanted[0].numpy())
        if alike < LEAST_ALIKE_DB:
            raise _refused(f'{alike:.1f} dB to fp32', f'{LEAST_ALIKE_DB} dB')
        least_alike = min(least_alike, alike)
    return least_alike


def _refused(seen: str, wanted: str) -> ModelError:
    return ModelError(
        'the network cannot compute in fp16',
        seen=seen,
        wanted=wanted,
        fix='normalise what grows inside the network, or let its weights decay, and train on',
    )

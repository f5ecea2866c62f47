"""How far a network looks: what one pixel of its output can depend on."""

import copy

import torch
from torch import nn

from restore_node.common.errors import ConfigError

_ROWS_PX = 32
_FARTHEST_PX = 256


def reach_px(network: nn.Module, grid_px: int = 32) -> int:
    """How many pixels beyond a cut, at a multiple of `grid_px`, feel what lies behind it.

    Measured and not derived, so that it holds for any layers: behind two cuts everything is NaN, and NaN goes
    wherever a pixel has a say, whatever the weights. On the CPU, because the fast transforms of GPU libraries
    carry it farther. The multiple, of 32 itself, matters behind strides. Raises ConfigError for a network
    that looks more than 256 pixels far, or at the image as a whole.
    """
    margin = -(-_FARTHEST_PX // grid_px) * grid_px
    frames = torch.full((1, 3, _ROWS_PX, 4 * margin), torch.nan)
    frames[..., margin:-margin] = 0.5
    with torch.inference_mode():
        seen = copy.deepcopy(network).cpu().float().eval()(frames)
    untouched = seen.isfinite().all(dim=1).all(dim=1)[0].nonzero().flatten()
    if not len(untouched):
        raise ConfigError('the network looks too far for tiles', wanted=f'{margin} pixels or less')
    first, last = int(untouched[0]), int(untouched[-1])
    return max(first - margin, 3 * margin - 1 - last)

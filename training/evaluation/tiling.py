"""An image in overlapping tiles, for networks whose memory does not hold the whole of it."""

import copy
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from restore_node.common.errors import ConfigError

GRID_PX = 32
"""Tiles begin at multiples of this, so that every strided layer sees them as it sees the whole image."""
RAMP_PX = 32
"""Over this width two neighbours fade into each other."""

_ROWS_PX, _FARTHEST_PX = 32, 256


@dataclass(frozen=True)
class Tiles:
    """Tiles that an image is cut into, by the length of their sides.

    The context is what a tile shows of its neighbours and is then thrown away: at least the network's reach.
    """

    side_px: int
    context_px: int

    @classmethod
    def of(cls, network: nn.Module, side_px: int) -> 'Tiles':
        """Tiles that restore what the whole image would: their context is the network's measured reach.

        Raises ConfigError for an impossible size, and a network that looks too far for any.
        """
        grid = math.lcm(GRID_PX, int(getattr(network, 'size_multiple', 1)))
        # In halves of the grid, for a step between tiles leaves out two contexts.
        context = -(-reach_px(network, grid) // (grid // 2)) * (grid // 2)
        tiles = cls(side_px, context)
        if side_px % grid or side_px < tiles.smallest_px:
            raise ConfigError(
                'size of tiles',
                seen=side_px,
                wanted=f'a multiple of {grid}, for this network {tiles.smallest_px} or more',
            )
        return tiles

    @property
    def smallest_px(self) -> int:
        """The smallest side with this context."""
        return 2 * self.context_px + RAMP_PX + GRID_PX

    @property
    def halved_px(self) -> int:
        """About half the side, where that is possible."""
        return max(self.smallest_px, self.side_px // 2 // GRID_PX * GRID_PX)


def in_tiles(run: Callable[[Tensor], Tensor], frames: Tensor, tiles: Tiles) -> Tensor:
    """Run a network on overlapping tiles and join what it returns.

    Exact, up to the order of floating-point sums, where the network's reach is at most the tiles' context: no
    pixel that counts was restored without all it depends on. float32 [N, 3, H, W], in and out, on the CPU;
    the last tiles of a row and a column may be smaller.
    """
    height, width = frames.shape[-2:]
    total = torch.zeros_like(frames)
    weights = torch.zeros(height, width, dtype=frames.dtype)
    for rows, row_weights in _spans(height, tiles):
        for columns, column_weights in _spans(width, tiles):
            weight = row_weights[:, None] * column_weights
            total[..., rows, columns] += weight * run(frames[..., rows, columns])
            weights[rows, columns] += weight
    return total / weights


def reach_px(network: nn.Module, grid_px: int = GRID_PX) -> int:
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


def _spans(size: int, tiles: Tiles) -> Iterator[tuple[slice, Tensor]]:
    """The tiles along one side, and how much each pixel of a tile counts."""
    side, context = tiles.side_px, tiles.context_px
    last = max(0, -(-(size - side) // GRID_PX) * GRID_PX)
    step = side - 2 * context - RAMP_PX
    for start in (*range(0, last, step), last):
        end = min(start + side, size)
        position = torch.arange(start, end) + 0.5
        rising = (position - start - context) / RAMP_PX if start else torch.ones(end - start)
        falling = (end - position - context) / RAMP_PX if end < size else torch.ones(end - start)
        yield slice(start, end), torch.minimum(rising, falling).clamp(0.0, 1.0)

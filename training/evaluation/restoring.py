"""A network as a function on one image of any size, whole or in tiles."""

import math
from collections.abc import Callable, Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from restore_node.errors import ConfigError, InputError
from training.networks.padding import pad_by_reflection

Image = NDArray[np.uint8]
Restore = Callable[[Image], Image]
"""uint8 [H, W, 3] RGB to the same shape."""

GRID_PX = 32
"""Tiles begin at multiples of this, so that every strided layer sees them as it sees the whole image."""
CONTEXT_PX = 96
"""What a tile shows of its neighbours and is then thrown away: more than the reach of our generators."""
RAMP_PX = 32
"""Over this width two neighbours fade into each other."""
SMALLEST_TILE_PX = 2 * CONTEXT_PX + RAMP_PX + GRID_PX


def restore_with(network: nn.Module, device: torch.device, tile_px: int | None = None) -> Restore:
    """A network as a function on one image; rounds and clamps as the exported graph does.

    Args:
        network: in evaluation mode, on `device`; its `size_multiple` is met by mirroring the image, as the
            node does.
        device: where it runs.
        tile_px: side of the tiles that an image is cut into where it does not fit into memory, a multiple of
            32 and at least 256; None runs images whole.

    Raises:
        ConfigError: impossible size of tiles.
    """
    multiple = int(getattr(network, 'size_multiple', 1))
    if tile_px is not None and (tile_px % math.lcm(GRID_PX, multiple) or tile_px < SMALLEST_TILE_PX):
        raise ConfigError(
            'size of tiles',
            seen=tile_px,
            wanted=f'a multiple of {math.lcm(GRID_PX, multiple)}, {SMALLEST_TILE_PX} or more',
        )

    def run(frames: Tensor) -> Tensor:
        return network(frames.to(device)).float().cpu()

    def restore(degraded: Image) -> Image:
        height, width = degraded.shape[:2]
        pixels = torch.from_numpy(np.ascontiguousarray(degraded)).permute(2, 0, 1)[None]
        frames = pad_by_reflection(pixels, multiple).float() / 255.0
        try:
            with torch.inference_mode():
                restored = in_tiles(run, frames, tile_px) if tile_px else run(frames)
        except torch.cuda.OutOfMemoryError as error:
            raise InputError(
                f'an image of {width}x{height} does not fit into the memory of {device}',
                fix=f'give --tile {tile_px // 2 if tile_px else 512}',
            ) from error
        restored = torch.clamp(restored[0, :, :height, :width] * 255.0 + 0.5, 0.0, 255.0)
        return np.ascontiguousarray(restored.to(torch.uint8).permute(1, 2, 0).numpy())

    return restore


def in_tiles(run: Callable[[Tensor], Tensor], frames: Tensor, tile_px: int) -> Tensor:
    """Run a network on overlapping tiles and join what it returns.

    Exact, up to the order of floating-point sums, where the network's reach is at most CONTEXT_PX: no pixel
    that counts was restored without all it depends on.

    Args:
        run: float32 [N, 3, H, W] to the same shape, on the CPU.
        frames: float32 [N, 3, H, W].
        tile_px: side of a tile, as for `restore_with`.
    """
    height, width = frames.shape[-2:]
    total = torch.zeros_like(frames)
    weights = torch.zeros(height, width)
    for rows, row_weights in _spans(height, tile_px):
        for columns, column_weights in _spans(width, tile_px):
            weight = row_weights[:, None] * column_weights
            total[..., rows, columns] += weight * run(frames[..., rows, columns])
            weights[rows, columns] += weight
    return total / weights


def _spans(size: int, tile_px: int) -> Iterator[tuple[slice, Tensor]]:
    """The tiles along one side, and how much each pixel of a tile counts."""
    last = max(0, -(-(size - tile_px) // GRID_PX) * GRID_PX)
    step = tile_px - 2 * CONTEXT_PX - RAMP_PX
    for start in (*range(0, last, step), last):
        end = min(start + tile_px, size)
        position = torch.arange(start, end) + 0.5
        rising = (position - start - CONTEXT_PX) / RAMP_PX if start else torch.ones(end - start)
        falling = (end - position - CONTEXT_PX) / RAMP_PX if end < size else torch.ones(end - start)
        yield slice(start, end), torch.minimum(rising, falling).clamp(0.0, 1.0)

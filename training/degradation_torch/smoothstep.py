"""A soft step on a device."""

from torch import Tensor


def smoothstep(rise: Tensor) -> Tensor:
    """See `training.degradation.smoothstep`: the same shape and dtype, 0..1."""
    t = rise.clamp(0.0, 1.0)
    return t * t * (3.0 - 2.0 * t)

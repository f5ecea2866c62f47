"""Frame: one camera image as it came, with the header that identifies it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from restore_node.messages.encodings import LAYOUTS


class Header(NamedTuple):
    """`std_msgs/Header`, kept in its wire form so that it can be given back bit for bit.

    Attributes:
        sec: seconds of the stamp, int32.
        nanosec: nanoseconds of the stamp, uint32; kept even where a driver sends 1e9 or more.
        frame_id: coordinate frame; bytes that are not UTF-8 survive as surrogate escapes.
    """

    sec: int
    nanosec: int
    frame_id: str

    @property
    def stamp_ns(self) -> int:
        """The stamp in nanoseconds."""
        return self.sec * 1_000_000_000 + self.nanosec


@dataclass(frozen=True)
class Frame:
    """Decoded image, stamp and frame_id.

    Attributes:
        pixels: `[H, W]` or `[H, W, C]`, uint8 or uint16, in the channel order that `encoding` names; of nv12,
            nv21 and nv24 `[H * 3/2, W]` or `[H * 3, W]`, the plane of colours below the grey one. A view of
            the message's bytes wherever the encoding allows it: read it, never write it.
        encoding: `sensor_msgs/image_encodings` name of `pixels`.
        header: the header of the message it came from.
        bits: significant bits of a value, in the low bits of 16; 0: as many as the encoding's name says.
    """

    pixels: np.ndarray
    encoding: str
    header: Header
    bits: int = 0

    @property
    def height(self) -> int:
        """Rows, pixels."""
        in_memory, of_pixels = LAYOUTS[self.encoding].rows
        return int(self.pixels.shape[0]) * of_pixels // in_memory

    @property
    def width(self) -> int:
        """Columns, pixels."""
        return int(self.pixels.shape[1])

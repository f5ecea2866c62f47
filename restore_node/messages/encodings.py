"""Encodings of `sensor_msgs/Image`: how each lies in memory, and how it turns into RGB and back.

The names are those of `sensor_msgs/image_encodings.hpp`, and those that drivers send beside them. OpenCV's
type names are read where they mean a picture: 8UC1 is grey, and three or four channels are in OpenCV's order,
blue first. 16UC1 and 32FC1 are distances (REP 118), and no restoration may touch them.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2

#: Conversion code of nv24, which OpenCV does not know.
NV24 = -1


@dataclass(frozen=True)
class PixelLayout:
    """How an encoding lies in memory and how it turns into RGB and back.

    Attributes:
        channels: values of one pixel; 1 where planes follow each other.
        bits: significant bits of a value; more than 8 lie in the low bits of 16.
        to_rgb: OpenCV's conversion code; None where a plain copy does.
        from_rgb: the same for the way back.
        output: encoding of the restored image; empty where it is the same.
        rows: so many rows in memory hold so many rows of pixels: more where a plane of colours follows.
        even: a pixel of colour is this wide and high, so the image's width and height are multiples of it.
        smallest: the fewest pixels of width and height that can be converted.
    """

    channels: int
    bits: int = 8
    to_rgb: int | None = None
    from_rgb: int | None = None
    output: str = ''
    rows: tuple[int, int] = (1, 1)
    even: tuple[int, int] = (1, 1)
    smallest: int = 1

    @property
    def item(self) -> int:
        """Bytes of a value."""
        return 1 if self.bits == 8 else 2


# By the letters of a name: channels, and OpenCV's conversions to RGB and back.
_COLOURS = {
    'rgb': (3, None, None),
    'bgr': (3, cv2.COLOR_BGR2RGB, cv2.COLOR_RGB2BGR),
    'rgba': (4, cv2.COLOR_RGBA2RGB, cv2.COLOR_RGB2RGBA),
    'bgra': (4, cv2.COLOR_BGRA2RGB, cv2.COLOR_RGB2BGRA),
    'mono': (1, cv2.COLOR_GRAY2RGB, cv2.COLOR_RGB2GRAY),
}


def _plain(colours: str, bits: int = 8) -> PixelLayout:
    channels, to_rgb, from_rgb = _COLOURS[colours]
    return PixelLayout(channels, bits, to_rgb, from_rgb)


def _packed(to_rgb: int) -> PixelLayout:
    return PixelLayout(2, to_rgb=to_rgb, output='bgr8', even=(2, 1))


def _planes(to_rgb: int, rows: tuple[int, int], even: tuple[int, int]) -> PixelLayout:
    return PixelLayout(1, to_rgb=to_rgb, output='bgr8', rows=rows, even=even)


# OpenCV names a Bayer pattern by its second row's second and third pixel, ROS by its first two pixels.
_BAYER = {
    'rggb': cv2.COLOR_BayerBG2RGB,
    'bggr': cv2.COLOR_BayerRG2RGB,
    'gbrg': cv2.COLOR_BayerGR2RGB,
    'grbg': cv2.COLOR_BayerGB2RGB,
}

LAYOUTS = {
    **{f'{colours}8': _plain(colours) for colours in _COLOURS},
    '8UC1': _plain('mono'),
    '8UC3': _plain('bgr'),
    '8UC4': _plain('bgra'),
    **{f'{colours}16': _plain(colours, 16) for colours in _COLOURS},
    '16UC3': _plain('bgr', 16),
    '16UC4': _plain('bgra', 16),
    **{f'mono{bits}': _plain('mono', bits) for bits in (10, 12, 14)},
    # OpenCV interpolates inside a border of one pixel and leaves smaller images black.
    **{
        f'bayer_{pattern}{bits}': PixelLayout(1, bits, code, output='bgr8', smallest=3)
        for bits in (8, 10, 12, 14, 16)
        for pattern, code in _BAYER.items()
    },
    # Packed 4:2:2 under the names of Humble and of later distros.
    'yuv422': _packed(cv2.COLOR_YUV2RGB_UYVY),
    'uyvy': _packed(cv2.COLOR_YUV2RGB_UYVY),
    'yuv422_yuy2': _packed(cv2.COLOR_YUV2RGB_YUY2),
    'yuyv': _packed(cv2.COLOR_YUV2RGB_YUY2),
    # A grey plane, then one of pairs of colours: for 2x2 pixels each, or for each pixel.
    'nv12': _planes(cv2.COLOR_YUV2RGB_NV12, (3, 2), (2, 2)),
    'nv21': _planes(cv2.COLOR_YUV2RGB_NV21, (3, 2), (2, 2)),
    'nv24': _planes(NV24, (3, 1), (1, 1)),
}

#: Encodings of `sensor_msgs/Image` that are read.
SUPPORTED_ENCODINGS = tuple(LAYOUTS)
#: Encodings that restored images can be published in.
OUTPUT_ENCODINGS = ('rgb8', 'bgr8', 'rgba8', 'bgra8', 'mono8')

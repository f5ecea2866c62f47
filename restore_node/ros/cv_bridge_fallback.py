"""What cv_bridge, where it is installed, reads of the encodings that this package does not read itself.

It is tried and imported when the first such image comes: a vehicle without it, or with one that was built for
another NumPy, loses nothing else.
"""

from __future__ import annotations

import os
import subprocess
import sys
from functools import cache
from typing import Any

import numpy as np

from restore_node.messages import cdr
from restore_node.messages.frame import Frame

_TRIAL = """
import numpy
from cv_bridge import CvBridge
bridge = CvBridge()
grey = bridge.cv2_to_imgmsg(numpy.zeros((4, 4), numpy.uint8), 'mono8')
assert bridge.imgmsg_to_cv2(grey, 'rgb8').shape == (4, 4, 3)
"""
_PATIENCE_S = 30.0


def read_with_cv_bridge(message: bytes | bytearray | memoryview) -> Frame | None:
    """Read a serialised `sensor_msgs/Image` that `codec.decode` refused with `UnreadableEncodingError`.

    Returns:
        The image as an rgb8 Frame; None where cv_bridge is missing or does not convert this encoding, as is
        the case of distances (16UC1, 32FC1).
    """
    bridge = _bridge()
    if bridge is None:
        return None
    image = cdr.read_image(message)
    try:
        pixels = bridge.imgmsg_to_cv2(
            image, 'rgb8'
        )  # it looks at the fields alone, and ours have their names
    except Exception:  # RuntimeError for an unknown encoding, CvBridgeError for a known one, others from C++
        return None
    if pixels.shape != (image.height, image.width, 3) or pixels.dtype != np.uint8:
        return None
    return Frame(pixels, 'rgb8', image.header)


@cache
def _bridge() -> Any:
    if not _survives():
        return None
    from cv_bridge import CvBridge

    return CvBridge()


def _survives() -> bool:
    """Whether cv_bridge converts an image here. A child tries: one for another NumPy may end its process."""
    environment = os.environ | {'PYTHONPATH': os.pathsep.join(path for path in sys.path if path)}
    try:
        tried = subprocess.run(
            [sys.executable, '-c', _TRIAL],
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=_PATIENCE_S,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return tried.returncode == 0

"""CameraInfoRelay: the calibration goes where the restored image goes, with the image's stamp."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable

from restore_node.common.errors import EncodingError
from restore_node.messages import cdr
from restore_node.messages.frame import Header

#: Messages kept for pairing by stamp: more than a second at 30 Hz.
KEPT = 40


class CameraInfoRelay:
    """Pairs serialised `sensor_msgs/CameraInfo` with published images.

    An image's own camera_info (same stamp) is published as it is. Where it has not come yet, the newest one
    of the image's size is published with the image's stamp; where there is none at all, the next that comes.
    So one calibration that a latched publisher sent once serves every image.

    Attributes:
        state: one line for diagnostics: `fits`, or why images go without.
    """

    def __init__(self, publish: Callable[[bytes], None]) -> None:
        self._publish = publish
        self._lock = threading.Lock()
        self._by_stamp: OrderedDict[int, bytes] = OrderedDict()
        self._newest: OrderedDict[tuple[int, int], bytes] = OrderedDict()
        self.state = 'none has come'
        self._owed: tuple[Header, int, int] | None = None

    def receive(self, message: bytes) -> None:
        """Take a camera_info; called by the subscription. A malformed one is passed over."""
        try:
            head = cdr.read_camera_info_head(message)
        except EncodingError:
            return
        with self._lock:
            self._by_stamp[head.header.stamp_ns] = message
            if len(self._by_stamp) > KEPT:
                self._by_stamp.popitem(last=False)
            size = head.height, head.width
            self._newest[size] = message
            self._newest.move_to_end(size)
            if len(self._newest) > KEPT:
                self._newest.popitem(last=False)
            owed = self._owed
            if owed is None:
                self.state = 'fits' if self.state == 'none has come' else self.state
                return
            if owed[1:] != size:
                self._name_misfit(*owed[1:])
                return
            self._owed, self.state = None, 'fits'
        self._publish(cdr.restamp(message, owed[0]))

    def accompany(self, header: Header, height: int, width: int) -> None:
        """Publish the camera_info of an image that was just published."""
        with self._lock:
            message = self._by_stamp.get(header.stamp_ns)
            if message is None:
                newest = self._newest.get((height, width))
                if newest is None:
                    self._owed = (header, height, width)
                    self._name_misfit(height, width)
                    return
                message = cdr.restamp(newest, header)
            self._owed, self.state = None, 'fits'
        self._publish(message)

    def _name_misfit(self, height: int, width: int) -> None:
        """Say that no camera_info describes images of this size; the one that came last is named."""
        if self._newest:
            other_height, other_width = next(reversed(self._newest))
            self.state = f'is for {other_width}x{other_height}, images are {width}x{height}'

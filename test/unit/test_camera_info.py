"""Which camera_info goes beside which image."""

from __future__ import annotations

from messages import HEADER, camera_info_message

from restore_node.messages import cdr
from restore_node.ros.camera_info import KEPT, CameraInfoRelay


def later(seconds: int):
    return HEADER._replace(sec=HEADER.sec + seconds)


def test_state_follows_what_fits() -> None:
    published: list[bytes] = []
    relay = CameraInfoRelay(published.append)
    assert relay.state == 'none has come'
    relay.accompany(HEADER, 480, 640)
    assert relay.state == 'none has come'
    relay.receive(camera_info_message(1080, 1920))
    assert relay.state == 'is for 1920x1080, images are 640x480'
    relay.accompany(later(1), 480, 640)
    assert published == []
    relay.receive(camera_info_message(480, 640))
    assert relay.state == 'fits'
    assert cdr.read_camera_info_head(published[0]) == (later(1), 480, 640)
    relay.accompany(later(2), 240, 320)
    assert relay.state == 'is for 640x480, images are 320x240'
    relay.accompany(later(3), 480, 640)
    assert relay.state == 'fits'


def test_binned_and_cropped_images_fit_their_calibration() -> None:
    binned = camera_info_message(1080, 1920, binning=(2, 2))
    assert cdr.read_camera_info_head(binned)[1:] == (540, 960)
    cropped = camera_info_message(1080, 1920, binning=(2, 1), roi=(10, 20, 400, 600))
    assert cdr.read_camera_info_head(cropped)[1:] == (400, 300)


def test_sizes_without_end_are_not_kept() -> None:
    relay = CameraInfoRelay(lambda _: None)
    for size in range(1, 10 * KEPT):
        relay.receive(camera_info_message(size, size))
    assert len(relay._newest) == KEPT

"""Thousands of damaged messages against codec and cdr: our errors only, and memory in proportion."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import pytest
from messages import camera_info_message, compressed_message, image_message

from restore_node.common.errors import EncodingError
from restore_node.messages import cdr, codec
from restore_node.messages.encodings import LAYOUTS

ROUNDS = [pytest.param(400, id='short'), pytest.param(10_000, id='long', marks=pytest.mark.slow)]
# The messages are small; a mutation changes a picture's claimed size now and then.
MOST_BYTES = 64_000_000


def mutated(message: bytes, rng: np.random.Generator) -> bytes:
    """Overwrite, cut, insert, double or swap some bytes; numbers get the values that break programs."""
    data = bytearray(message)
    for _ in range(rng.integers(1, 6)):
        at = int(rng.integers(0, max(1, len(data))))
        match rng.integers(0, 6):
            case 0:
                data[at : at + 1] = bytes([rng.integers(0, 256)])
            case 1:
                extreme = (0, 1, 2**31 - 1, 2**31, 2**32 - 1, 30_000, 65_535)[rng.integers(0, 7)]
                at -= at % 4
                data[at : at + 4] = extreme.to_bytes(4, 'little')
            case 2:
                del data[at : at + int(rng.integers(1, 40))]
            case 3:
                data[at:at] = rng.integers(0, 256, rng.integers(1, 40), np.uint8).tobytes()
            case 4:
                data[at:at] = data[at : at + 32]
            case 5:
                data = data[: max(1, at)] if rng.random() < 0.2 else data
    return bytes(data)


def raw_messages() -> list[bytes]:
    messages = []
    for encoding, layout in LAYOUTS.items():
        shape = (6 * layout.rows[0] // layout.rows[1], 8, layout.channels)
        pixels = np.zeros(shape, np.uint8 if layout.item == 1 else np.uint16)
        messages.append(image_message(pixels, encoding, padding=0 if layout.rows != (1, 1) else 3, height=6))
    return messages


def compressed_messages() -> list[bytes]:
    picture = cv2.resize(np.random.default_rng(3).integers(0, 256, (4, 6, 3), np.uint8), (45, 31))
    files = [cv2.imencode(suffix, picture)[1].tobytes() for suffix in ('.jpg', '.png', '.webp', '.tiff')]
    files.append(cv2.imencode('.jpg', picture, (cv2.IMWRITE_JPEG_PROGRESSIVE, 1))[1].tobytes())
    return [compressed_message(data) for data in [*files, files[0][:-2]]]


def restore_raw(message: bytes) -> None:
    frame = codec.decode(message)
    rgb = np.empty((frame.height, frame.width, 3), np.uint8)
    codec.to_rgb(frame, rgb)
    codec.encode(rgb, frame)


KINDS: dict[str, tuple[Callable[[bytes], Any], list[bytes]]] = {
    'image': (restore_raw, raw_messages()),
    'compressed': (codec.decode_compressed, compressed_messages()),
    'camera_info': (cdr.read_camera_info_head, [camera_info_message(480, 640)]),
    'stamp': (cdr.read_stamp_ns, [camera_info_message(480, 640)]),
}


@pytest.mark.parametrize('rounds', ROUNDS)
@pytest.mark.parametrize('kind', KINDS)
def test_damaged_messages_raise_our_errors_and_take_bounded_memory(kind: str, rounds: int) -> None:
    read, messages = KINDS[kind]
    rng = np.random.default_rng(7)
    lines = []
    tracemalloc.start()
    try:
        for index in range(rounds):
            message = mutated(messages[index % len(messages)], rng)
            try:
                read(message)
            except EncodingError as error:
                lines.append(str(error))
        assert tracemalloc.get_traced_memory()[1] < MOST_BYTES
    finally:
        tracemalloc.stop()
    assert kind == 'stamp' or 0 < len(lines) < rounds
    assert all(line.isascii() and len(line) < 1000 for line in lines)

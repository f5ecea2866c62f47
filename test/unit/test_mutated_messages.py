"""Thousands of damaged messages against codec and cdr: our errors only, and memory in proportion."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from messages import camera_info_message, every_compressed_message, every_raw_message

from dev.soak.mutation import mutated
from restore_node.common.errors import EncodingError
from restore_node.messages import cdr, codec

ROUNDS = [pytest.param(400, id='short'), pytest.param(10_000, id='long', marks=pytest.mark.slow)]
# The messages are small; a mutation changes a picture's claimed size now and then.
MOST_BYTES = 64_000_000


def restore_raw(message: bytes) -> None:
    frame = codec.decode(message)
    codec.encode(codec.rgb_of(frame), frame)


KINDS: dict[str, tuple[Callable[[bytes], Any], list[bytes]]] = {
    'image': (restore_raw, every_raw_message()),
    'compressed': (codec.decode_compressed, every_compressed_message()),
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

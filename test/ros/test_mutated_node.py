"""Thousands of damaged messages against the node: each has its outcome, and then a good frame is restored."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from messages import camera_info_message, every_compressed_message, every_raw_message
from node_harness import CameraInfo, Image, picture, pixels_of, read_journal, wait_for
from sensor_msgs.msg import CompressedImage

from dev.soak.mutation import mutated
from restore_node.messages import cdr, codec
from restore_node.messages.frame import Header

pytestmark = pytest.mark.ros

ROUNDS = [pytest.param(200, id='short'), pytest.param(10_000, id='long', marks=pytest.mark.slow)]
#: DDS carries no message without CDR's four bytes.
SHORTEST = 4
REMAPS = {'image_raw': '/cam/image_raw', 'image_restored': '/clean/image_restored'}


class Outcomes:
    """Reads a journal while it is written."""

    def __init__(self, path: Path) -> None:
        self._file = path.open()
        self.count = 0

    def has(self, count: int) -> bool:
        while line := self._file.readline():
            json.loads(line)
            self.count += 1
        return self.count >= count


def good_message(kind: type, header: Header) -> bytes:
    frame = codec.decode(cdr.new_image(header, 24, 32, 'rgb8', 96)[0])
    if kind is Image:
        return bytes(codec.encode(picture(), frame))
    return codec.encode_compressed(picture(), frame, 'png')


@pytest.mark.parametrize('rounds', ROUNDS)
@pytest.mark.parametrize('kind', [Image, CompressedImage], ids=['raw', 'compressed'])
def test_every_damaged_message_has_its_outcome_and_a_good_one_is_restored_after(
    bench, make_model, tmp_path, kind, rounds
):
    is_raw = kind is Image
    journal = tmp_path / 'journal.jsonl'
    node = bench.start_node(
        REMAPS,
        model=str(make_model()),
        image_transport='raw' if is_raw else 'compressed',
        journal=str(journal),
    )
    camera = bench.camera('/cam/image_raw' + ('' if is_raw else '/compressed'), kind)
    calibration = bench.camera('/cam/camera_info', CameraInfo)
    received = bench.detector('/clean/image_restored')
    outcomes, rng = Outcomes(journal), np.random.default_rng(11)
    messages = every_raw_message() if is_raw else every_compressed_message()
    info = camera_info_message(6, 8)
    for index in range(rounds):
        calibration.publish(mutated(info, rng).ljust(SHORTEST, b'\0'))
        camera.publish(mutated(messages[index % len(messages)], rng).ljust(SHORTEST, b'\0'))
        wait_for(lambda index=index: outcomes.has(index + 1), f'an outcome of message {index}')

    header = Header(*bench.now(), 'after all that')
    camera.publish(good_message(kind, header))
    wait_for(lambda: received and received[-1].header.frame_id == header.frame_id, 'the good frame, restored')
    restored = pixels_of(received[-1])
    np.testing.assert_array_equal(restored if is_raw else restored[..., ::-1], picture() + 10)
    assert node.stop() == 0
    assert 'Traceback' not in node.output
    frames, summary = read_journal(journal)
    assert len(frames) == summary['summary']['received'] == rounds + 1
    reasons = summary['summary']['reasons']
    assert reasons['malformed'] > rounds / 10
    assert not {'failure', 'failure_dropped'} & set(reasons)

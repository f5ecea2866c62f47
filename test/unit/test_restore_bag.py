"""restore_bag: images restored, everything else untouched, and no half bag whatever happens."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml
from rosbags.rosbag2 import StoragePlugin, Writer
from rosbags.typesys import Stores, get_typestore

from restore_node.messages import cdr, codec
from restore_node.messages.bag import BagReader, BagWriter, Message, Topic, qos
from restore_node.messages.cdr import COMPRESSED_IMAGE_TYPE, IMAGE_TYPE
from restore_node.messages.frame import Header
from restore_node.tools import restore_bag

STORE = get_typestore(Stores.ROS2_JAZZY)
STRING = 'std_msgs/msg/String'
STRANGE = 'vehicle_msgs/msg/Strange'
GRAY = 100
RESTORED = 110  # the test model adds ten grey levels


def image(stamp: int, height: int = 21, width: int = 37) -> bytes:
    message, data = cdr.new_image(Header(stamp, 7, 'lens'), height, width, 'bgr8', 3 * width)
    data[:] = GRAY
    return bytes(message)


def compressed(stamp: int, suffix: str) -> bytes:
    types = STORE.types
    header = types['std_msgs/msg/Header'](types['builtin_interfaces/msg/Time'](stamp, 7), 'lens')
    data = cv2.imencode(suffix, np.full((21, 37, 3), GRAY, np.uint8))[1].ravel()
    message = types[COMPRESSED_IMAGE_TYPE](header, suffix[1:], data)
    return bytes(STORE.serialize_cdr(message, COMPRESSED_IMAGE_TYPE))


MESSAGES = [
    Message('/front/image_raw', IMAGE_TYPE, 10, image(1)),
    Message('/strange', STRANGE, 11, b'\x00\x01\x00\x00\xff\xfe'),
    Message('/rear/image_raw/compressed', COMPRESSED_IMAGE_TYPE, 12, compressed(2, '.png')),
    Message('/rear/image_raw/compressed', COMPRESSED_IMAGE_TYPE, 13, compressed(3, '.jpg')),
    Message('/front/image_raw', IMAGE_TYPE, 14, image(4)[:-50]),  # malformed
    Message('/front/image_raw', IMAGE_TYPE, 15, image(5, 1, 1)),
    Message('/front/image_raw', IMAGE_TYPE, 16, b''),  # malformed
]


def write_bag(path: Path, messages: list[Message]) -> Path:
    with BagWriter(path) as bag:
        for name, kind in dict.fromkeys((message.topic, message.type) for message in messages):
            bag.add_topic(Topic(name, kind, qos=(qos('best_effort', depth=5),)))
        for message in messages:
            bag.write(message)
    return path


def run(*arguments: object) -> int:
    with pytest.raises(SystemExit) as ended:
        restore_bag.main([str(argument) for argument in arguments])
    return int(ended.value.code or 0)


@pytest.fixture
def bag(tmp_path: Path) -> Path:
    return write_bag(tmp_path / 'in', MESSAGES)


@pytest.fixture
def model(make_model) -> Path:
    return make_model(offset=float(RESTORED - GRAY), size_multiple=16)


def test_restores_raw_and_compressed_and_leaves_the_rest(bag, model, tmp_path, capsys):
    assert run(bag, tmp_path / 'out', '--model', model) == 0
    with BagReader(tmp_path / 'out') as out:
        written = list(out.messages())
        counts = {topic.name: topic.count for topic in out.topics}
        offered = {topic.name: topic.qos for topic in out.topics}
    originals = [message for message in written if not message.topic.endswith('image_restored')]
    assert originals == MESSAGES
    assert counts['/front/image_restored'] == counts['/rear/image_restored'] == 2
    assert offered['/front/image_restored'] == (qos('best_effort', depth=5),)
    for message in written:
        if message.topic.endswith('image_restored'):
            source = next(original for original in MESSAGES if original.time_ns == message.time_ns)
            before, after = decode(source), decode(message)
            assert after.header == before.header
            assert after.pixels.shape == before.pixels.shape
            assert after.encoding == 'bgr8'
            assert np.abs(after.pixels.astype(int) - RESTORED).max() <= 2  # JPEG
    said = capsys.readouterr().out
    assert '4 images restored' in said
    assert '2 malformed' in said
    assert 'plus-ten on CPUExecutionProvider' in said


def decode(message: Message):
    return (codec.decode if message.type == IMAGE_TYPE else codec.decode_compressed)(message.data)


def test_reads_sqlite3(model, tmp_path):
    with Writer(tmp_path / 'in', version=8, storage_plugin=StoragePlugin.SQLITE3) as writer:
        connection = writer.add_connection('/image', IMAGE_TYPE, typestore=STORE)
        writer.write(connection, 3, image(3))
    assert run(tmp_path / 'in', tmp_path / 'out', '--model', model) == 0
    with BagReader(tmp_path / 'out') as out:
        assert [(message.topic, message.time_ns) for message in out.messages()] == [
            ('/image', 3),
            ('/image_restored', 3),
        ]


def test_named_topic_and_suffix(bag, model, tmp_path):
    out = tmp_path / 'out'
    assert run(bag, out, '--model', model, '--topic', '/front/image_raw', '--suffix', '_sharp') == 0
    with BagReader(out) as made:
        added = {topic.name: topic.count for topic in made.topics} | {
            message.topic: 1 for message in MESSAGES
        }
        assert added['/front/image_raw'] == 1
        assert {topic.name for topic in made.topics} - {message.topic for message in MESSAGES} == {
            '/front/image_raw_sharp'
        }


def test_replace_keeps_names_and_what_is_malformed(model, tmp_path):
    messages = [message for message in MESSAGES if message.type != COMPRESSED_IMAGE_TYPE]
    write_bag(tmp_path / 'in', messages)
    assert run(tmp_path / 'in', tmp_path / 'out', '--model', model, '--replace') == 0
    with BagReader(tmp_path / 'out') as out:
        written = list(out.messages())
    assert [message[:3] for message in written] == [message[:3] for message in messages]
    assert decode(written[0]).pixels[0, 0, 0] == RESTORED
    assert [written[index].data for index in (1, 2, 4)] == [messages[index].data for index in (1, 2, 4)]


def test_a_compressed_twin_is_left_to_its_raw_topic(model, tmp_path):
    messages = [
        Message('/cam/image_raw', IMAGE_TYPE, 1, image(1)),
        Message('/cam/image_raw/compressed', COMPRESSED_IMAGE_TYPE, 2, compressed(1, '.jpg')),
    ]
    write_bag(tmp_path / 'in', messages)
    assert run(tmp_path / 'in', tmp_path / 'out', '--model', model) == 0
    with BagReader(tmp_path / 'out') as out:
        assert [(topic.name, topic.count) for topic in out.topics][2:] == [('/cam/image_restored', 1)]


def test_two_topics_for_one_name(model, tmp_path, capsys):
    messages = [Message(name, IMAGE_TYPE, 1, image(1)) for name in ('/cam/image_raw', '/cam/image_rect')]
    write_bag(tmp_path / 'in', messages)
    assert run(tmp_path / 'in', tmp_path / 'out', '--model', model) == 2
    error = capsys.readouterr().err
    assert error.startswith('error: ')
    assert '--suffix' in error
    assert run(tmp_path / 'in', tmp_path / 'out', '--model', model, '--suffix', '_restored') == 0


@pytest.mark.parametrize(
    ('arguments', 'fault'),
    [
        (['--topic', '/none'], 'has no topic /none'),
        (['--topic', '/strange'], 'not an image'),
        (['--replace'], 'cannot be replaced'),
        (['--model', 'no-such-model'], 'no-such-model'),
        (['--model', __file__], 'error: '),
    ],
)
def test_bad_input_is_one_line_and_leaves_nothing(bag, model, tmp_path, capsys, arguments, fault):
    before = sorted(tmp_path.iterdir())
    options = arguments if '--model' in arguments else ['--model', model, *arguments]
    assert run(bag, tmp_path / 'out', *options) == 2
    error = capsys.readouterr().err
    assert fault in error
    assert error.count('\n') == 1
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize('content', [b'', b'rubbish' * 1000])
def test_unreadable_bags(model, tmp_path, capsys, content):
    (tmp_path / 'in.mcap').write_bytes(content)
    assert run(tmp_path / 'in.mcap', tmp_path / 'out', '--model', model) == 2
    assert 'in.mcap' in capsys.readouterr().err
    assert not (tmp_path / 'out').exists()


def test_an_empty_bag(model, tmp_path, capsys):
    write_bag(tmp_path / 'in', [])
    assert run(tmp_path / 'in', tmp_path / 'out', '--model', model) == 2
    assert 'an empty bag, with no topics' in capsys.readouterr().err


def edit_metadata(bag: Path, change: Callable[[dict], object]) -> None:
    file = bag / 'metadata.yaml'
    metadata = yaml.safe_load(file.read_text())
    change(metadata['rosbag2_bagfile_information'])
    file.write_text(yaml.safe_dump(metadata))


def messages_in(bag: Path, *names: str) -> list[Message]:
    with BagReader(bag) as opened:
        return list(opened.messages(names))


def offer_other_qos(information: dict) -> None:
    for topic in information['topics_with_message_count']:
        metadata = topic['topic_metadata']
        edited = metadata['offered_qos_profiles'].replace('depth: 5', 'depth: 99')
        assert edited != metadata['offered_qos_profiles']
        metadata['offered_qos_profiles'] = edited


def lose_qos(information: dict) -> None:
    for topic in information['topics_with_message_count']:
        topic['topic_metadata']['offered_qos_profiles'] = ''


def forget_a_topic(information: dict) -> None:
    del information['topics_with_message_count'][1]


@pytest.mark.parametrize('storage', ['mcap', 'sqlite3'])
@pytest.mark.parametrize('change', [offer_other_qos, lose_qos, forget_a_topic])
def test_what_the_files_hold_counts_whatever_metadata_says(model, tmp_path, storage, change):
    """An edited QoS text made rosbags match no message to its topic, and the output lacked it."""
    plugin = StoragePlugin[storage.upper()]
    with Writer(tmp_path / 'in', version=8, storage_plugin=plugin) as writer:
        connections = {
            name: writer.add_connection(name, kind, typestore=STORE, offered_qos_profiles=[qos(depth=5)])
            for name, kind in (('/image', IMAGE_TYPE), ('/note', STRING))
        }
        for stamp in range(1, 6):
            writer.write(connections['/image'], stamp, image(stamp))
        writer.write(connections['/note'], 9, b'\x00\x01\x00\x00\x01\x00\x00\x00\x00')
    before = messages_in(tmp_path / 'in')
    edit_metadata(tmp_path / 'in', change)
    assert run(tmp_path / 'in', tmp_path / 'out', '--model', model) == 0
    assert messages_in(tmp_path / 'out', '/image', '/note') == before
    assert len(messages_in(tmp_path / 'out', '/image_restored')) == 5


def test_a_bag_that_holds_less_than_it_promises(bag, model, tmp_path, capsys):
    def promise_more(information: dict) -> None:
        (strange,) = (
            topic
            for topic in information['topics_with_message_count']
            if topic['topic_metadata']['name'] == '/strange'
        )
        strange['message_count'] += 2

    edit_metadata(bag, promise_more)
    assert run(bag, tmp_path / 'out', '--model', model) == 1
    error = capsys.readouterr().err
    assert 'got 1 of 3 messages of /strange' in error
    assert 'reindex' in error
    assert {path.name for path in tmp_path.iterdir()} == {'in', 'models'}


def test_a_bag_of_which_nothing_is_restored(model, tmp_path, capsys):
    depth, data = cdr.new_image(Header(1, 7, 'lens'), 4, 4, '32FC1', 16)
    data[:] = 0
    messages = [Message('/depth/image', IMAGE_TYPE, 1, bytes(depth)), MESSAGES[0]]
    write_bag(tmp_path / 'in', messages)
    assert run(tmp_path / 'in', tmp_path / 'out', '--model', model) == 1
    said = capsys.readouterr()
    assert 'no image of /depth/image was restored' in said.err
    assert "got '32FC1'" in said.out
    assert messages_in(tmp_path / 'out', '/depth/image', '/front/image_raw') == messages


def remove_metadata(bag: Path) -> None:
    (bag / 'metadata.yaml').unlink()


def empty_the_identifier(bag: Path) -> None:
    edit_metadata(bag, lambda information: information.update(storage_identifier=''))


def remove_everything(bag: Path) -> None:
    for file in bag.iterdir():
        file.unlink()


@pytest.mark.parametrize(
    ('damage', 'parts'),
    [
        (remove_metadata, ['no metadata.yaml, but in.mcap', 'ros2 bag reindex -s mcap']),
        (remove_everything, ['no metadata.yaml, but no other file', "the bag's own folder"]),
        (
            empty_the_identifier,
            ["storage_identifier '', beside in.mcap", 'mcap or sqlite3', 'reindex -s mcap'],
        ),
    ],
)
def test_a_broken_folder_says_what_is_there_and_what_to_do(bag, model, tmp_path, capsys, damage, parts):
    damage(bag)
    assert run(bag, tmp_path / 'out', '--model', model) == 2
    error = capsys.readouterr().err
    assert error.count('\n') == 1
    for part in parts:
        assert part in error


def test_never_overwrites(bag, model, tmp_path, capsys):
    (tmp_path / 'out').mkdir()
    assert run(bag, tmp_path / 'out', '--model', model) == 2
    assert 'exists already' in capsys.readouterr().err
    assert list((tmp_path / 'out').iterdir()) == []


@pytest.mark.parametrize('number', [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_killed_half_way_leaves_no_bag(model, make_model, tmp_path, number):
    slow = make_model(name='slow', work=6)
    messages = [Message('/image', IMAGE_TYPE, stamp, image(stamp, 480, 640)) for stamp in range(1, 400)]
    write_bag(tmp_path / 'in', messages)
    command = [sys.executable, '-m', 'restore_node.tools.restore_bag', tmp_path / 'in', tmp_path / 'out']
    environment = os.environ | {'PYTHONPATH': str(Path(restore_bag.__file__).parents[2])}
    process = subprocess.Popen(
        [*command, '--model', slow],
        env=environment,
        stderr=subprocess.DEVNULL,
        # A shell's background job, such as a CI's, hands on an ignored SIGINT.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    try:
        started = time.monotonic()
        while not list(tmp_path.glob('.out.*.part/out/out.mcap')) and time.monotonic() - started < 30:
            time.sleep(0.02)
        assert process.poll() is None
        process.send_signal(number)
        assert process.wait(timeout=30) in (128 + number, -number)
    finally:
        process.kill()
    assert not (tmp_path / 'out').exists()
    if number != signal.SIGKILL:
        assert not list(tmp_path.glob('.out.*'))

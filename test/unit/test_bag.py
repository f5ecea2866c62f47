"""Bags: what rosbag2 writes is read, what is written is what it reads, and nothing half written stays."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from rosbags.rosbag2 import CompressionFormat, CompressionMode, Reader, StoragePlugin, Writer
from rosbags.typesys import Stores, get_typestore

from restore_node.common.errors import BagError
from restore_node.messages.bag import BagReader, BagWriter, Message, Topic, qos
from restore_node.messages.cdr import COMPRESSED_IMAGE_TYPE, IMAGE_TYPE

STORE = get_typestore(Stores.ROS2_JAZZY)
STRING = 'std_msgs/msg/String'
CUSTOM = 'vehicle_msgs/msg/Wheel'
CUSTOM_DEFINITION = 'float64 speed\nstd_msgs/Header[] headers\n'


def string(text: str) -> bytes:
    return bytes(STORE.serialize_cdr(STORE.types[STRING](data=text), STRING))


def write_stock_bag(
    path: Path, plugin: StoragePlugin, compression: CompressionMode = CompressionMode.NONE
) -> None:
    """Write a bag by rosbags alone: /a with three strings, /b of an unknown type, /image without messages."""
    writer = Writer(path, version=9, storage_plugin=plugin)
    writer.set_compression(compression, CompressionFormat.ZSTD)
    with writer:
        a = writer.add_connection(
            '/a', STRING, typestore=STORE, offered_qos_profiles=[qos('best_effort', depth=3)]
        )
        b = writer.add_connection('/b', CUSTOM, msgdef=CUSTOM_DEFINITION, rihs01='RIHS01_' + 'ab' * 32)
        writer.add_connection('/image', IMAGE_TYPE, typestore=STORE)
        writer.write(a, 100, string('one'))
        writer.write(b, 150, b'\x00\x01\x00\x00anything')
        writer.write(a, 200, string('two'))
        writer.write(a, 300, string('three'))


@pytest.fixture(params=['sqlite3', 'mcap'])
def stock_bag(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    write_stock_bag(tmp_path / 'stock', StoragePlugin[request.param.upper()])
    return tmp_path / 'stock'


def test_reads_topics_and_messages_of_both_storages(stock_bag):
    with BagReader(stock_bag) as bag:
        assert [(topic.name, topic.type, topic.count) for topic in bag.topics] == [
            ('/a', STRING, 3),
            ('/b', CUSTOM, 1),
            ('/image', IMAGE_TYPE, 0),
        ]
        assert bag.topics[0].qos == (qos('best_effort', depth=3),)
        assert (bag.message_count, bag.start_ns, bag.duration_ns) == (4, 100, 200)
        assert list(bag.messages())[1:3] == [
            Message('/b', CUSTOM, 150, b'\x00\x01\x00\x00anything'),
            Message('/a', STRING, 200, string('two')),
        ]
        assert [message.time_ns for message in bag.messages(['/a'])] == [100, 200, 300]
        assert list(bag.messages(['/image', '/nothing'])) == []


@pytest.mark.parametrize('mode', [CompressionMode.MESSAGE, CompressionMode.FILE])
def test_reads_compressed_bags(tmp_path, mode):
    write_stock_bag(tmp_path / 'stock', StoragePlugin.SQLITE3, mode)
    with BagReader(tmp_path / 'stock') as bag:
        assert next(bag.messages()).data == string('one')


def test_reads_a_lone_mcap_file(tmp_path):
    write_stock_bag(tmp_path / 'stock', StoragePlugin.MCAP)
    with BagReader(tmp_path / 'stock' / 'stock.mcap') as bag:
        assert bag.message_count == 4


def test_a_copy_keeps_every_byte_definition_hash_and_qos(stock_bag, tmp_path):
    with BagReader(stock_bag) as source, BagWriter(tmp_path / 'copy') as copy:
        for topic in source.topics:
            copy.add_topic(topic)
        for message in source.messages():
            copy.write(message)
        with pytest.raises(KeyError):
            copy.write(Message('/undeclared', STRING, 1, b''))
    with BagReader(stock_bag) as source, BagReader(tmp_path / 'copy') as copied:
        assert list(copied.messages()) == list(source.messages())
        assert copied.topics == source.topics
        assert copied.topics[1].definition == CUSTOM_DEFINITION


def test_metadata_is_what_rosbag2_expects(tmp_path):
    with BagWriter(tmp_path / 'bag') as bag:
        bag.add_topic(Topic('/image', IMAGE_TYPE, qos=(qos('best_effort', depth=5),)))
        bag.write(Message('/image', IMAGE_TYPE, 5, b'\x00\x01\x00\x00'))
    information = yaml.safe_load((tmp_path / 'bag' / 'metadata.yaml').read_text())[
        'rosbag2_bagfile_information'
    ]
    assert information['version'] == 8
    assert information['storage_identifier'] == 'mcap'
    assert information['relative_file_paths'] == ['bag.mcap']
    topic = information['topics_with_message_count'][0]['topic_metadata']
    # The hash is the one of REP-2016 that Jazzy has for this type.
    assert topic['type_description_hash'] == (
        'RIHS01_d31d41a9a4c4bc8eae9be757b0beed306564f7526c88ea6a4588fb9582527d47'
    )
    # A string of YAML with rmw's numbers up to version 8; Humble reads nothing else.
    (profile,) = yaml.safe_load(topic['offered_qos_profiles'])
    assert (profile['history'], profile['depth'], profile['reliability'], profile['durability']) == (
        1,
        5,
        2,
        2,
    )
    with Reader(tmp_path / 'bag') as stock:
        assert stock.connections[0].msgdef.data.startswith('std_msgs/Header header')


def test_a_type_nobody_defined_passes_through(tmp_path):
    with BagWriter(tmp_path / 'bag') as bag:
        bag.add_topic(Topic('/mystery', 'some_msgs/msg/Mystery'))
        bag.write(Message('/mystery', 'some_msgs/msg/Mystery', 5, b'\x00\x01\x00\x00\x07'))
    with BagReader(tmp_path / 'bag') as bag:
        assert next(bag.messages()).data == b'\x00\x01\x00\x00\x07'


def test_a_bag_without_messages_is_a_bag(tmp_path):
    with BagWriter(tmp_path / 'bag') as bag:
        bag.add_topic(Topic('/image', IMAGE_TYPE))
    with BagReader(tmp_path / 'bag') as bag:
        assert (bag.message_count, bag.start_ns, bag.duration_ns, list(bag.messages())) == (0, 0, 0, [])


def test_a_failed_writer_leaves_nothing(tmp_path):
    def fail() -> None:
        with BagWriter(tmp_path / 'bag') as bag:
            bag.add_topic(Topic('/a', STRING))
            bag.write(Message('/a', STRING, 1, b'\x00' * 3_000_000))
            assert not (tmp_path / 'bag').exists()
            raise RuntimeError('half way')

    with pytest.raises(RuntimeError):
        fail()
    assert list(tmp_path.iterdir()) == []


def test_refuses_to_overwrite(tmp_path):
    (tmp_path / 'bag').mkdir()
    with pytest.raises(BagError, match='exists already'):
        BagWriter(tmp_path / 'bag')
    assert list((tmp_path / 'bag').iterdir()) == []


def test_refuses_a_place_that_cannot_be_written(tmp_path):
    (tmp_path / 'file').write_text('')
    with pytest.raises(BagError, match='cannot write'):
        BagWriter(tmp_path / 'file' / 'bag')


def break_nothing(bag: Path) -> Path:
    return bag.with_name('missing')


def break_metadata(bag: Path) -> Path:
    (bag / 'metadata.yaml').unlink()
    return bag


def break_yaml(bag: Path) -> Path:
    (bag / 'metadata.yaml').write_text('rosbag2_bagfile_information: [1')
    return bag


def break_storage(bag: Path) -> Path:
    next(bag.glob('stock.*')).write_bytes(b'not a bag at all' * 100)
    return bag


def empty_storage(bag: Path) -> Path:
    next(bag.glob('stock.*')).write_bytes(b'')
    return bag


def lose_storage(bag: Path) -> Path:
    next(bag.glob('stock.*')).unlink()
    return bag


def offer_text(bag: Path) -> Path:
    (bag / 'notes.txt').write_text('hello')
    return bag / 'notes.txt'


@pytest.mark.parametrize(
    'damage',
    [break_nothing, break_metadata, break_yaml, break_storage, empty_storage, lose_storage, offer_text],
)
def test_unreadable_bags_are_named(stock_bag, damage):
    path = damage(stock_bag)
    with pytest.raises(BagError, match=str(path)):
        BagReader(path)


def test_a_truncated_mcap_is_an_error_not_a_short_bag(tmp_path):
    write_stock_bag(tmp_path / 'stock', StoragePlugin.MCAP)
    file = tmp_path / 'stock' / 'stock.mcap'
    file.write_bytes(file.read_bytes()[:-100])
    with pytest.raises(BagError, match='reindex'):
        BagReader(file)


def test_images_are_chosen_by_type_and_name(tmp_path):
    with BagWriter(tmp_path / 'bag') as bag:
        for name, kind in (
            ('/a', STRING),
            ('/raw', IMAGE_TYPE),
            ('/zip', COMPRESSED_IMAGE_TYPE),
            ('/no', IMAGE_TYPE),
        ):
            bag.add_topic(Topic(name, kind))
            if name != '/no':
                bag.write(Message(name, kind, 5, string('x')))
    with BagReader(tmp_path / 'bag') as bag:
        assert [topic.name for topic in bag.images()] == ['/raw', '/zip']
        assert [topic.name for topic in bag.images(['/zip'])] == ['/zip']
        for name, fault in (('/gone', 'no topic'), ('/a', 'not an image'), ('/no', 'no messages')):
            with pytest.raises(BagError, match=f'{fault}.*/raw, /zip'):
                bag.images([name])


def test_a_bag_without_images_says_what_it_has(stock_bag):
    with BagReader(stock_bag) as bag, pytest.raises(BagError, match=r'no images.*/a \(std_msgs/msg/String\)'):
        bag.images()

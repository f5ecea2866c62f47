"""Restore the images of a rosbag2 bag, without ROS: `restore_bag IN OUT`.

Everything else in the bag, and by default the original images too, is copied through byte for byte. OUT is an
mcap bag and appears when it is complete.

Exit code 1, naming the topic, when the bag held fewer messages of one than it promises (nothing is written
then), or when no image of one could be read (they are copied).
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from restore_node.backends.base import Backend
from restore_node.common.console import progress_bar
from restore_node.common.errors import BagError, EncodingError
from restore_node.messages import codec
from restore_node.messages.bag import BagReader, BagWriter, Message, Topic
from restore_node.messages.cdr import COMPRESSED_IMAGE_TYPE, IMAGE_TYPE
from restore_node.runtime.restore import restore_frame
from restore_node.tools.cli import add_backend_arguments, chosen_backend, run_command, runs_on

RESTORED_NAME = 'image_restored'
COMPRESSED_SUFFIX = '/compressed'
EXIT_RESULT_IS_BAD = 1


@dataclass
class TopicOutcome:
    """What became of one topic's images: restored, or copied through because they could not be read."""

    restored: int = 0
    unread: int = 0
    first_fault: str = ''


class IncompleteBagError(BagError):
    """The bag promises messages that it does not hold."""


def restored_name(topic: str, suffix: str = '') -> str:
    """Return the topic that restored images of a topic go to.

    `/front/image_raw` and `/front/image_raw/compressed` give `/front/image_restored`, which has the same
    camera_info beside it. With a suffix: `/front/image_raw` plus the suffix.
    """
    base = topic.removesuffix(COMPRESSED_SUFFIX)
    return base + suffix if suffix else f'{base.rpartition("/")[0]}/{RESTORED_NAME}'


def choose_outputs(
    topics: Sequence[Topic], images: Sequence[Topic], *, named: bool, suffix: str = '', in_place: bool = False
) -> dict[str, Topic]:
    """Return the topic to write for the name of each image topic that is restored.

    Unless the user `named` them, a compressed topic beside its raw twin is left out. The suffix is that of
    `restored_name`; `in_place` restored images take the place of the originals.

    Raises:
        BagError: two would go to one name, or to one that the bag has already, or a compressed topic would
            have to change its type in place.
    """
    names = {topic.name for topic in images}
    if not named:
        images = [topic for topic in images if _raw_twin(topic) not in names]
    if in_place:
        for topic in images:
            if topic.type != IMAGE_TYPE:
                raise BagError(
                    f'{topic.name} cannot be replaced by its restored images',
                    seen=topic.type,
                    wanted=IMAGE_TYPE,
                    fix='leave out --replace, or name raw topics with --topic',
                )
        return {topic.name: topic for topic in images}
    outputs: dict[str, Topic] = {}
    taken = {topic.name: 'is in the bag already' for topic in topics}
    for topic in images:
        name = restored_name(topic.name, suffix)
        if name in taken:
            raise BagError(
                f'restored images of {topic.name} would go to {name}, which {taken[name]}',
                fix='choose another name with --suffix, or topics with --topic',
            )
        taken[name] = f'is for those of {topic.name}'
        outputs[topic.name] = Topic(name, IMAGE_TYPE, qos=topic.qos)
    return outputs


def _raw_twin(topic: Topic) -> str:
    is_twin = topic.type == COMPRESSED_IMAGE_TYPE and topic.name.endswith(COMPRESSED_SUFFIX)
    return topic.name.removesuffix(COMPRESSED_SUFFIX) if is_twin else ''


def restore_bag(
    source: BagReader, out: Path, backend: Backend, outputs: dict[str, Topic], *, in_place: bool = False
) -> dict[str, TopicOutcome]:
    """Write a bag with the restored images of some topics beside everything the source has.

    Outputs are those of `choose_outputs`; `in_place` leaves the original out where it could be restored.
    Returns what became of the images of each topic in `outputs`. Nothing is left behind by an error.

    Raises:
        IncompleteBagError: fewer messages of a topic came than the source promises.
        BagError: the source is damaged, or the output exists or cannot be written.
        BackendError: the backend failed.
    """
    outcomes = {name: TopicOutcome() for name in outputs}
    left = {(topic.name, topic.type): topic.count for topic in source.topics}
    with BagWriter(out) as bag, progress_bar() as bar:
        for topic in (*source.topics, *(() if in_place else outputs.values())):
            bag.add_topic(topic)
        total = sum(topic.count for topic in source.topics if topic.name in outputs)
        task = bar.add_task('restoring', total=total)
        for message in source.messages():
            left[message.topic, message.type] -= 1
            restored = None
            if message.topic in outputs:
                restored = _restore(message, outputs[message.topic], backend, outcomes[message.topic])
                bar.advance(task)
            if restored is None or not in_place:
                bag.write(message)
            if restored is not None:
                bag.write(restored)
        missing = [
            f'{topic.count - left[topic.name, topic.type]} of {topic.count} messages of {topic.name}'
            for topic in source.topics
            if left[topic.name, topic.type] > 0
        ]
        if missing:
            raise IncompleteBagError(
                f'{source.path} holds less than its metadata promises',
                seen=', '.join(missing),
                fix=f'count anew with `ros2 bag reindex {source.path}`, then restore it; nothing was written',
            )
    return outcomes


def _restore(message: Message, output: Topic, backend: Backend, outcome: TopicOutcome) -> Message | None:
    """Return the restored message; count, and return None, where the image cannot be read."""
    try:
        frame = codec.DECODERS[message.type](message.data)
    except EncodingError as err:
        outcome.unread += 1
        outcome.first_fault = outcome.first_fault or str(err)
        return None
    outcome.restored += 1
    image = bytes(codec.encode(restore_frame(backend, frame).rgb, frame))
    return Message(output.name, IMAGE_TYPE, message.time_ns, image)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(prog='restore_bag', description='Restore the images of a rosbag2 bag.')
    parser.add_argument('source', metavar='IN', type=Path, help='bag folder, or a lone .mcap file')
    parser.add_argument('out', metavar='OUT', type=Path, help='bag folder to make (mcap); must not exist')
    parser.add_argument(
        '--topic',
        action='append',
        default=[],
        metavar='T',
        help='image topic to restore; repeat for more (default all)',
    )
    names = parser.add_mutually_exclusive_group()
    names.add_argument(
        '--suffix',
        default='',
        help=f'append this to the topic name instead of putting {RESTORED_NAME} in its place',
    )
    names.add_argument(
        '--replace', action='store_true', help='restored images take the place of the originals'
    )
    add_backend_arguments(parser)
    run_command(_command, parser, arguments)


def _command(given: argparse.Namespace) -> int:
    with BagReader(given.source) as source:
        images = source.images(given.topic)
        outputs = choose_outputs(
            source.topics, images, named=bool(given.topic), suffix=given.suffix, in_place=given.replace
        )
        started = time.monotonic()
        with chosen_backend(given) as backend:
            try:
                outcomes = restore_bag(source, given.out, backend, outputs, in_place=given.replace)
            except IncompleteBagError as error:
                print(f'error: {error}', file=sys.stderr)
                return EXIT_RESULT_IS_BAD
            model = runs_on(backend)
    seconds = time.monotonic() - started
    for name, output in outputs.items():
        print(f'{name} -> {output.name}')
    restored = sum(outcome.restored for outcome in outcomes.values())
    print(f'{given.out}: {restored} images restored in {seconds:.1f} s by {model}')
    for name, outcome in outcomes.items():
        if outcome.unread:
            copied = f'{outcome.unread} malformed or unread images copied through'
            print(f'{name}: {copied}; the first: {outcome.first_fault}')
    fruitless = [name for name, outcome in outcomes.items() if not outcome.restored]
    if fruitless:
        print(f'error: no image of {", ".join(fruitless)} was restored', file=sys.stderr)
    return EXIT_RESULT_IS_BAD if fruitless else 0


if __name__ == '__main__':
    main()

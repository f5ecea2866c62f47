"""What a replay left behind, and the drive it was fed with (docs/contracts.md, sections 2, 4 and 5)."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from restore_node.common.errors import InputError, ReplayError, RestoreError
from restore_node.messages.bag import BagReader
from restore_node.runtime.counters import FrameRecord, Outcome, Reason

#: What the journal's last line says beside the counts.
FACTS = ('backend', 'provider', 'model', 'ros_distro', 'rmw_implementation')


@dataclass(frozen=True)
class Replay:
    """What player and node wrote down.

    Attributes:
        played_ns: stamps the player sent, in order; None for a message too short to have one.
        duration_s: from the first frame sent to the last, wall seconds.
        journal: the journal's frames, in the order of its lines.
        summary: the node's own counts (contract 2).
        facts: backend, provider, model, ros_distro, rmw_implementation.
    """

    played_ns: list[int | None]
    duration_s: float
    journal: list[FrameRecord]
    summary: dict[str, Any]
    facts: dict[str, str]


@dataclass(frozen=True)
class Segment:
    """A stretch of a drive with one kind of degradation."""

    name: str
    stamps_ns: tuple[int, ...]


@dataclass(frozen=True)
class Drive:
    """What is played: a bag, and what is known about it.

    Attributes:
        bag: rosbag2 folder or file.
        topic: image topic.
        duration_s: of the bag's log times.
        frames: messages on the topic.
        segments: empty where nothing is known.
        truth: file of the sharp, dry frame by stamp; empty where nothing is known.
        source: one phrase on where the pictures come from.
    """

    bag: Path
    topic: str
    duration_s: float
    frames: int
    segments: tuple[Segment, ...]
    truth: dict[int, Path]
    source: str

    @property
    def restored_topic(self) -> str:
        """Where `replay.launch.py` lets the node publish."""
        return self.topic.removesuffix('/compressed').rpartition('/')[0] + '/image_restored'


def read_replay(folder: Path) -> Replay:
    """Read `player.json` and `journal.jsonl`.

    Raises:
        ReplayError: one is missing, damaged, or the journal has no summary (the node did not end properly).
    """
    played = _json(folder / 'player.json')
    lines = _text(folder / 'journal.jsonl').splitlines()
    try:
        entries = [json.loads(line) for line in lines]
        summaries = [entry for entry in entries if 'summary' in entry]
        journal = [
            FrameRecord(
                entry['topic'],
                entry['stamp_ns'],
                Outcome(entry['outcome']),
                Reason(entry['reason']),
                entry['latency_ms'],
            )
            for entry in entries
            if 'summary' not in entry
        ]
        if not summaries:
            raise ReplayError(
                f'{folder / "journal.jsonl"} has no summary',
                fix='the node did not end properly: see replay.log beside it',
            )
        facts = {key: str(summaries[-1][key]) for key in FACTS}
        return Replay(played['stamps_ns'], played['duration_s'], journal, summaries[-1]['summary'], facts)
    except (KeyError, TypeError, ValueError) as error:
        raise ReplayError(
            f'the records in {folder} are damaged', seen=repr(error), fix='run the replay again'
        ) from error


def open_drive(path: Path, topic: str = '') -> Drive:
    """Find out what there is to play in a drive folder (contract 4), or any rosbag2 bag.

    No topic is the drive's own, or the only one of the bag.

    Raises:
        BagError: no readable bag, or no such image topic.
        InputError: `drive.json` is damaged, or the bag has several image topics and none was named.
    """
    description = path / 'drive.json'
    known = _json(description, InputError) if description.is_file() else {}
    bag = path / 'bag' if known else path
    try:
        topic = topic or known.get('topic', '')
        stamps = known.get('stamps_ns', [])
        segments = tuple(
            Segment(entry['name'], tuple(stamps[entry['first'] : entry['first'] + entry['count']]))
            for entry in known.get('segments', [])
        )
        source = known.get('source') or f'bag {path}'
    except (AttributeError, KeyError, TypeError) as error:
        raise InputError(f'{description} is damaged', seen=repr(error), fix='make the drive again') from error
    with BagReader(bag) as reader:
        images = reader.images([topic] if topic else [])
        if len(images) > 1:
            names = ', '.join(image.name for image in images)
            raise InputError(f'{bag} has several image topics', seen=names, fix='name one with --topic')
        duration_s = reader.duration_ns / 1e9
    files = {stamp: path / 'truth' / f'{index:06d}.png' for index, stamp in enumerate(stamps)}
    truth = {stamp: file for stamp, file in files.items() if file.is_file()}
    return Drive(bag, images[0].name, duration_s, images[0].count, segments, truth, source)


def _text(path: Path, kind: type[RestoreError] = ReplayError) -> str:
    try:
        return path.read_text(encoding='utf-8')
    except (OSError, UnicodeDecodeError) as error:
        raise kind(f'cannot read {path}', seen=error, fix='run the replay again') from error


def _json(path: Path, kind: type[RestoreError] = ReplayError) -> dict[str, Any]:
    try:
        values = json.loads(_text(path, kind))
    except ValueError as error:
        raise kind(f'{path} is damaged', seen=error, wanted='JSON') from error
    if not isinstance(values, dict):
        raise kind(f'{path} is damaged', seen=type(values).__name__, wanted='a JSON object')
    return values

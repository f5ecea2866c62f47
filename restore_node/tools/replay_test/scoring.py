"""The recorded frames beside the played ones: their scores, and those that are worth a picture."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from restore_node.common.errors import EncodingError
from restore_node.common.image_files import read_rgb
from restore_node.common.metrics import BeforeAfter, compare_with_truth
from restore_node.messages.bag import BagReader
from restore_node.messages.cdr import read_stamp_ns
from restore_node.messages.codec import DECODERS, rgb_of
from restore_node.runtime.counters import FrameRecord, Outcome
from restore_node.tools.replay_test.records import Drive

#: Pictures of a drive whose segments are not known.
EVENLY_SPACED = 4


@dataclass(frozen=True)
class Example:
    """One moment for the report: uint8 RGB `[H, W, 3]` pictures of one size; `truth` None where unknown."""

    name: str
    stamp_ns: int
    degraded: np.ndarray
    restored: np.ndarray
    truth: np.ndarray | None
    score: BeforeAfter | None


def frames(bag: Path, topic: str, stamps: Collection[int] | None = None) -> Iterator[tuple[int, np.ndarray]]:
    """Iterate over stamp and picture (uint8 `[H, W, 3]`, RGB) of a topic's readable frames, in order.

    With `stamps` only over these. Raises BagError if the bag or its topic cannot be read.
    """
    with BagReader(bag) as reader:
        for message in reader.messages([topic]):
            stamp_ns = read_stamp_ns(message.data)
            if stamp_ns is None or (stamps is not None and stamp_ns not in stamps):
                continue
            try:
                frame = DECODERS[message.type](message.data)
            except EncodingError:
                continue  # the node counted it as malformed
            yield stamp_ns, rgb_of(frame)


def stamps_in(bag: Path, topic: str) -> list[int | None]:
    """The stamps of a topic's messages, in order; empty where the bag has none of them.

    Raises:
        BagError: the bag cannot be read.
    """
    with BagReader(bag) as reader:
        return [read_stamp_ns(message.data) for message in reader.messages([topic])]


def score_frames(drive: Drive, restored_bag: Path) -> Iterator[tuple[int, BeforeAfter]]:
    """Yield stamp and score of every recorded frame whose truth is known; for conventions see `metrics`."""
    degraded_frames = frames(drive.bag, drive.topic)
    for stamp_ns, restored in frames(restored_bag, drive.restored_topic, drive.truth):
        # Both bags are in the order of the drive, so neither has to be kept in memory.
        degraded = next((rgb for stamp, rgb in degraded_frames if stamp == stamp_ns), None)
        if degraded is None:
            return
        truth = read_rgb(drive.truth[stamp_ns])
        yield stamp_ns, compare_with_truth(degraded, restored, truth)


def choose_examples(
    drive: Drive,
    journal: Sequence[FrameRecord],
    recorded_ns: Collection[int | None],
    scores: Mapping[int, BeforeAfter],
) -> dict[int, str]:
    """Choose the frames to show: of each segment the restored one of median gain, so that none is flattered.

    Returns:
        Names by stamp, in the order of the drive. Without segments, evenly spaced frames named by their time.
    """
    shown = [
        entry.stamp_ns
        for entry in journal
        if entry.outcome is Outcome.RESTORED and entry.stamp_ns in recorded_ns
    ]
    usable = sorted(stamp for stamp in shown or recorded_ns if stamp is not None)
    chosen: dict[int, str] = {}
    for segment in drive.segments:
        inside = [stamp for stamp in usable if stamp in segment.stamps_ns]
        if scores:
            inside.sort(key=lambda stamp: scores[stamp].gain_db if stamp in scores else 0.0)
        if inside:
            chosen[inside[len(inside) // 2]] = segment.name
    if not chosen and usable:
        for position in np.linspace(0, len(usable) - 1, min(EVENLY_SPACED, len(usable))).astype(int):
            stamp = usable[position]
            chosen[stamp] = f'at {(stamp - usable[0]) / 1e9:.1f} s'
    return chosen


def load_examples(
    drive: Drive, restored_bag: Path, chosen: Mapping[int, str], scores: Mapping[int, BeforeAfter]
) -> list[Example]:
    """Read the pictures of the chosen frames."""
    degraded = dict(frames(drive.bag, drive.topic, chosen))
    restored = dict(frames(restored_bag, drive.restored_topic, chosen))
    return [
        Example(
            name,
            stamp,
            degraded[stamp],
            restored[stamp],
            read_rgb(drive.truth[stamp]) if stamp in drive.truth else None,
            scores.get(stamp),
        )
        for stamp, name in chosen.items()
        if stamp in degraded and stamp in restored
    ]

"""How well a network restores what a run holds out, and the score that its checkpoints are chosen by."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import astuple, dataclass

import numpy as np

from restore_node.common.metrics import capped_psnr, compare_with_truth
from training.data.samples import Pair
from training.data.validation import ValidationSet
from training.evaluation.restoring import Restore

WORSE_DB = 0.1
"""An image is made worse when it loses more than this."""

HARMLESS_DB = 45.0
"""PSNR to the input of a clean frame above which no change can be seen."""


@dataclass(frozen=True)
class Quality:
    """Means over `images` pairs: PSNR in dB (each at most 60) and SSIM, as metrics.py defines them.

    Attributes:
        made_worse: share of the images that lost more than `WORSE_DB`, 0..1; None where it is not known.
        psnr_to_input_db: of the restored image to the degraded one, how much is changed; None likewise.
    """

    images: int
    psnr_degraded_db: float
    psnr_restored_db: float
    ssim_degraded: float
    ssim_restored: float
    made_worse: float | None = None
    psnr_to_input_db: float | None = None

    @property
    def gain_db(self) -> float:
        """Of PSNR, by restoring."""
        return self.psnr_restored_db - self.psnr_degraded_db


def measure(restore: Restore, pairs: Iterable[Pair]) -> Quality:
    """Quality of a way to restore, on at least one pair."""
    rows = []
    for degraded, sharp in pairs:
        restored = restore(degraded)
        found = compare_with_truth(degraded, restored, sharp)
        rows.append((*astuple(found), found.gain_db < -WORSE_DB, capped_psnr(restored, degraded)))
    return Quality(len(rows), *np.mean(rows, axis=0).tolist())


def score(qualities: Mapping[str, Quality], sets: Sequence[ValidationSet]) -> float | None:
    """What the checkpoints of a run are compared by, in dB: the weighted mean over its validation sets.

    A set of degraded images gives its mean gain of PSNR. A set of clean ones has nothing to gain: it gives
    how far the PSNR to the input falls short of `HARMLESS_DB`, 45 dB, which is 0 at best. So a model that
    changes clean frames by 40 dB has 5 dB less there, times the set's weight. None where all weights are 0.
    """
    total = sum(entry.weight for entry in sets)
    if not total:
        return None
    return sum(entry.weight * _worth(qualities[entry.name], entry.clean) for entry in sets) / total


def _worth(quality: Quality, clean: bool) -> float:
    if not clean:
        return quality.gain_db
    assert quality.psnr_to_input_db is not None, 'what is measured here has it'
    return min(0.0, quality.psnr_to_input_db - HARMLESS_DB)


def harm(quality: Quality, *, clean: bool) -> str | None:
    """What a model spoils on a set, in words; None where it restores, or leaves clean frames as they are."""
    if clean and _worth(quality, clean) < 0.0:
        change = f'{quality.psnr_to_input_db:.1f} dB to the input, {HARMLESS_DB:.0f} cannot be seen'
        return f'changes clean frames ({change}): leave the gate of the node on'
    if not clean and quality.gain_db < 0.0:
        return f'makes the images worse, by {-quality.gain_db:.2f} dB'
    return None


def table(qualities: Mapping[str, Quality]) -> str:
    """One line a set, for people."""
    return '\n'.join(map(_line, qualities, qualities.values()))


def _line(name: str, quality: Quality) -> str:
    line = (
        f'  {name:<18} PSNR {quality.psnr_degraded_db:6.2f} -> {quality.psnr_restored_db:6.2f} dB '
        f'({quality.gain_db:+.2f})   SSIM {quality.ssim_degraded:.4f} -> {quality.ssim_restored:.4f}'
    )
    if quality.made_worse is None or quality.psnr_to_input_db is None:
        return line
    return f'{line}   made worse {quality.made_worse:4.0%}   to the input {quality.psnr_to_input_db:.1f} dB'

"""Variants against the first one: differences by seed, and whether they are more than noise."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from training.evaluation.conventions import CONVENTIONS
from training.evaluation.quality import Quality

CONVENTION_WORDS = f'{CONVENTIONS["rgb"].words()}, not cropped'

NOT_FOUND = 'no difference found at this size'
ONE_SEED = 'one seed: cannot be told from noise'

SMALLEST_DB = 0.05
"""Nobody sees less, and the order of a few samples moves more."""

RULE = (
    'Difference: PSNR of the variant minus that of the first row on the same test, seed by seed, their mean; '
    'spread: between the lowest and the highest of these. Only a mean that is larger than the spread, and '
    f'than {SMALLEST_DB} dB, is called a difference. That is no strict test: chance alone passes the first '
    'half of it in 3 of 10 cases with two seeds, in 1 of 12 with three.'
)


@dataclass(frozen=True)
class Row:
    """A variant on a test.

    Attributes:
        variant, test: names.
        steps: of its training, without what it started from.
        qualities: by seed.
        differences_db: PSNR over the first variant's, by seed, in the same order; empty for itself.
        psnr_db, ssim, difference_db: means over the seeds; of the difference None for the first variant.
        spread_db: from the lowest to the highest difference; None with one seed.
        verdict: what the differences say, in words.
    """

    variant: str
    test: str
    steps: int
    qualities: Mapping[int, Quality]
    differences_db: tuple[float, ...]
    psnr_db: float
    ssim: float
    difference_db: float | None
    spread_db: float | None
    verdict: str


def compare(measured: Mapping[tuple[str, str], Mapping[int, Quality]], steps: Mapping[str, int]) -> list[Row]:
    """Rows for a table, tests together, in the order of what was measured by variant and test, then by seed.

    Of each test, the first variant is what the others are compared with.
    """
    firsts: dict[str, Mapping[int, Quality]] = {}
    rows = []
    for (variant, test), qualities in measured.items():
        first = firsts.setdefault(test, qualities)
        over_first = (
            seen.psnr_restored_db - first[seed].psnr_restored_db for seed, seen in qualities.items()
        )
        differences = () if first is qualities else tuple(over_first)
        row = Row(
            variant,
            test,
            steps[variant],
            qualities,
            differences,
            psnr_db=float(np.mean([quality.psnr_restored_db for quality in qualities.values()])),
            ssim=float(np.mean([quality.ssim_restored for quality in qualities.values()])),
            difference_db=float(np.mean(differences)) if differences else None,
            spread_db=float(np.ptp(differences)) if len(differences) > 1 else None,
            verdict=verdict(differences),
        )
        rows.append(row)
    return rows


def verdict(differences_db: Sequence[float]) -> str:
    """What differences by seed say, in words; `-` for none."""
    if not differences_db:
        return '-'
    if len(differences_db) == 1:
        return ONE_SEED
    mean = float(np.mean(differences_db))
    if abs(mean) <= max(SMALLEST_DB, np.ptp(differences_db)):
        return NOT_FOUND
    return 'better' if mean > 0.0 else 'worse'

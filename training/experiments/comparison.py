"""Variants against the first one: differences by seed, and whether they are more than noise."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from training.evaluation.quality import Quality

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
    """

    variant: str
    test: str
    steps: int
    qualities: Mapping[int, Quality]
    differences_db: tuple[float, ...]

    @property
    def psnr_db(self) -> float:
        """Mean over the seeds."""
        return float(np.mean([quality.psnr_restored_db for quality in self.qualities.values()]))

    @property
    def ssim(self) -> float:
        """Mean over the seeds."""
        return float(np.mean([quality.ssim_restored for quality in self.qualities.values()]))

    @property
    def difference_db(self) -> float | None:
        """Mean over the seeds; None for the first variant."""
        return float(np.mean(self.differences_db)) if self.differences_db else None

    @property
    def spread_db(self) -> float | None:
        """From the lowest to the highest difference; None with one seed."""
        return float(np.ptp(self.differences_db)) if len(self.differences_db) > 1 else None


def compare(measured: Mapping[tuple[str, str], Mapping[int, Quality]], steps: Mapping[str, int]) -> list[Row]:
    """Rows for a table, tests together, in the order of what was measured by variant and test, then by seed.

    Of each test, the first variant is what the others are compared with.
    """
    firsts: dict[str, Mapping[int, Quality]] = {}
    rows = []
    for (variant, test), qualities in measured.items():
        first = firsts.setdefault(test, qualities)
        differences = tuple(
            quality.psnr_restored_db - first[seed].psnr_restored_db for seed, quality in qualities.items()
        )
        rows.append(Row(variant, test, steps[variant], qualities, () if first is qualities else differences))
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

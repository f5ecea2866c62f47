"""Quality against steps, and how many steps one way of training saves another."""

from dataclasses import dataclass

import numpy as np

from restore_node.common.errors import InputError
from training.loop.records import read_qualities
from training.runs.folder import RunFolder


@dataclass(frozen=True)
class Curve:
    """PSNR in dB after so many steps, which increase."""

    steps: tuple[int, ...]
    psnr_db: tuple[float, ...]

    def level(self, share: float) -> float:
        """PSNR at a share of what the run gains between its first and its last measurement."""
        first, last = self.psnr_db[0], self.psnr_db[-1]
        return first + share * (last - first)

    def steps_to(self, level_db: float) -> float | None:
        """Steps until a PSNR is reached for the first time, by linear interpolation; None if it never is."""
        reached = np.flatnonzero(np.array(self.psnr_db) >= level_db)
        if not reached.size:
            return None
        after = int(reached[0])
        if after == 0:
            return float(self.steps[0])
        between = slice(after - 1, after + 1)
        return float(np.interp(level_db, self.psnr_db[between], self.steps[between]))


def read_curve(folder: RunFolder, kind: str, first_db: float) -> Curve:
    """What a run recorded of one kind of degradation; `first_db` is the PSNR before its first step.

    Raises InputError where it has not measured this kind.
    """
    measured = read_qualities(folder)
    found = {step: seen[kind].psnr_restored_db for step, seen in measured.items() if kind in seen}
    if not found:
        raise InputError(
            f'{folder.metrics} has no measurements of {kind}', fix='see validation in its config'
        )
    return Curve((0, *found), (first_db, *found.values()))


def share_saved(slow: Curve, fast: Curve, level_db: float, spent_before: int = 0) -> float | None:
    """Share of the steps that the slow curve needs to a PSNR and the fast one does not.

    1 is all of them, 0 none, below 0 it takes more; None where one of them never gets there. `spent_before`
    are steps that the fast one had cost before its curve begins.
    """
    needed, taken = slow.steps_to(level_db), fast.steps_to(level_db)
    if needed is None or taken is None or needed == 0.0:
        return None
    return 1.0 - (spent_before + taken) / needed

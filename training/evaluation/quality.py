"""How well a network restores photographs held out, for every kind of degradation."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from restore_node.common.metrics import psnr, ssim
from training.data.samples import Pair
from training.evaluation.conventions import PSNR_CAP_DB
from training.evaluation.restoring import Restore


@dataclass(frozen=True)
class Quality:
    """Means over `images` pairs: PSNR in dB (each at most 60) and SSIM, as metrics.py defines them."""

    images: int
    psnr_degraded_db: float
    psnr_restored_db: float
    ssim_degraded: float
    ssim_restored: float


def measure(restore: Restore, pairs: Sequence[Pair]) -> Quality:
    """Quality of a way to restore.

    Args:
        restore: uint8 [H, W, 3] RGB, 0..255, to the same shape.
        pairs: (degraded, sharp), uint8 [H, W, 3] RGB, 0..255, of one size each; at least one.
    """
    rows = []
    for degraded, sharp in pairs:
        restored = restore(degraded)
        rows.append(
            (
                min(psnr(degraded, sharp), PSNR_CAP_DB),
                min(psnr(restored, sharp), PSNR_CAP_DB),
                ssim(degraded, sharp),
                ssim(restored, sharp),
            )
        )
    return Quality(len(rows), *np.mean(rows, axis=0).tolist())


def table(qualities: dict[str, Quality]) -> str:
    """One line a kind, for people."""
    return '\n'.join(
        f'  {kind:<14} PSNR {quality.psnr_degraded_db:6.2f} -> {quality.psnr_restored_db:6.2f} dB'
        f'   SSIM {quality.ssim_degraded:.4f} -> {quality.ssim_restored:.4f}'
        for kind, quality in qualities.items()
    )

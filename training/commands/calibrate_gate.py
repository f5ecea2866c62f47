"""Find the node's gate threshold: `python -m training.commands.calibrate_gate CONFIG --model NAME`.

The gate publishes the original where the model changes little (restore_node/runtime/restore.py). How little
is a property of the model, so it is measured, on the photographs that the config holds out: the smallest
threshold under which 95 % of clean frames go out untouched, and what that costs the others.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from rich.table import Table

from restore_node.backends.base import Backend
from restore_node.backends.onnxruntime import OnnxRuntimeBackend
from restore_node.common.console import progress_bar, table_console
from restore_node.common.errors import ConfigError
from restore_node.common.metrics import capped_psnr
from restore_node.model import load_model
from restore_node.runtime.restore import change_score
from training.commands.cli import command_parser, count, one_line_errors
from training.config.run import TrainConfig, load_config
from training.data.cutting import middle
from training.data.feed import open_source
from training.data.spread import few
from training.data.stored import Photograph
from training.degradation.degrade import degrade, draw, truth
from training.evaluation.restoring import restore_batch

CLEAN = 'clean'
KINDS = (CLEAN, 'blur', 'streaks', 'drops', 'all')
LEFT_ALONE = 0.95
"""Share of the clean frames that go out untouched."""
FRAME_PX = (360, 640)
"""Height and width that larger photographs are cut to: drops have the size they have on a vehicle."""


@dataclass(frozen=True)
class Scored:
    """One frame: what the model changes, and the PSNR in dB (RGB, at most 60) before and after it."""

    kind: str
    score: float
    degraded_db: float
    restored_db: float


def calibrate(scored: Sequence[Scored], left_alone: float = LEFT_ALONE) -> float:
    """The smallest threshold, in tenths of a grey level, below which this share of clean frames falls."""
    scores = [frame.score for frame in scored if frame.kind == CLEAN]
    return math.floor(10.0 * float(np.quantile(scores, left_alone)) + 1.0) / 10.0


def score_frames(
    backend: Backend, photographs: Sequence[Photograph], config: TrainConfig
) -> Iterator[Scored]:
    """Degrade each photograph in every way, restore it, and score the change."""
    for index, photograph in enumerate(photographs):
        photo = middle(photograph.read(), *FRAME_PX, backend.model.card.size_multiple)
        height, width = photo.shape[:2]
        for kind in KINDS:
            rng = np.random.default_rng([config.seed, index])
            drawn = draw(config.degradation, kind, height, width, rng)
            degraded, sharp = degrade(photo, drawn), truth(photo, drawn)
            restored = restore_batch(backend, degraded[None])[0]
            yield Scored(
                kind,
                change_score(degraded, restored),
                capped_psnr(degraded, sharp),
                capped_psnr(restored, sharp),
            )


def table(scored: Sequence[Scored], threshold: float) -> Table:
    """Mean PSNR by kind: degraded, restored, and with frames that score below the threshold left alone.

    The threshold is in grey levels, 0..255.
    """
    rows = Table('kind', 'frames', 'left alone', 'degraded, dB', 'restored, dB', 'with the gate, dB')
    for kind in KINDS:
        frames = [frame for frame in scored if frame.kind == kind]
        alone = np.array([frame.score < threshold for frame in frames])
        before = np.array([frame.degraded_db for frame in frames])
        after = np.array([frame.restored_db for frame in frames])
        gated = np.where(alone, before, after)
        rows.add_row(
            kind,
            str(len(frames)),
            f'{100.0 * alone.mean():.0f} %',
            *(f'{value.mean():.2f}' for value in (before, after, gated)),
        )
    return rows


@one_line_errors
def main(arguments: list[str] | None = None) -> None:
    """Calibrate as the command line says."""
    parser = command_parser(__file__, __doc__, config=True)
    add = parser.add_argument
    add('--model', required=True, help='a shipped model, or the path of a .onnx file')
    add('--frames', type=count, default=60, help='photographs to take, spread over the sets')
    options = parser.parse_intermixed_args(arguments)
    config = load_config(options.config, options.overrides)
    sources = [source for source in config.data.sources if source.photographs]
    if not sources:
        named = ', '.join(source.name for source in config.data.sources)
        raise ConfigError('data.sources', seen=named, wanted='one of photographs, to degrade')
    held_out = [photograph for source in sources for photograph in open_source(source).held_out]
    photographs = few(held_out, options.frames)
    with OnnxRuntimeBackend(load_model(options.model), device='cpu') as backend:
        frames = score_frames(backend, photographs, config)
        with progress_bar() as bar:
            scored = list(bar.track(frames, len(photographs) * len(KINDS), description='restoring'))
    threshold = calibrate(scored)
    table_console().print(table(scored, threshold))
    print(f'gate_threshold: {threshold:.1f}')


if __name__ == '__main__':
    raise SystemExit(main())

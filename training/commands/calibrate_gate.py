"""Find the node's gate threshold: `python -m training.commands.calibrate_gate CONFIG --model NAME`.

The gate publishes the original where the model changes little (restore_node/runtime/restore.py). How little
is a property of the model, so it is measured, on the photographs that the config holds out: the largest
threshold that leaves at most 2 % of visibly degraded frames alone, and what that spares the clean ones. It
goes into the model's card, where the node finds it.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass

import numpy as np
from rich.table import Table

from restore_node.backends.base import Backend
from restore_node.backends.onnxruntime import OnnxRuntimeBackend
from restore_node.common.console import progress_bar, table_console
from restore_node.common.errors import ConfigError, InputError
from restore_node.common.metrics import capped_psnr
from restore_node.model import Model, load_model
from restore_node.runtime.restore import change_score
from training.commands.cli import command_parser, count, one_line_errors
from training.config.run import TrainConfig, load_config
from training.data.cutting import middle
from training.data.feed import open_source
from training.data.spread import few
from training.data.stored import Photograph
from training.degradation.degrade import degrade, draw, truth
from training.evaluation.restoring import restore_batch
from training.model_file.card import replacing_model, write_card

CLEAN = 'clean'
KINDS = (CLEAN, 'blur', 'streaks', 'drops', 'all')
VISIBLE_DB = 30.0
"""A frame of this PSNR or less is visibly degraded."""
LEFT_ALONE = 0.02
"""Share of such frames that may go out untouched."""
THRESHOLDS = (0.0, 2.0, 4.0, 6.0, 8.0, 10.0)
"""Those that the table compares with the one found, grey levels."""
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
    """The largest threshold, tenths of a grey level, that leaves at most this share of visible degradation.

    Raises InputError where no frame is visibly degraded.
    """
    scores = sorted(frame.score for frame in scored if _is_visible(frame))
    if not scores:
        raise InputError('no frame is visibly degraded', wanted=f'some of {VISIBLE_DB:g} dB or less')
    return math.floor(10.0 * scores[int(left_alone * len(scores))]) / 10.0


def _is_visible(frame: Scored) -> bool:
    return frame.kind != CLEAN and frame.degraded_db <= VISIBLE_DB


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
    """By threshold, grey levels 0..255, and kind: mean PSNR in dB with the gate, and the share left alone.

    In brackets that of the visibly degraded frames alone, in the titles the PSNR of what goes in.
    """
    frames = {kind: [frame for frame in scored if frame.kind == kind] for kind in KINDS}
    before = {kind: np.mean([frame.degraded_db for frame in frames[kind]]) for kind in KINDS}
    rows = Table('threshold', *(f'{kind} ({before[kind]:.2f})' for kind in KINDS))
    for gate in sorted({*THRESHOLDS, threshold}):
        rows.add_row(f'{gate:g}', *(_gated(frames[kind], gate) for kind in KINDS))
    return rows


def _gated(frames: Sequence[Scored], threshold: float) -> str:
    alone = [frame.score < threshold for frame in frames]
    psnr = [
        frame.degraded_db if spared else frame.restored_db
        for frame, spared in zip(frames, alone, strict=True)
    ]
    visible = [spared for frame, spared in zip(frames, alone, strict=True) if _is_visible(frame)]
    of_visible = f' ({100.0 * np.mean(visible):.0f})' if visible else ''
    return f'{np.mean(psnr):.2f}, {100.0 * np.mean(alone):.0f}{of_visible} %'


def write_threshold(model: Model, threshold: float) -> None:
    """Put a threshold, grey levels, into a model's card; raises InputError where that cannot be written."""
    with replacing_model(model.folder, model.card.name) as unfinished:
        write_card(asdict(model.card) | {'gate_threshold': threshold}, unfinished)


@one_line_errors
def main(arguments: list[str] | None = None) -> None:
    """Calibrate as the command line says."""
    parser = command_parser(__file__, __doc__, config=True)
    parser.add_argument('--model', required=True, help='a shipped model, or the path of a .onnx file')
    parser.add_argument('--frames', type=count, default=60, help='photographs to take, spread over the sets')
    parser.add_argument('--dry-run', action='store_true', help="leave the model's card as it is")
    options = parser.parse_intermixed_args(arguments)
    config = load_config(options.config, options.overrides)
    sources = [source for source in config.data.sources if source.photographs]
    if not sources:
        named = ', '.join(source.name for source in config.data.sources)
        raise ConfigError('data.sources', seen=named, wanted='one of photographs, to degrade')
    held_out = [photograph for source in sources for photograph in open_source(source).held_out]
    photographs = few(held_out, options.frames)
    model = load_model(options.model)
    with OnnxRuntimeBackend(model, device='cpu') as backend:
        frames = score_frames(backend, photographs, config)
        with progress_bar() as bar:
            scored = list(bar.track(frames, len(photographs) * len(KINDS), description='restoring'))
    threshold = calibrate(scored)
    table_console().print(table(scored, threshold))
    print(f'gate_threshold: {threshold:.1f}')
    if not options.dry_run:
        write_threshold(model, threshold)


if __name__ == '__main__':
    raise SystemExit(main())

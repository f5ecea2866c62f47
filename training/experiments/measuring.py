"""What a finished run is worth on photographs or pairs that it has not seen."""

from restore_node.common.errors import InputError
from training.config.run import TrainConfig
from training.data.feed import open_feed
from training.evaluation.conventions import CONVENTIONS
from training.evaluation.quality import Quality, measure
from training.evaluation.scoring import UNRESTORED, mean, score_pairs
from training.evaluation.sets import open_published
from training.evaluation.systems import open_system
from training.experiments.runs import Run

CONVENTION = 'rgb'
CONVENTION_WORDS = f'{CONVENTIONS[CONVENTION].words()}, not cropped'


def measure_run(run: Run, config: TrainConfig) -> Quality:
    """Measure a run's averaged weights on what a configuration holds out, its only kind of degradation."""
    (held,) = open_feed(config).held_out()
    with open_system(str(run.folder.checkpoint)) as system:
        return measure(system, held.pairs)


def measure_run_on_set(run: Run, data: str) -> Quality:
    """Measure a run's averaged weights on all test pairs of a published set, given as `LAYOUT=FOLDER`."""
    chosen = open_published(data, 'blur')
    with open_system(str(run.folder.checkpoint)) as system:
        scores = list(score_pairs(chosen.pairs, [system], [CONVENTION]))
    before, after = (mean(scores, name, CONVENTION) for name in (UNRESTORED, system.name))
    if before is None or after is None:
        raise InputError(f'no images to measure in {data}', fix='check the folder')
    return Quality(len(scores), before.psnr_db, after.psnr_db, before.ssim, after.ssim)

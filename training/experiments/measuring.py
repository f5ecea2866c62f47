"""What a finished run is worth on photographs or pairs that it has not seen."""

from collections.abc import Iterable, Sequence

from training.config.run import TrainConfig
from training.data.feed import open_feed
from training.data.samples import Pair
from training.evaluation.conventions import CONVENTIONS
from training.evaluation.quality import Quality, measure
from training.evaluation.systems import open_system
from training.experiments.runs import Run

CONVENTION_WORDS = f'{CONVENTIONS["rgb"].words()}, not cropped'


def held_out(config: TrainConfig) -> Sequence[Pair]:
    """What a configuration holds out, in its only kind of degradation."""
    (held,) = open_feed(config).held_out()
    return held.pairs


def measure_run(run: Run, pairs: Iterable[Pair]) -> Quality:
    """Measure a run's averaged weights on pairs."""
    with open_system(str(run.folder.checkpoint)) as system:
        return measure(system, pairs)

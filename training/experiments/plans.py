"""Ablations as plans: what is trained, from what, and what it is measured on."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from training.config.run import TrainConfig, load_config
from training.data.feed import open_feed
from training.data.samples import Pair
from training.data.validation import ValidationSet
from training.evaluation.sets import open_published
from training.experiments.runs import Run


@dataclass(frozen=True)
class Variant:
    """One way to train: its name in tables, and what it is trained by.

    Variants of one `key` are one training; `after` is the key of the variant that it starts from, if any.
    """

    name: str
    key: str
    config: Path
    overrides: tuple[str, ...] = ()
    after: str | None = None


@dataclass(frozen=True)
class TestSet:
    """What variants are measured on: its name in tables, and where it is.

    `data` is `layout=folder under the root` of a published set; else a configuration holds the images out.
    """

    name: str
    data: str | None = None
    config: Path | None = None
    overrides: tuple[str, ...] = ()


@dataclass(frozen=True)
class Ablation:
    """A claim of the paper, in a sentence that says where it makes it, and what it is held against.

    It has a name on the command line, and its table a title. The first of the variants is what the others are
    compared with, the tests are what all are measured on. Those before are trained for others to start from,
    and are in no table.
    """

    name: str
    title: str
    claim: str
    variants: tuple[Variant, ...]
    tests: tuple[TestSet, ...]
    before: tuple[Variant, ...] = ()


def held_out(config: TrainConfig) -> ValidationSet:
    """What a configuration holds out, in its only kind of degradation."""
    (held,) = open_feed(config).held_out()
    return held


class Planner:
    """Makes runs of variants in the folder `runs`, every one with the user's overrides.

    Where variants are trained on published sets, these lie in the folder `data`.
    """

    def __init__(self, runs: Path, overrides: Sequence[str], data: Path | None) -> None:
        self._runs, self._overrides, self._data = runs, overrides, data

    def run(self, variant: Variant, seed: int) -> Run:
        """The training of a variant; raises ConfigError for impossible overrides."""
        place = [f'seed={seed}']
        if variant.after:
            place.append(f'start_from={self._runs / f"{variant.after}-{seed}" / "checkpoint.pt"}')
        config = self._config(variant.config, variant.overrides, place)
        return Run(f'{variant.key}-{seed}', config, self._runs)

    def steps(self, variant: Variant) -> int:
        """How long the training of a variant is, without what it starts from."""
        return self._config(variant.config, variant.overrides).schedule.total_steps

    def chains(self, ablations: Sequence[Ablation], seeds: Sequence[int]) -> list[list[Run]]:
        """All runs of ablations, each once, those that start from others behind these."""
        variants = {
            variant.key: variant
            for ablation in ablations
            for variant in (*ablation.before, *ablation.variants)
        }

        def way_to(variant: Variant) -> list[Variant]:
            return [*(way_to(variants[variant.after]) if variant.after else ()), variant]

        chains: dict[tuple[int, str], list[Run]] = {}
        for seed in seeds:
            for way in sorted(map(way_to, variants.values()), key=len):
                chains.setdefault((seed, way[0].key), []).append(self.run(way[-1], seed))
        return list(chains.values())

    def pairs(self, test: TestSet) -> Iterable[Pair]:
        """What a test shows; of a published set, all test pairs, each read when it is its turn."""
        if test.data:
            return (pair.read() for pair in open_published(self.test_set(test), 'blur').pairs)
        return held_out(self.test_config(test)).pairs

    def test_config(self, test: TestSet) -> TrainConfig:
        """Of a test on what a configuration holds out; of one seed, so that all are measured alike."""
        assert test.config, 'it is no published set'
        return self._config(test.config, test.overrides)

    def test_set(self, test: TestSet) -> str:
        """Of a test on a published set: `LAYOUT=FOLDER`."""
        layout, _, name = (test.data or '').partition('=')
        return f'{layout}={(self._data or Path()) / name}'

    def _config(self, path: Path, own: Sequence[str], place: Sequence[str] = ()) -> TrainConfig:
        pairs = load_config(path).data.sources[0].pairs
        moved = [f'data.pairs.root={self._data / Path(pairs.root).name}'] if self._data and pairs else []
        return load_config(path, [*own, *moved, *self._overrides, *place])

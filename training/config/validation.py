"""On what a run is measured, and when: the `validation` part of a configuration."""

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from training.config.data import Name, PairsConfig, PhotographsConfig
from training.config.rules import Count, NotNegative, Positive, check_names, check_one_of
from training.degradation.fog import NO_FOG, FogRanges
from training.degradation.ranges import KINDS, DegradationConfig

CLEAN = 'clean'


@dataclass(frozen=True)
class ValidationSetConfig:
    """A named set of whole images.

    Attributes:
        name: its own.
        held_out_of: the source whose held-out photographs, sequences or pairs it shows;
        pairs: or pairs on disk that nothing is trained on: all of the layout `folders`, else the test pairs;
        photographs: or sharp photographs that nothing is trained on. Exactly one of the three.
        kind: how photographs and sequences are degraded here, a key of `KINDS`; pairs have none.
        count: images, spread over all there are.
        size: [width, height] at most: photographs are reduced to it and cut to its shape, pairs cut to their
            middle; null shows them whole. Photographs have 640x360 where nothing is said.
        weight: in the run's score, see scoring in quality.py; 0 is measured and does not count.
        degradation: the ranges of `kind`, where not as the source or the run says.
        fog: what the scenes are in, truth included; of pairs nothing is.
    """

    name: Name
    held_out_of: str | None = None
    pairs: PairsConfig | None = None
    photographs: PhotographsConfig | None = None
    kind: str | None = None
    count: Count = 8
    size: tuple[Annotated[int, Field(ge=64)], Annotated[int, Field(ge=64)]] | None = None
    weight: NotNegative = 1.0
    degradation: DegradationConfig | None = None
    fog: FogRanges = NO_FOG

    def __post_init__(self) -> None:
        check_one_of(self, 'held_out_of', 'pairs', 'photographs')
        if self.kind is not None and self.kind not in KINDS:
            raise ValueError(f'kind of {self.name} is {self.kind}, want one of {", ".join(KINDS)}')
        if self.photographs and self.kind is None:
            raise ValueError(f'{self.name} has photographs and no kind, want one of {", ".join(KINDS)}')
        if self.pairs and self.kind is not None:
            raise ValueError(f'{self.name} has pairs, which are degraded already: want no kind')
        if self.kind is None and (self.degradation or self.fog.share):
            raise ValueError(f'{self.name} has a degradation or fog and no kind: pairs are shown as they are')


@dataclass(frozen=True)
class ValidationConfig:
    """When and on what a run is measured.

    Attributes:
        sets: named sets of whole images; where there are none, patches of what the sources hold out:
        kinds, patches: of photographs and sequences so many patches of each kind, of pairs so many.
        minutes, steps: how often, whichever comes first.
    """

    sets: tuple[ValidationSetConfig, ...] = ()
    kinds: tuple[str, ...] = (CLEAN, 'blur', 'streaks', 'drops', 'all')
    patches: Count = 16
    minutes: Positive | None = 5.0
    steps: Count | None = None

    @property
    def own_sets(self) -> tuple[ValidationSetConfig, ...]:
        """Those that have images of their own."""
        return tuple(entry for entry in self.sets if entry.held_out_of is None)

    def __post_init__(self) -> None:
        if not self.kinds or not set(self.kinds) <= set(KINDS):
            raise ValueError(f'kinds is {list(self.kinds)}, want some of {", ".join(KINDS)}')
        check_names('sets', self.sets)

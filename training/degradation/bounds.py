"""Bounds of the numbers in a configuration, and ranges that refuse what cannot be drawn from."""

import math
from dataclasses import dataclass
from typing import Annotated, Any, get_args, get_type_hints

import numpy as np


@dataclass(frozen=True)
class Within:
    """Bounds of a number, or of both ends of a range, as an annotation; nothing infinite is within any."""

    lowest: float = -math.inf
    highest: float = math.inf
    above: float | None = None

    def __contains__(self, value: float) -> bool:
        is_above = self.above is None or value > self.above
        return math.isfinite(value) and is_above and self.lowest <= value <= self.highest

    def check(self, name: str, value: Any) -> None:
        """Raises ValueError unless a field's number, or both ends of its range, are within."""
        ends = value if isinstance(value, tuple) else (value,)
        shown = list(ends) if isinstance(value, tuple) else value
        if not ends[0] <= ends[-1]:
            raise ValueError(f'{name} is {shown}, want [lowest, highest]')
        if not all(end in self for end in ends):
            raise ValueError(f'{name} is {shown}, want {self}')

    def __str__(self) -> str:
        if self.above is not None:
            return f'above {self.above:g}' + (f' to {self.highest:g}' if self.highest < math.inf else '')
        return f'{self.lowest:g} ' + (f'to {self.highest:g}' if self.highest < math.inf else 'or more')


Range = tuple[float, float]
NotNegative = Annotated[Range, Within(0.0)]
Positive = Annotated[Range, Within(above=0.0)]
PositiveShares = Annotated[Range, Within(above=0.0, highest=1.0)]
Shares = Annotated[Range, Within(0.0, 1.0)]
Share = Annotated[float, Within(0.0, 1.0)]
Angles = Annotated[Range, Within(-90.0, 90.0)]
Counts = Annotated[tuple[int, int], Within(1)]


@dataclass(frozen=True)
class Weights:
    """Names that a field gives relative weights, as an annotation."""

    known: tuple[str, ...]

    def check(self, name: str, weights: dict[str, float]) -> None:
        """Raises ValueError unless a field's weights are of known names, none negative, one above 0."""
        if unknown := sorted(set(weights) - set(self.known)):
            raise ValueError(f'{name} has {", ".join(unknown)}, want only {", ".join(self.known)}')
        values = list(weights.values())
        if not (all(value in Within(0.0) for value in values) and sum(values) > 0.0):
            raise ValueError(f'{name} has the weights {values}, want each 0 or more, and one above 0')


class Ranges:
    """Refuses what cannot be drawn from: ends the wrong way round, or outside their field's bounds."""

    def __post_init__(self) -> None:
        for name, hint in get_type_hints(type(self), include_extras=True).items():
            for rule in get_args(hint)[1:]:
                if isinstance(rule, Within | Weights):
                    rule.check(name, getattr(self, name))


def choose(rng: np.random.Generator, weights: dict[str, float]) -> str:
    """A name by relative weights."""
    names = list(weights)
    shares = np.array([weights[name] for name in names])
    return names[rng.choice(len(names), p=shares / shares.sum())]


def uniform(rng: np.random.Generator, bounds: Range) -> float:
    """A number of a range, each as likely."""
    return float(rng.uniform(*bounds))


def log_uniform(rng: np.random.Generator, bounds: Range) -> float:
    """A number of a range above 0, each factor as likely."""
    return float(np.exp(rng.uniform(np.log(bounds[0]), np.log(bounds[1]))))


def whole(rng: np.random.Generator, bounds: tuple[int, int]) -> int:
    """A whole number of a range, both ends included."""
    return int(rng.integers(bounds[0], bounds[1] + 1))


def happens(rng: np.random.Generator, share: float) -> bool:
    """Whether something happens that does so in a share of the cases; what never happens draws nothing."""
    return share > 0.0 and float(rng.random()) < share

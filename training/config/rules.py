"""What parts of a configuration have in common: bounds of numbers, which pydantic checks, and names."""

from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import Field

Count = Annotated[int, Field(ge=1)]
Positive = Annotated[float, Field(gt=0.0)]
NotNegative = Annotated[float, Field(ge=0.0)]
BelowOne = Annotated[float, Field(ge=0.0, lt=1.0)]


def check_one_of(entry: Any, *keys: str) -> None:
    """Raise ValueError unless an entry with a name has exactly one of these keys."""
    given = [key for key in keys if getattr(entry, key)]
    if len(given) != 1:
        wanted = f'{", ".join(keys[:-1])} and {keys[-1]}'
        raise ValueError(f'{entry.name} has {" and ".join(given) or "nothing"}, want one of {wanted}')


def check_names(key: str, entries: Sequence[Any]) -> None:
    """Raise ValueError where two entries of a list have one name; `key` is that of the list."""
    names = [entry.name for entry in entries]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(f'{key} has {", ".join(twice)} twice, want a name for each')

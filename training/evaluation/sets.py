"""What systems are evaluated on: test sets as they are published, or two folders."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from restore_node.common.errors import InputError
from training.config.data import PairsConfig
from training.data.checking import look_at_headers
from training.data.layouts.named_pairs import NamedPair, by_name, match
from training.data.layouts.registry import LAYOUTS, find_pairs, title_of
from training.data.spread import few
from training.evaluation.conventions import CONVENTIONS, PLAIN
from training.evaluation.published import SETS
from training.evaluation.scoring import UNRESTORED

Variant = Literal['blur', 'blur_gamma']

OWN = 'folders'
"""Key of a set of one's own."""
ALIGNED_SETS = ('realblur_j', 'realblur_r')
"""Sets whose two cameras see a scene a little shifted."""


@dataclass(frozen=True)
class EvaluationSet:
    """Pairs to be scored, fewer than are available in a partial run, by some of CONVENTIONS.

    The key is the layout, the title that in tables, as `first` is what the first image of each pair is called
    there; the source says where the files lie, and which of them.
    """

    key: str
    title: str
    source: str
    available: int
    pairs: Sequence[NamedPair]
    conventions: tuple[str, ...]
    first: str = UNRESTORED

    def limited(self, count: int | None) -> 'EvaluationSet':
        """The same with at most `count` pairs, spread evenly over the set."""
        if count is None or count >= len(self.pairs):
            return self
        return replace(self, pairs=few(self.pairs, count))


def open_published(given: str, variant: Variant) -> EvaluationSet:
    """The test pairs of a set in a published layout, given as `LAYOUT=FOLDER`.

    Raises InputError where there is no such layout, or images are broken, and ConfigError where the folder
    does not hold the set.
    """
    name, _, root = given.partition('=')
    layout = next((known for known in LAYOUTS if known == name), None)
    if not (layout and root):
        raise InputError(
            'cannot understand --data', seen=given, wanted=f'LAYOUT=FOLDER with one of {", ".join(LAYOUTS)}'
        )
    config = PairsConfig(layout, root, variant=variant if layout == 'gopro' else 'blur')
    pairs = _sound(find_pairs(config, 'test'), root)
    conventions = tuple(CONVENTIONS) if layout in ALIGNED_SETS else PLAIN
    title = SETS[layout].title if layout in SETS else title_of(config)
    return EvaluationSet(layout, title, f'{title_of(config)} in {root}', len(pairs), pairs, conventions)


def open_folders(first: Path, sharp: Path, *, restored: bool = False) -> EvaluationSet:
    """Two folders with images of equal names: degraded or, by another system, restored ones, and their truth.

    Raises RestoreError where a folder is missing or empty, or names or sizes do not match.
    """
    for folder in (first, sharp):
        if not folder.is_dir():
            raise InputError(f'no folder {folder}', fix='check the path')
    pairs = match(by_name(first), by_name(sharp), first)
    if not pairs:
        raise InputError(f'no images in {first}', fix='check the path')
    name = first.name if restored else UNRESTORED
    return EvaluationSet(
        OWN, sharp.name, f'{first} against {sharp}', len(pairs), _sound(pairs, first), PLAIN, name
    )


def _sound(pairs: Sequence[NamedPair], where: object) -> Sequence[NamedPair]:
    if problems := look_at_headers(pairs):
        raise InputError(
            f'{where} has pairs of unequal size, or images that are broken',
            seen=f'{len(problems)} of {len(pairs)}, first {problems[0]}',
            wanted='whole images, of one size within a pair',
        )
    return pairs

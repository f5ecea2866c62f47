"""Tables of results, with everything beside the figures that one needs to compare them."""

from collections.abc import Sequence
from dataclasses import dataclass

from restore_node.common.metrics import PSNR_CAP_DB
from training.evaluation.conventions import CONVENTIONS
from training.evaluation.published import SETS, TABLES, PublishedTable
from training.evaluation.scoring import ImageScores, mean, mean_distance
from training.evaluation.sets import EvaluationSet

AS_PRINTED = 'as printed'
LPIPS = 'LPIPS'
NONE = '-'
NOT_COMPARABLE = (
    'Complex-wavelet SSIM, which DeblurGAN and its successors report, is not computed: such figures compare '
    'with none of these.'
)


@dataclass(frozen=True)
class SetResult:
    """What was measured of one test set, by systems in the order of the rows.

    There are fewer images than the set has in a partial run. `lpips` is the network of LPIPS, where that was
    measured.
    """

    of: EvaluationSet
    systems: tuple[str, ...]
    images: list[ImageScores]
    lpips: str | None = None

    @property
    def partial(self) -> bool:
        """Only some of the set's images were scored."""
        return len(self.images) < self.of.available

    def unchanged(self, system: str) -> int:
        """How many images a system left as they were."""
        return sum(system in image.unchanged for image in self.images)

    def count(self) -> str:
        """How many images the figures are means over."""
        counted = f'{len(self.images)} of {self.of.available} pairs'
        published = SETS.get(self.of.key)
        if published and self.of.available != published.test_pairs:
            counted += f' (the paper counts {published.test_pairs})'
        return f'PARTIAL: {counted}, not to be compared' if self.partial else counted


@dataclass(frozen=True)
class Table:
    """A table ready to print: each row has a text for every column, and notes say what the figures mean."""

    title: str
    columns: tuple[str, ...]
    rows: list[tuple[str, ...]]
    notes: list[str]


def make_tables(results: Sequence[SetResult], origins: dict[str, str]) -> list[Table]:
    """The paper's tables that were measured, and one for each set of one's own.

    `origins` says in words what each system was made from.
    """
    by_key = {result.of.key: result for result in results}
    tables = []
    for published in TABLES:
        measured = [by_key[key] for key in published.sets if key in by_key]
        if measured:
            title = f'Table {published.number}: {published.title}'
            tables.append(_table(title, measured, origins, published))
    own = [result for result in results if result.of.key not in SETS]
    return tables + [_table(result.of.title, [result], origins, None) for result in own]


def _table(
    title: str, results: Sequence[SetResult], origins: dict[str, str], published: PublishedTable | None
) -> Table:
    headings = {key: SETS[key].title for key in published.sets} if published else {}
    headings |= {result.of.key: result.of.title for result in results}
    rows: list[tuple[str, ...]] = []
    for method, figures in published.rows.items() if published else ():
        rows.append((method, *(_figures(figures.get(key)) for key in headings), AS_PRINTED))
    by_key = {result.of.key: result for result in results}
    systems = dict.fromkeys(system for result in results for system in result.systems)
    conventions = [name for name in CONVENTIONS if any(name in result.of.conventions for result in results)]
    for system in systems:
        for convention in conventions:
            cells = (_measured(by_key.get(key), system, convention) for key in headings)
            rows.append((system, *cells, convention))
        found = {result.of.key: mean_distance(result.images, system) for result in results}
        if any(distance is not None for distance in found.values()):
            known = (found.get(key) for key in headings)
            rows.append((system, *(NONE if one is None else f'{one:.4f}' for one in known), LPIPS))
    if any(result.partial for result in results):
        title += ' (PARTIAL)'
    notes = _notes(results, conventions, published)
    notes += [f'{system}: {origins[system]}.' for system in systems if system in origins]
    return Table(title, ('method', *headings.values(), 'convention'), rows, notes)


def _measured(result: SetResult | None, system: str, convention: str) -> str:
    found = None
    if result and system in result.systems and convention in result.of.conventions:
        found = mean(result.images, system, convention)
    if not (result and found):
        return NONE
    left_out = len(result.images) - found.images
    return _figures((found.psnr_db, found.ssim)) + (f' ({left_out} left out)' if left_out else '')


def _figures(score: tuple[float, float] | None) -> str:
    return f'{score[0]:.2f} / {score[1]:.3f}' if score else NONE


def _notes(
    results: Sequence[SetResult], conventions: Sequence[str], published: PublishedTable | None
) -> list[str]:
    notes = [
        f'PSNR in dB / SSIM, means over images, each at most {PSNR_CAP_DB:.0f} dB; images are not cropped. '
        'Left out are images that could not be aligned.'
    ]
    for result in results:
        remark = SETS[result.of.key].remark if result.of.key in SETS else ''
        known = [result.count(), result.of.source, *([remark] if remark else [])]
        counts = {system: result.unchanged(system) for system in result.systems}
        known += [f'{system} left {count} of them as they were' for system, count in counts.items() if count]
        notes.append(f'{result.of.title}: {"; ".join(known)}.')
    for name in conventions:
        convention = CONVENTIONS[name]
        notes.append(f'{name}: {convention.words()} ({convention.practice}).')
    if networks := sorted({result.lpips for result in results if result.lpips}):
        notes.append(
            f'{LPIPS}: of whole RGB images, less is better (Zhang et al. 2018, {", ".join(networks)}).'
        )
    if published:
        notes.append(
            f"The paper's figures are most plausibly {published.convention} "
            f'(confidence {published.confidence}): {published.reasons}. Those of the methods that it '
            'compares with are copied from it, their conventions unknown.'
        )
    return [*notes, NOT_COMPARABLE]

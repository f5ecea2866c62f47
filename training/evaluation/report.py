"""What an evaluation leaves behind: tables for people, JSON for programs, one line for each score."""

import csv
import json
from collections.abc import Sequence
from dataclasses import asdict
from itertools import zip_longest
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table as RichTable

from restore_node.common.host import utc_now
from training.evaluation.conventions import CONVENTIONS
from training.evaluation.published import SETS
from training.evaluation.scoring import mean, mean_distance
from training.evaluation.systems import System
from training.evaluation.tables import AS_PRINTED, SetResult, Table

FORMAT = 1
MARKDOWN, SUMMARY, IMAGES = 'tables.md', 'summary.json', 'images.csv'


def show(tables: Sequence[Table], console: Console) -> None:
    """Print tables, each with those of its notes that were not printed before."""
    printed: set[str] = set()
    for table in tables:
        grid = RichTable(title=escape(table.title), title_justify='left')
        for column, heading in enumerate(table.columns):
            grid.add_column(heading, justify='right' if 0 < column < len(table.columns) - 1 else 'left')
        for row, following in zip_longest(table.rows, table.rows[1:]):
            systems_end = following is None or (AS_PRINTED not in following and row[0] != following[0])
            grid.add_row(*map(escape, row), end_section=systems_end)
        console.print(grid)
        for note in table.notes:
            if note not in printed:
                console.print(f'- {note}', markup=False, highlight=False)
        printed |= set(table.notes)
        console.print()


def write(
    folder: Path, results: Sequence[SetResult], systems: Sequence[System], tables: Sequence[Table]
) -> None:
    """Write tables.md, summary.json and images.csv into an existing folder."""
    (folder / MARKDOWN).write_text(markdown(tables), encoding='utf-8')
    summary = summarise(results, systems, tables)
    (folder / SUMMARY).write_text(json.dumps(summary, indent=2) + '\n', encoding='utf-8')
    with (folder / IMAGES).open('w', newline='', encoding='utf-8') as file:
        lines = csv.writer(file)
        lines.writerow(
            ('set', 'image', 'width', 'height', 'system', 'convention', 'psnr_db', 'ssim', 'lpips')
        )
        for result in results:
            for image in result.images:
                for system, scores in image.scores.items():
                    known = image.distances.get(system)
                    distance = '' if known is None else f'{known:.5f}'
                    for convention, score in scores.items():
                        figures = (f'{score.psnr_db:.4f}', f'{score.ssim:.5f}') if score else ('', '')
                        lines.writerow(
                            (result.of.key, image.name, *image.size, system, convention, *figures, distance)
                        )


def markdown(tables: Sequence[Table]) -> str:
    """Tables and their notes in GitHub's Markdown."""
    parts = []
    for table in tables:
        alignment = ['---', *['---:'] * (len(table.columns) - 2), '---']
        lines = [table.columns, alignment, *table.rows]
        parts.append(f'## {table.title}\n')
        parts.append('\n'.join(f'| {" | ".join(line)} |' for line in lines) + '\n')
        parts.append('\n'.join(f'- {note}' for note in table.notes) + '\n')
    return '\n'.join(parts)


def summarise(
    results: Sequence[SetResult], systems: Sequence[System], tables: Sequence[Table]
) -> dict[str, Any]:
    """Everything but the single images' scores, as plain values."""
    return {
        'format': FORMAT,
        'created': utc_now(),
        'systems': {system.name: system.provenance for system in systems},
        'conventions': {
            name: {'range': convention.value_range}
            | {key: getattr(convention, key) for key in ('channel', 'ssim', 'alignment', 'practice')}
            for name, convention in CONVENTIONS.items()
            if any(name in result.of.conventions for result in results)
        },
        'sets': [
            {
                'key': result.of.key,
                'title': result.of.title,
                'source': result.of.source,
                'images': len(result.images),
                'available': result.of.available,
                'paper_counts': SETS[result.of.key].test_pairs if result.of.key in SETS else None,
                'partial': result.partial,
                'lpips_network': result.lpips,
                'lpips': {system: mean_distance(result.images, system) for system in result.systems},
                'unchanged': {system: result.unchanged(system) for system in result.systems},
                'means': {system: _means(result, system) for system in result.systems},
            }
            for result in results
        ],
        'tables': [asdict(table) for table in tables],
    }


def _means(result: SetResult, system: str) -> dict[str, dict[str, float] | None]:
    found = {convention: mean(result.images, system, convention) for convention in result.of.conventions}
    return {convention: score._asdict() if score else None for convention, score in found.items()}

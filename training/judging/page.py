"""The page that says what models are worth: Markdown tables that state data, counts and conventions."""

from collections.abc import Mapping, Sequence
from itertools import groupby

from training.evaluation.conventions import CONVENTIONS
from training.evaluation.quality import WORSE_DB
from training.judging.sets import JudgedSet
from training.judging.verdict import CONVENTION, Cost, Verdict

Verdicts = Mapping[str, Verdict]
"""By the names of the systems."""

Entry = tuple[JudgedSet, Verdicts]


def page(
    judged: Sequence[Entry], costs: Mapping[str, Cost], models: Sequence[str], command: str, machine: str
) -> str:
    """The whole page, made by a command: sets with their verdicts in order, and costs by systems' names.

    `models` are the names of those that are no baselines; times were measured on the machine.
    """
    parts = [_head(command), _costs(costs, models, machine)]
    for heading, wanted in (('Real degradation', True), ('Synthetic degradation', False)):
        entries = [entry for entry in judged if entry[0].real == wanted and not entry[0].clean]
        parts += [f'## {heading}\n'] if entries else []
        for _, together in groupby(entries, key=lambda entry: entry[0].title):
            parts.append(_together(list(together), costs, models))
    parts += [_clean(*entry, models) for entry in judged if entry[0].clean]
    return '\n'.join(parts).rstrip() + '\n'


def _head(command: str) -> str:
    words = CONVENTIONS[CONVENTION].words()
    return f"""# What the models are worth

Made by one command, not by hand:

```bash
{command}
```

PSNR in dB and SSIM, before → after, means over the images of a set, no gate; {words}.
An image is made worse where it loses more than {WORSE_DB:g} dB. Gains are stated per 10 kMAC that a model
computes for a pixel, and per 10 ms that it takes for a frame of 640x360. Classical filters stand beside the
models; Richardson-Lucy is told the blur, which no camera knows: an upper reference.
"""


def _costs(costs: Mapping[str, Cost], models: Sequence[str], machine: str) -> str:
    rows = [
        (name, _number(cost.kmacs_per_pixel, '.1f'), f'{cost.milliseconds:.1f}')
        for name, cost in costs.items()
    ]
    words = f'Median of a frame, models by ONNX Runtime on the CPU: {machine} (busy cores make times longer).'
    return _section('## Cost', words, ('', 'kMAC per pixel', 'ms at 640x360'), rows, models)


def _together(entries: Sequence[Entry], costs: Mapping[str, Cost], models: Sequence[str]) -> str:
    """Sets of one title in one table."""
    rows = []
    for judged, verdicts in entries:
        for name, verdict in verdicts.items():
            cells = _cells(verdict, costs[name] if name in models else None)
            rows.append((name, *([judged.level] if judged.level else []), *cells))
    levels = ['strength'] if entries[0][0].level else []
    heads = ('', *levels, 'PSNR', 'SSIM', 'gain, dB', 'made worse', 'dB per 10 kMAC', 'dB per 10 ms')
    data = '; '.join(judged.data for judged, _ in entries)
    return _section(f'### {entries[0][0].title}', f'{data}.', heads, rows, models)


def _cells(verdict: Verdict, cost: Cost | None) -> tuple[str, ...]:
    gain = 10.0 * verdict.gain_db
    per_mac = gain / cost.kmacs_per_pixel if cost and cost.kmacs_per_pixel else None
    per_ms = gain / cost.milliseconds if cost else None
    return (
        f'{verdict.psnr_degraded_db:.2f} → {verdict.psnr_restored_db:.2f}',
        f'{verdict.ssim_degraded:.3f} → {verdict.ssim_restored:.3f}',
        f'{verdict.gain_db:+.2f}',
        f'{100.0 * (verdict.made_worse or 0.0):.0f} %',
        _number(per_mac, '+.2f'),
        _number(per_ms, '+.2f'),
    )


def _clean(judged: JudgedSet, verdicts: Verdicts, models: Sequence[str]) -> str:
    rows = [
        (name, f'{verdict.psnr_restored_db:.2f}', f'{verdict.lowest_db:.2f}')
        for name, verdict in verdicts.items()
    ]
    words = f'What is done to {judged.data}, sharp and dry: nothing would be best (60 dB here).'
    heads = ('', 'PSNR to the input', 'of the frame changed most')
    return _section(f'## {judged.title}', words, heads, rows, models)


def _section(
    heading: str, words: str, heads: Sequence[str], rows: Sequence[Sequence[str]], models: Sequence[str]
) -> str:
    shown = [(f'**{name}**' if name in models else name, *cells) for name, *cells in rows]
    lines = [heads, ['---'] * len(heads), *shown]
    return f'{heading}\n\n{words}\n\n' + ''.join(f'| {" | ".join(line)} |\n' for line in lines)


def _number(value: float | None, form: str) -> str:
    return '' if value is None else format(value, form)

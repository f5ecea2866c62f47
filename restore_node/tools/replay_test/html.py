"""The report as one page that needs nothing else: no script, no network, pictures inside."""

from __future__ import annotations

import base64
import html
from collections.abc import Mapping, Sequence
from typing import Any

import cv2
import numpy as np

from restore_node.tools.replay_test.pictures import detail, pictures
from restore_node.tools.replay_test.scoring import Sight

DETAIL_SHARE = 0.22
LARGEST_SIDE_PX = 960
JPEG_QUALITY = 92

STYLE = """
:root { --ink: #1c2430; --soft: #5c6773; --line: #e3e7eb; --good: #0f766e; --bad: #b4323a; }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 3rem 1.5rem 5rem; max-width: 68rem; color: var(--ink); background: #fff;
       font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif; }
h1 { font-size: 2rem; line-height: 1.2; letter-spacing: -.02em; margin: 0 0 .3rem; }
h2 { font-size: 1.2rem; letter-spacing: -.01em; margin: 3.5rem 0 .8rem; }
h3 { font-size: 1rem; margin: 2rem 0 .5rem; }
h3 span, .lead, figcaption, footer { color: var(--soft); font-weight: 400; }
.verdict { border-left: 3px solid var(--good); padding: .1rem 0 .1rem 1rem; margin: 1.5rem 0; }
.verdict.bad { border-color: var(--bad); }
.figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(10rem, 1fr)); gap: 1.5rem;
           margin: 2rem 0 0; }
.figures dt { color: var(--soft); font-size: .85rem; }
.figures dd { margin: 0; font-size: 1.7rem; letter-spacing: -.02em; font-variant-numeric: tabular-nums; }
.figures dd small { font-size: .85rem; letter-spacing: 0; color: var(--soft); }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; font-size: .93rem; }
th, td { padding: .45rem .6rem; text-align: right; border-bottom: 1px solid var(--line); }
th { font-weight: 500; color: var(--soft); font-size: .85rem; vertical-align: bottom; }
th:first-child, td:first-child { text-align: left; padding-left: 0; }
tr.total td { font-weight: 600; }
.scroll { overflow-x: auto; }
.row { display: grid; grid-auto-flow: column; grid-auto-columns: 1fr; gap: .5rem; margin-bottom: .5rem; }
figure { margin: 0; }
img { display: block; width: 100%; height: auto; }
figcaption { font-size: .85rem; padding: 0 0 .3rem; }
footer { margin-top: 4rem; padding-top: 1rem; border-top: 1px solid var(--line); font-size: .85rem; }
"""


def page(report: Mapping[str, Any], sights: Sequence[Sight], drawing: bytes) -> str:
    """Lay the report out.

    Args:
        report: the content of `report.json`.
        sights: the frames to show.
        drawing: the timeline, SVG.

    Returns:
        A whole HTML document.
    """
    parts = [
        '<header><h1>Before and after restoration</h1>',
        f'<p class="lead">{_text(_lead(report))}</p></header>',
        _verdict(report),
        _figures(report),
        '<h2>Segments</h2>' + _table(report) if report['segments'] else '',
        '<h2>Pictures</h2>' + ''.join(_sight(sight) for sight in sights) if sights else '',
        f'<h2>Frame by frame</h2><img alt="Latency, fate, PSNR over time" src="{_uri("svg+xml", drawing)}">',
        _footer(report),
    ]
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Restoration report</title>'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><style>{STYLE}</style></head>'
        f'<body>{"".join(parts)}</body></html>\n'
    )


def _lead(report: Mapping[str, Any]) -> str:
    size = 'x'.join(str(side) for side in report['image_size'] or [])
    what = f'{report["frames_played"]} frames {size} of {report["source"]}'
    where = f'ROS 2 {report["ros_distro"]} with {report["rmw_implementation"]}'
    return f'{what}, played over {where} into {report["model"]} on {report["backend"]}, {report["provider"]}.'


def _verdict(report: Mapping[str, Any]) -> str:
    account = (
        f'{report["frames_played"]} played = {report["frames_in"]} received + '
        f'{report["frames_lost_in_transport"]} lost in transport; {report["frames_in"]} received = '
        f'{report["frames_restored"]} restored + {report["frames_passed_through"]} passed through + '
        f'{report["frames_dropped"]} dropped'
    )
    if report['problems']:
        items = ''.join(f'<li>{_text(problem)}</li>' for problem in report['problems'])
        return f'<div class="verdict bad">This replay failed:<ul>{items}</ul>{account}.</div>'
    return f'<div class="verdict">Every frame is accounted for: {account}.</div>'


def _figures(report: Mapping[str, Any]) -> str:
    latency = report['latency_ms']
    share = report['frames_restored'] / report['frames_in'] if report['frames_in'] else None
    cells = [
        ('PSNR, before to after', _change(report, 'psnr', '_db', 2, ' dB')),
        ('SSIM, before to after', _change(report, 'ssim', '', 3, '')),
        (
            'restored',
            f'{_number(share and share * 100, 0)} <small>% of {report["frames_in"]} received</small>',
        ),
        ('latency p50', f'{_number(latency["p50"], 0)} <small>ms, p95 {_number(latency["p95"], 0)}</small>'),
        (
            'rate',
            f'{_number(report["fps_out"], 1)} <small>of {_number(report["fps_in"], 1)} frames/s</small>',
        ),
    ]
    return (
        '<dl class="figures">'
        + ''.join(f'<div><dt>{name}</dt><dd>{value}</dd></div>' for name, value in cells)
        + '</dl>'
    )


def _change(values: Mapping[str, Any], metric: str, unit: str, digits: int, suffix: str) -> str:
    before, after = values[f'{metric}_degraded{unit}'], values[f'{metric}_restored{unit}']
    if before is None:
        return '<small>no truth is known</small>'
    return f'{_number(after, digits)} <small>from {_number(before, digits)}{suffix}</small>'


def _table(report: Mapping[str, Any]) -> str:
    titles = (
        '',
        'frames',
        'restored',
        'passed through',
        'dropped',
        'lost',
        'PSNR before',
        'after',
        'gain, dB',
        'SSIM before',
        'after',
    )
    total = {
        'name': 'all segments',
        'frames': report['frames_played'],
        'restored': report['frames_restored'],
        'passed_through': report['frames_passed_through'],
        'dropped': report['frames_dropped'],
        'lost_in_transport': report['frames_lost_in_transport'],
        **{
            key: report[key]
            for key in ('psnr_degraded_db', 'psnr_restored_db', 'ssim_degraded', 'ssim_restored')
        },
    }
    rows = ''.join(_table_row(row) for row in report['segments']) + _table_row(total, 'total')
    head = ''.join(f'<th>{title}</th>' for title in titles)
    return f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>'


def _table_row(row: Mapping[str, Any], kind: str = '') -> str:
    before, after = row['psnr_degraded_db'], row['psnr_restored_db']
    gain = None if before is None else after - before
    cells = [
        _text(row['name']),
        *(str(row[key]) for key in ('frames', 'restored', 'passed_through', 'dropped', 'lost_in_transport')),
        _number(before, 2),
        _number(after, 2),
        '–' if gain is None else f'{gain:+.2f}',
        _number(row['ssim_degraded'], 3),
        _number(row['ssim_restored'], 3),
    ]
    return f'<tr class="{kind}">' + ''.join(f'<td>{cell}</td>' for cell in cells) + '</tr>'


def _sight(sight: Sight) -> str:
    crop = detail(sight, DETAIL_SHARE)
    gain = f' <span>frame of median gain, {sight.score.gain_db:+.1f} dB</span>' if sight.score else ''
    whole = ''.join(
        f'<figure><figcaption>{title}</figcaption><img alt="{title}" src="{_jpeg(picture)}"></figure>'
        for title, picture in pictures(sight).items()
    )
    crops = ''.join(
        f'<figure><img alt="{title}, detail" src="{_png(picture[crop])}"></figure>'
        for title, picture in pictures(sight).items()
    )
    return f'<h3>{_text(sight.name)}{gain}</h3><div class="row">{whole}</div><div class="row">{crops}</div>'


def _footer(report: Mapping[str, Any]) -> str:
    rules = '; '.join(f'{name}: {rule}' for name, rule in report['conventions'].items())
    return f'<footer>{_text(rules)}.</footer>'


def _jpeg(rgb: np.ndarray) -> str:
    scale = min(1.0, LARGEST_SIDE_PX / max(rgb.shape[:2]))
    if scale < 1:
        rgb = cv2.resize(rgb, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    return _encoded('jpeg', '.jpg', rgb, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])


def _png(rgb: np.ndarray) -> str:
    return _encoded('png', '.png', rgb, [])


def _encoded(kind: str, suffix: str, rgb: np.ndarray, options: list[int]) -> str:
    _, data = cv2.imencode(suffix, cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR), options)
    return _uri(kind, data.tobytes())


def _uri(kind: str, data: bytes) -> str:
    return f'data:image/{kind};base64,{base64.b64encode(data).decode("ascii")}'


def _number(value: float | None, digits: int) -> str:
    return '–' if value is None else f'{value:.{digits}f}'


def _text(value: object) -> str:
    return html.escape(str(value))

"""The report as one page: what `report.html.j2` is filled in with."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import jinja2
import numpy as np

from restore_node.common.image_files import encode_png
from restore_node.tools.replay_test.accounting import total_of
from restore_node.tools.replay_test.pictures import detail, pictures
from restore_node.tools.replay_test.scoring import Example

DETAIL_SHARE = 0.22
LARGEST_SIDE_PX = 960
JPEG_QUALITY = 92


def page(report: Mapping[str, Any], examples: Sequence[Example], timeline: bytes) -> str:
    """Lay the content of `report.json` out, with examples and an SVG of what happened over time.

    Returns a whole HTML document, with all of its pictures inside.
    """
    templates = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    return templates.get_template('report.html.j2').render(
        report=report,
        total=total_of(report),
        examples=[_example(example) for example in examples],
        timeline=_uri('svg+xml', timeline),
    )


def _example(example: Example) -> dict[str, Any]:
    crop, shown = detail(example, DETAIL_SHARE), pictures(example)
    return {
        'name': example.name,
        'gain_db': example.score.gain_db if example.score else None,
        'wholes': {title: _jpeg(picture) for title, picture in shown.items()},
        'crops': {title: _uri('png', encode_png(picture[crop])) for title, picture in shown.items()},
    }


def _jpeg(rgb: np.ndarray) -> str:
    scale = min(1.0, LARGEST_SIDE_PX / max(rgb.shape[:2]))
    if scale < 1:
        rgb = cv2.resize(rgb, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    bgr = cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR)
    return _uri('jpeg', cv2.imencode('.jpg', bgr, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])[1].tobytes())


def _uri(kind: str, data: bytes) -> str:
    return f'data:image/{kind};base64,{base64.b64encode(data).decode("ascii")}'

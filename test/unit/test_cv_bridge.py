"""Our reading of images against cv_bridge's, wherever it imports, and the fallback to it.

By Debian's packages, outside a virtual environment:
`PYTHONPATH=. /usr/bin/python3 -m pytest --noconftest test/unit/test_cv_bridge.py`
"""

from __future__ import annotations

import importlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from restore_node.common.errors import MalformedError
from restore_node.messages import cdr, codec
from restore_node.messages.encodings import LAYOUTS
from restore_node.messages.frame import Header
from restore_node.ros import cv_bridge_fallback

HEADER = Header(5, 7, 'front')
# Names that cv_bridge has in every version; the two latest came with Humble and Jazzy.
SHARED = [
    *('rgb8', 'bgr8', 'rgba8', 'bgra8', 'mono8', 'rgb16', 'bgr16', 'rgba16', 'bgra16', 'mono16', 'yuv422'),
    *(f'bayer_{pattern}{bits}' for pattern in ('rggb', 'bggr', 'gbrg', 'grbg') for bits in (8, 16)),
]
LATER = [
    'uyvy',
    'yuyv',
    'yuv422_yuy2',
    '8UC1',
    '8UC3',
    '8UC4',
    'mono10',
    'bayer_rggb12',
    'nv12',
    'nv21',
    'nv24',
]
NO_PICTURES = ['16UC1', '32FC1', '32FC3', '64FC2', '8SC3', 'no encoding', '']


@pytest.fixture
def _forgotten() -> Iterator[None]:
    """The bridge is looked for anew, and again after the test."""
    cv_bridge_fallback._bridge.cache_clear()
    yield
    cv_bridge_fallback._bridge.cache_clear()


@pytest.fixture
def cv_bridge() -> None:
    try:
        importlib.import_module('cv_bridge.boost.cv_bridge_boost')
    except Exception as error:
        pytest.skip(f'no cv_bridge for this Python: {error}')


def message_of(encoding: str, bytes_per_pixel: int = 4) -> bytes:
    layout = LAYOUTS.get(encoding)
    width = 8 * (layout.channels * layout.item if layout else bytes_per_pixel)
    message, data = cdr.new_image(HEADER, 6, 8, encoding, width)
    data[:] = np.random.default_rng(1).integers(0, 256, data.shape, np.uint8)
    return bytes(message)


@pytest.mark.usefixtures('cv_bridge')
@pytest.mark.parametrize('encoding', SHARED)
def test_we_read_what_cv_bridge_reads(encoding: str) -> None:
    message = message_of(encoding)
    frame = codec.decode(message)
    rgb = codec.rgb_of(frame)
    reference = cv_bridge_fallback.read_with_cv_bridge(message)
    assert reference is not None
    assert (reference.encoding, reference.header) == ('rgb8', HEADER)
    # It rounds 16 bits to 8, we cut them.
    np.testing.assert_allclose(rgb.astype(int), reference.pixels, atol=1 if '16' in encoding else 0)


@pytest.mark.usefixtures('cv_bridge')
@pytest.mark.parametrize('encoding', LATER)
def test_what_this_cv_bridge_may_not_know_is_no_harm(encoding: str) -> None:
    reference = cv_bridge_fallback.read_with_cv_bridge(message_of(encoding))
    assert reference is None or reference.pixels.shape == (6, 8, 3)


@pytest.mark.usefixtures('cv_bridge')
@pytest.mark.parametrize('encoding', NO_PICTURES)
def test_distances_and_nonsense_are_no_pictures(encoding: str) -> None:
    assert cv_bridge_fallback.read_with_cv_bridge(message_of(encoding, 16)) is None


@pytest.mark.usefixtures('_forgotten')
def test_without_cv_bridge_there_is_no_fallback_and_no_harm(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, 'path', [path for path in sys.path if not (Path(path) / 'cv_bridge').exists()])
    assert cv_bridge_fallback.read_with_cv_bridge(message_of('32FC1')) is None


@pytest.mark.parametrize(
    'code',
    ['raise AttributeError("_ARRAY_API not found")', 'import os; os.abort()'],
    ids=['raises', 'crashes'],
)
def test_a_cv_bridge_that_was_built_for_another_numpy_is_no_harm(
    code: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / 'cv_bridge.py').write_text(f'class CvBridge:\n    def cv2_to_imgmsg(*_):\n        {code}\n')
    monkeypatch.syspath_prepend(tmp_path)
    assert cv_bridge_fallback.read_with_cv_bridge(message_of('32FC1')) is None


def test_a_malformed_message_stays_one() -> None:
    with pytest.raises(MalformedError):
        codec.decode(message_of('32FC1')[:-1])


def test_cv_bridge_is_not_imported_before_it_is_needed() -> None:
    code = 'import sys, restore_node.ros.cv_bridge_fallback; assert "cv_bridge" not in sys.modules'
    root = Path(cv_bridge_fallback.__file__).parents[2]
    subprocess.run([sys.executable, '-c', code], check=True, cwd=root)

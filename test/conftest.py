"""Fixtures that several test folders share."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from model_files import write_card, write_model

# OpenVINO reports every import to Google Analytics; the backend locks its telemetry out, and so do tests.
sys.modules.setdefault('openvino_telemetry', None)
pytest.register_assert_rewrite('backend_contract')


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Engines, choices and what is remembered of files go into a folder of these tests, not the user's."""
    monkeypatch.delenv('RESTORE_NODE_CACHE', raising=False)
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path_factory.getbasetemp() / 'cache'))


@pytest.fixture
def make_model(tmp_path: Path) -> Callable[..., Path]:
    """`make_model(**options)`, options as of `write_model` -> path of a .onnx with its card."""
    return lambda **options: write_model(tmp_path / 'models', **options)


@pytest.fixture
def make_card(tmp_path: Path) -> Callable[..., None]:
    """`make_card(name, graph bytes, **changes)` writes a card into the same folder as `make_model`."""
    return lambda name, graph, **changes: write_card(tmp_path / 'models', name, graph, **changes)

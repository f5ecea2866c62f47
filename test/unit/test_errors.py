"""One line that says what was seen, what is wanted and what to do."""

from __future__ import annotations

import inspect
import pickle

import pytest

from restore_node.common import errors
from restore_node.common.errors import BackendError, EngineError, RestoreError

KINDS = [kind for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, RestoreError)]


@pytest.mark.parametrize(
    ('details', 'line'),
    [
        ({}, 'step'),
        ({'seen': 5}, 'step: got 5'),
        ({'wanted': 6}, 'step: want 6'),
        (
            {'seen': 0, 'wanted': '6 or more', 'fix': 'correct the sender'},
            'step: got 0, want 6 or more; correct the sender',
        ),
        ({'fix': 'correct the sender'}, 'step; correct the sender'),
        ({'seen': ValueError('first\nsecond\t third')}, 'step: got first second third'),
    ],
)
def test_line_is_built_of_what_is_known(details: dict, line: str) -> None:
    assert str(RestoreError('step', **details)) == line


@pytest.mark.parametrize('kind', KINDS)
def test_every_kind_is_a_restore_error_and_crosses_processes(kind: type[RestoreError]) -> None:
    error = kind('step', seen=0, wanted=6, fix='correct the sender')
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is kind
    assert (str(copy), copy.seen, copy.fix) == (str(error), 0, 'correct the sender')


def test_engine_errors_are_backend_errors() -> None:
    assert issubclass(EngineError, BackendError)

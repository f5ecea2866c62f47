"""What every backend has to keep, as tests; a module that imports them brings the fixture `backend`.

`backend` is not open yet and runs a model of size multiple 8, for batches of 1 to 3 images of 8x8, 8x16, 16x8
and 24x8 (height x width).
"""

from __future__ import annotations

import numpy as np
import pytest

from restore_node.backends.base import Backend
from restore_node.backends.registry import create_backend
from restore_node.common.errors import BackendError


def test_it_has_the_name_it_is_registered_under(backend: Backend) -> None:
    assert create_backend(backend.name, backend.model).name == backend.name


def test_batches_keep_shape_and_type(backend: Backend) -> None:
    assert backend.model.card.size_multiple == 8
    with backend:
        for shape in ((1, 8, 16), (3, 24, 8), (1, 8, 8)):
            batch = backend.staging(*shape)
            assert (batch.shape, batch.dtype) == ((*shape, 3), np.uint8)
            batch[:] = np.arange(batch.size).reshape(batch.shape) % 256
            restored = backend.restore(batch)
            assert (restored.shape, restored.dtype) == (batch.shape, np.uint8)


def test_nothing_is_allocated_while_the_shape_stays(backend: Backend) -> None:
    with backend:
        first = backend.staging(1, 8, 16)
        assert np.shares_memory(backend.staging(1, 8, 16), first)
        assert not np.shares_memory(backend.staging(1, 16, 8), first)


def test_each_image_of_a_batch_is_restored_for_itself(backend: Backend) -> None:
    with backend:
        batch = backend.staging(2, 8, 8)
        batch[:] = np.random.default_rng(0).integers(0, 256, batch.shape)
        together = backend.restore(batch).copy()
        for index, image in enumerate(batch.copy()):
            alone = backend.staging(1, 8, 8)
            alone[0] = image
            np.testing.assert_array_equal(backend.restore(alone)[0], together[index])


def test_it_may_be_closed_twice_and_opened_again(backend: Backend) -> None:
    for _ in range(2):
        backend.open()
        assert backend.restore(backend.staging(1, 8, 8)).shape == (1, 8, 8, 3)
        backend.close()
        backend.close()


def test_it_restores_only_while_open(backend: Backend) -> None:
    batch = np.zeros((1, 8, 8, 3), np.uint8)
    with pytest.raises(BackendError, match='closed; open it'):
        backend.restore(batch)
    with backend:
        backend.restore(batch)
    with pytest.raises(BackendError, match='closed; open it'):
        backend.restore(batch)
    assert backend.device == 'none'

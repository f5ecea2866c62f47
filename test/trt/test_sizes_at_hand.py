"""What the backend keeps open as the size of the images changes: bounded, and freed by those who open."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pytest
from simulated_gpu import OUT_OF_MEMORY
from trt_world import World

from restore_node.backends.tensorrt import MAX_SIZES, TensorRTBackend
from restore_node.common.errors import EngineError, EngineMissingError
from restore_node.model import Model

WIDTHS = [8 * number for number in range(1, MAX_SIZES + 3)]
FREES = {'cudaFree', 'cudaFreeHost', 'cudaStreamDestroy', 'cudaEventDestroy', 'cudaGraphExecDestroy'}


@pytest.fixture(params=['an engine a size', 'one engine'])
def backend(
    request: pytest.FixtureRequest, world: World, model: Model, built: Callable[..., None]
) -> Iterator[TensorRTBackend]:
    """An open backend with engines for images of `WIDTHS` x 8."""
    if request.param == 'one engine':
        built('8x8', 1, '--max-size', f'{WIDTHS[-1]}x8')
    else:
        for width in WIDTHS:
            built(f'{width}x8', 1)
    world.gpu.calls.clear()
    with TensorRTBackend(model) as backend:
        yield backend
    assert not world.gpu.leaks()


def use(backend: TensorRTBackend, width: int) -> None:
    images = backend.staging(1, 8, width)
    images[:] = width
    np.testing.assert_array_equal(backend.restore(images), width + 10)


def frees(world: World) -> int:
    return sum(name in FREES for name in world.gpu.names())


def test_what_is_kept_is_bounded(backend: TensorRTBackend, world: World) -> None:
    use(backend, WIDTHS[0])
    of_one = world.gpu.leaks()
    for _ in range(3):
        for width in WIDTHS:
            use(backend, width)
            assert all(count <= MAX_SIZES * of_one[kind] for kind, count in world.gpu.leaks().items())
            assert len(backend._runners) <= MAX_SIZES
    assert world.gpu.leaks() == {kind: MAX_SIZES * count for kind, count in of_one.items()}


def test_sizes_at_hand_cost_nothing_but_a_launch(backend: TensorRTBackend, world: World) -> None:
    for width in WIDTHS[:MAX_SIZES]:
        use(backend, width)
    assert not frees(world)
    world.gpu.calls.clear()
    for width in 3 * WIDTHS[:MAX_SIZES]:
        use(backend, width)
    assert set(world.gpu.names()) == {
        'cudaGraphLaunch',
        'cudaEventRecord',
        'cudaEventSynchronize',
    }


def test_the_one_not_used_for_longest_goes(backend: TensorRTBackend, world: World) -> None:
    for width in WIDTHS[:MAX_SIZES]:
        use(backend, width)
    use(backend, WIDTHS[0])
    use(backend, WIDTHS[MAX_SIZES])  # WIDTHS[1] goes
    world.gpu.calls.clear()
    for width in (WIDTHS[0], *WIDTHS[2 : MAX_SIZES + 1]):
        use(backend, width)
    assert not world.gpu.count('cudaHostAlloc')
    use(backend, WIDTHS[1])
    assert world.gpu.count('cudaHostAlloc')


def test_more_cameras_of_one_size_take_nothing_from_the_others(
    backend: TensorRTBackend, world: World, built: Callable[..., None]
) -> None:
    for width in WIDTHS[:MAX_SIZES]:
        use(backend, width)
    with pytest.raises(EngineMissingError):
        backend.staging(2, 8, WIDTHS[1])
    built(f'{WIDTHS[1]}x8', 2)
    backend.staging(2, 8, WIDTHS[1])
    world.gpu.calls.clear()
    for width in (WIDTHS[0], *WIDTHS[2:MAX_SIZES]):
        use(backend, width)
    assert not world.gpu.count('cudaHostAlloc')


def test_memory_is_freed_before_more_is_taken(backend: TensorRTBackend, world: World) -> None:
    for width in WIDTHS[:MAX_SIZES]:
        use(backend, width)
    world.gpu.calls.clear()
    use(backend, WIDTHS[MAX_SIZES])
    names = world.gpu.names()
    freed = max(index for index, name in enumerate(names) if name in FREES)
    assert freed < min(names.index(name) for name in ('cudaMalloc', 'cudaHostAlloc', 'cudaGraphLaunch'))


def test_size_without_an_engine_takes_nothing_away(backend: TensorRTBackend, world: World) -> None:
    for width in WIDTHS[:MAX_SIZES]:
        use(backend, width)
    for _ in range(3):
        with pytest.raises(EngineMissingError):
            backend.staging(1, 64, 64)
    assert not frees(world)


def test_size_that_cannot_be_opened_leaves_nothing_behind(backend: TensorRTBackend, world: World) -> None:
    for width in WIDTHS[: MAX_SIZES - 1]:
        use(backend, width)
    before = world.gpu.leaks()
    world.gpu.failures['cudaMalloc'] = OUT_OF_MEMORY
    for _ in range(3):
        with pytest.raises(EngineError):
            backend.staging(1, 8, WIDTHS[-1])
    assert world.gpu.leaks() == before
    world.gpu.failures.clear()
    use(backend, WIDTHS[-1])

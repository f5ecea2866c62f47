"""The TensorRT backend over the true bindings: how it runs frames and finds its engines."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from batches import CAMERAS, plus_ten, ramp
from simulated_gpu import CAPTURE_INVALIDATED, OUT_OF_MEMORY
from trt_world import World

from restore_node.backends.tensorrt import TensorRTBackend
from restore_node.common.errors import EngineError, EngineMissingError
from restore_node.engine.cache import EngineCache
from restore_node.engine.cuda import CudaOutOfMemoryError
from restore_node.engine.spec import EngineSpec
from restore_node.model import Model

# Running.


def test_it_computes_the_graph_and_names_the_gpu(backend: TensorRTBackend) -> None:
    with backend:
        batch = ramp(backend.staging(2, 8, 8))
        np.testing.assert_array_equal(backend.restore(batch), plus_ten(batch))
        assert backend.device == 'Simulated Orin'
    assert backend.device == 'none'


def test_a_frame_is_one_graph_launch_and_nothing_else(backend: TensorRTBackend, world: World) -> None:
    with backend:
        batch = backend.staging(1, 8, 8)
        backend.restore(batch)
        world.gpu.calls.clear()
        world.calls.clear()
        for _ in range(3):
            backend.restore(ramp(backend.staging(1, 8, 8)))
        assert world.gpu.names() == 3 * [
            'cudaGraphLaunch',
            'cudaEventRecord',
            'cudaEventSynchronize',
        ]
        assert not world.calls


def test_each_batch_size_has_a_graph_of_its_own(backend: TensorRTBackend, world: World) -> None:
    with backend:
        for count in (1, 2, 3, 2, 1):
            batch = ramp(backend.staging(count, 8, 8))
            np.testing.assert_array_equal(backend.restore(batch), plus_ten(batch))
        assert world.gpu.count('cudaGraphInstantiateWithFlags') == 3


def test_graphs_of_all_batch_sizes_are_recorded_up_front(backend: TensorRTBackend, world: World) -> None:
    with backend:
        backend.staging(1, 8, 8)
        recorded = world.gpu.count('cudaStreamEndCapture')
        assert recorded == CAMERAS
        for batch in range(1, CAMERAS + 1):
            backend.restore(ramp(backend.staging(batch, 8, 8)))
        assert world.gpu.count('cudaStreamEndCapture') == recorded


@pytest.mark.parametrize(
    'failing', ['cudaStreamBeginCapture', 'cudaStreamEndCapture', 'cudaGraphInstantiateWithFlags']
)
def test_without_a_graph_it_goes_on_call_by_call(
    backend: TensorRTBackend, world: World, failing: str, caplog: pytest.LogCaptureFixture
) -> None:
    world.gpu.failures[failing] = CAPTURE_INVALIDATED
    with backend:
        for _ in range(2):
            batch = ramp(backend.staging(1, 8, 8))
            np.testing.assert_array_equal(backend.restore(batch), plus_ten(batch))
        assert 'no CUDA graph for a batch of shape (1, 8, 8, 3)' in caplog.text
        world.gpu.calls.clear()
        backend.restore(batch)
        assert world.gpu.names() == [
            'cudaMemcpyAsync',
            'cudaMemcpyAsync',
            'cudaEventRecord',
            'cudaEventSynchronize',
        ]


def test_closing_waits_for_what_is_under_way(backend: TensorRTBackend, world: World) -> None:
    backend.open()
    batch = backend.staging(1, 8, 8)
    world.gpu.failures['cudaEventSynchronize'] = OUT_OF_MEMORY
    with pytest.raises(CudaOutOfMemoryError):
        backend.restore(batch)
    backend.close()  # the simulated GPU refuses to destroy a stream that has work


def test_zero_copy_lets_the_gpu_use_the_buffers(
    world: World, model: Model, built: Callable[..., None]
) -> None:
    built('8x8')
    with TensorRTBackend(model, cameras=CAMERAS, zero_copy=True) as backend:
        world.gpu.calls.clear()
        batch = ramp(backend.staging(1, 8, 8))
        np.testing.assert_array_equal(backend.restore(batch), plus_ten(batch))
        assert not world.gpu.count('cudaMalloc')
        assert not world.gpu.count('cudaMemcpyAsync')


def test_zero_copy_is_for_shared_memory_only(
    world: World, model: Model, built: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    built('8x8')
    monkeypatch.setitem(world.gpu.attributes, 18, 0)
    with TensorRTBackend(model, cameras=CAMERAS, zero_copy=True) as backend:
        backend.staging(1, 8, 8)
        assert world.gpu.count('cudaMemcpyAsync')


def test_foreign_batches_can_be_restored(backend: TensorRTBackend) -> None:
    with backend:
        batch = ramp(np.empty((1, 8, 8, 3), np.uint8))
        np.testing.assert_array_equal(backend.restore(batch), plus_ten(batch))


# The cache.


def test_missing_engine_says_what_to_build(backend: TensorRTBackend) -> None:
    with (
        backend,
        pytest.raises(EngineMissingError, match=r'build_engine plus-ten --size 64x32 --batch 3') as missing,
    ):
        backend.staging(1, 32, 64)
    spec = missing.value.spec
    assert isinstance(spec, EngineSpec)
    assert (spec.min_shape, spec.max_shape, spec.precision) == ((1, 32, 64), (3, 32, 64), 'fp16')


def test_engine_is_found_as_soon_as_it_is_built(backend: TensorRTBackend, built: Callable[..., None]) -> None:
    with backend:
        with pytest.raises(EngineMissingError):
            backend.staging(1, 32, 64)
        built('64x32')
        assert backend.staging(1, 32, 64).shape == (1, 32, 64, 3)


def test_more_images_than_cameras_need_another_engine(
    backend: TensorRTBackend, built: Callable[..., None]
) -> None:
    with backend:
        few = ramp(backend.staging(2, 8, 8))
        with pytest.raises(EngineMissingError, match='--batch 5'):
            backend.staging(5, 8, 8)
        np.testing.assert_array_equal(backend.restore(few), plus_ten(few))
        built('8x8', cameras=5)
        many = ramp(backend.staging(5, 8, 8))
        np.testing.assert_array_equal(backend.restore(many), plus_ten(many))


def quarantined() -> list[str]:
    """The manifests of engines in quarantine."""
    return [path.read_text() for path in (EngineCache().folder / 'quarantine').glob('*.json')]


def test_engine_that_does_not_load_is_put_away_and_built_once_more(
    backend: TensorRTBackend, world: World, built: Callable[..., None]
) -> None:
    world.faults['Runtime.deserialize_cuda_engine'] = None
    with backend:
        with pytest.raises(
            EngineMissingError, match=r'no engine that loads \(Error Code 2: as the test wants it\)'
        ):
            backend.staging(1, 8, 8)
        assert 'as the test wants it' in ''.join(quarantined())
        with pytest.raises(EngineMissingError, match='no engine in the cache'):
            backend.staging(1, 8, 8)
        del world.faults['Runtime.deserialize_cuda_engine']
        built('8x8')
        world.faults['Runtime.deserialize_cuda_engine'] = None
        with pytest.raises(EngineError, match='does not load, built anew either') as raised:
            backend.staging(1, 8, 8)
        assert not isinstance(raised.value, EngineMissingError)


def test_full_gpu_is_not_blamed_on_the_engine(backend: TensorRTBackend, world: World) -> None:
    world.faults['Runtime.deserialize_cuda_engine'] = None
    world.reason = 'Requested amount of GPU memory (1073741824 bytes) could not be allocated.'
    with backend:
        with pytest.raises(EngineError, match='could not be allocated') as raised:
            backend.staging(1, 8, 8)
        assert not isinstance(raised.value, EngineMissingError)
        assert not quarantined()
        world.faults.clear()
        backend.restore(backend.staging(1, 8, 8))

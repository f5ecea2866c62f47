"""One frame in, one restored frame out, whatever its size."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from messages import HEADER, image_message

from restore_node.backends.base import Backend
from restore_node.backends.registry import create_backend
from restore_node.common.errors import BackendError
from restore_node.messages import codec
from restore_node.model import load_model
from restore_node.runtime.restore import restore_batch, restore_frame

pytest.importorskip('onnxruntime', reason='onnxruntime is not installed')
SIZES = [(1, 1), (1, 9), (3, 5), (7, 1), (8, 8), (9, 16), (17, 31)]


@pytest.fixture(params=[1, 8, 16])
def backend(request: pytest.FixtureRequest, make_model: Callable[..., Path]) -> Iterator[Backend]:
    """A backend that adds ten, for several size multiples."""
    model = load_model(str(make_model(size_multiple=request.param)))
    with create_backend('onnxruntime', model, 'cpu', threads=1) as backend:
        yield backend


@pytest.fixture
def plus_ten(make_model: Callable[..., Path]) -> Iterator[Backend]:
    """A backend that adds ten."""
    with create_backend('onnxruntime', load_model(str(make_model())), 'cpu', threads=1) as backend:
        yield backend


def picture(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(height * 100 + width).integers(0, 256, (height, width, 3), np.uint8)


@pytest.mark.parametrize('size', SIZES)
def test_any_size_is_restored_at_its_size(backend: Backend, size: tuple[int, int]) -> None:
    pixels = picture(*size)
    message = image_message(pixels, 'bgr8', padding=3)
    before = bytes(bytearray(message))
    frame = codec.decode(message)
    restored = restore_frame(backend, frame)
    wanted = np.minimum(pixels.astype(int) + 10, 255).astype(np.uint8)
    np.testing.assert_array_equal(restored.rgb, wanted[..., ::-1])
    assert codec.encode(restored.rgb, frame) == image_message(wanted, 'bgr8')
    assert codec.encode(restored.rgb, frame, 'rgb8') == image_message(wanted[..., ::-1], 'rgb8')
    assert message == before


@pytest.mark.parametrize('size', SIZES)
@pytest.mark.parametrize('multiple', [4, 16])
def test_frames_are_padded_by_reflection(
    make_model: Callable[..., Path], multiple: int, size: tuple[int, int]
) -> None:
    padding = [(0, -length % multiple) for length in size]
    pixels = picture(*size)
    padded = np.pad(pixels, [*padding, (0, 0)], mode='reflect')
    with create_backend('passthrough', load_model(str(make_model(size_multiple=multiple)))) as backend:
        seen = backend.staging(1, *padded.shape[:2])
        seen[:] = 77  # what an earlier frame left behind
        restore_frame(backend, codec.decode(image_message(pixels, 'rgb8')))
    np.testing.assert_array_equal(seen[0], padded)


@pytest.mark.parametrize(
    ('threshold', 'clean'), [(0.0, False), (9.9, False), (10.0, False), (10.1, True), (255.0, True)]
)
def test_gate_decides_by_what_changed(plus_ten: Backend, threshold: float, clean: bool) -> None:
    frame = codec.decode(image_message(picture(50, 60) // 2, 'rgb8'))
    assert restore_frame(plus_ten, frame, threshold).is_clean is clean


@pytest.mark.parametrize(('own', 'clean'), [(0.0, False), (9.9, False), (10.1, True)])
def test_a_threshold_below_zero_is_the_one_in_the_models_card(make_model, own: float, clean: bool) -> None:
    frame = codec.decode(image_message(picture(50, 60) // 2, 'rgb8'))
    with create_backend('onnxruntime', load_model(str(make_model(gate_threshold=own)))) as backend:
        assert restore_frame(backend, frame, -1.0).is_clean is clean
        assert not restore_frame(backend, frame, 0.0).is_clean


def test_time_of_each_stage_is_known(plus_ten: Backend) -> None:
    frame = codec.decode(image_message(picture(50, 60), 'rgb8'))
    stages = restore_frame(plus_ten, frame).stages_ms
    assert list(stages) == ['convert', 'restore', 'gate']
    assert all(value >= 0 for value in stages.values())
    assert stages['restore'] > 0


def test_header_goes_through(plus_ten: Backend) -> None:
    frame = codec.decode(image_message(picture(8, 8), 'rgb8'))
    restored = restore_frame(plus_ten, frame)
    assert codec.decode(codec.encode(restored.rgb, frame)).header == HEADER


def test_failure_of_the_backend_reaches_the_caller(plus_ten: Backend) -> None:
    plus_ten.close()
    with pytest.raises(BackendError):
        restore_frame(plus_ten, codec.decode(image_message(picture(8, 8), 'rgb8')))


def test_frames_of_several_cameras_go_through_as_one_batch(backend: Backend) -> None:
    pictures = [picture(9, 17) // 2, picture(9, 17) // 3, np.zeros((9, 17, 3), np.uint8)]
    frames = [codec.decode(image_message(pixels, 'bgr8')) for pixels in pictures]
    restored = restore_batch(backend, frames, gate_threshold=5.0)
    for pixels, one in zip(pictures, restored, strict=True):
        np.testing.assert_array_equal(one.rgb, pixels[..., ::-1] + 10)
        assert (one.score, one.is_clean) == (pytest.approx(10), False)


def test_the_gate_is_asked_only_where_there_is_a_threshold(plus_ten: Backend) -> None:
    frame = codec.decode(image_message(picture(50, 60) // 2, 'rgb8'))
    assert restore_frame(plus_ten, frame).score is None
    assert restore_frame(plus_ten, frame, 1.0).score == pytest.approx(10)

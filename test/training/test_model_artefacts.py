"""What shipped models must not do to a picture: borders, shifts of colour, flicker, harm to clean frames."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from skimage import data

from restore_node.common.metrics import psnr
from training.degradation.blur.scene import Blur
from training.degradation.blur.scene import expose as expose_scene
from training.degradation.blur.trajectory import Trajectory
from training.degradation.linear_light import to_linear
from training.degradation.sensor import Sensor, expose
from training.evaluation.systems import open_system

MODELS = sorted(path.stem for path in (Path(__file__).parents[2] / 'models').glob('*.json'))
BORDER_PX = 12
SIZE = 192


def photographs():
    places = {'astronaut': (20, 150), 'chelsea': (60, 120), 'coffee': (120, 200), 'rocket': (150, 250)}
    return [
        np.ascontiguousarray(getattr(data, name)()[top : top + SIZE, left : left + SIZE])
        for name, (top, left) in places.items()
    ]


def blurred(sharp, x_px, seed=0):
    time = np.linspace(-0.5, 0.5, 31)
    path = Trajectory(np.outer(time, (x_px, x_px / 3.0)), np.zeros(31), np.ones(31))
    return expose(expose_scene(sharp, Blur(path)), Sensor(read_noise=2e-4, shot_noise=5e-5, seed=seed))


@pytest.fixture(scope='module', params=MODELS)
def restore(request):
    with open_system(request.param, 'cpu') as system:
        yield lambda image: system.restore('', image)


def squared_error(a, b):
    return (a.astype(float) - b) ** 2


def test_the_border_is_restored_like_the_rest(restore):
    """Where a network pads with black, its border is dark or ringing."""
    inner = np.s_[BORDER_PX:-BORDER_PX, BORDER_PX:-BORDER_PX]
    ring = np.ones((SIZE, SIZE), bool)
    ring[inner] = False
    before, after = [], []
    for sharp in photographs():
        degraded = blurred(sharp, 9.0)
        restored = restore(degraded)
        before.append(squared_error(degraded, sharp)[ring].mean())
        after.append(squared_error(restored, sharp)[ring].mean())
    # At worst a tenth of a decibel is lost in the ring, over all.
    assert 10.0 * np.log10(np.mean(after) / np.mean(before)) < 0.1


@pytest.mark.parametrize('grey', [16, 64, 128, 200, 240])
def test_an_even_picture_stays_even_up_to_its_border(restore, grey):
    """Fog, or the lens against a wall."""
    even = np.full((SIZE, SIZE + 40, 3), grey, np.uint8)
    noisy = expose(to_linear(even), Sensor(read_noise=2e-4, shot_noise=5e-5, seed=0))
    change = cv2.blur(restore(noisy).astype(np.float32) - noisy, (9, 9))
    assert np.abs(change).max() < 4.0


def colours(image):
    return image.reshape(-1, 3).mean(axis=0)


def test_colours_do_not_shift(restore):
    """From the truth's: a blurred picture is brighter, because light is averaged before the tone curve."""
    for sharp in photographs():
        degraded = blurred(sharp, 9.0)
        shift = colours(restore(degraded)) - colours(sharp)
        assert np.abs(shift).max() < 1.5
        assert np.ptp(shift) < max(1.0, np.ptp(colours(degraded) - colours(sharp)))


def test_a_grey_picture_stays_grey(restore):
    for sharp in photographs():
        grey = cv2.cvtColor(cv2.cvtColor(blurred(sharp, 9.0), cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
        restored = restore(grey).astype(int)
        assert np.mean(np.ptp(restored, axis=2)) < 2.5


def test_noise_does_not_flicker_more_than_it_came(restore):
    """The same scene under new noise in every frame: a still car must not boil."""
    for sharp in photographs():
        frames = [blurred(sharp, 6.0, seed) for seed in range(5)]
        came, went = (
            np.std(np.stack(images).astype(float), axis=0).mean()
            for images in (frames, [restore(frame) for frame in frames])
        )
        assert went < 1.3 * came


def test_a_picture_that_moves_by_a_stride_is_restored_alike(restore):
    """What is restored must not hang on where a pixel lies on the network's grid."""
    for sharp in photographs():
        degraded = blurred(sharp, 7.0)
        whole = restore(degraded)[32:-32, 32:-32]
        # Not a multiple of any stride.
        moved = restore(np.ascontiguousarray(degraded[3:, 5:]))[29:, 27:][: whole.shape[0], : whole.shape[1]]
        assert psnr(np.ascontiguousarray(moved), np.ascontiguousarray(whole)) > psnr(
            whole, np.ascontiguousarray(degraded[32:-32, 32:-32])
        )


def test_clean_photographs_are_hardly_changed(restore):
    kept = [min(psnr(restore(sharp), sharp), 60.0) for sharp in photographs()]
    assert np.mean(kept) > 36.0

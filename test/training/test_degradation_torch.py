"""The batched twin against the NumPy reference, from the same drawn parameters and the same noise."""

from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip('torch', reason='the training environment is not set up')
data = pytest.importorskip('skimage.data', reason='scikit-image, whose photographs are used, is not there')

from training.degradation.blur.ranges import BlurRanges, MovingObjectRanges
from training.degradation.degrade import degrade, draw, truth
from training.degradation.ranges import (
    KINDS,
    RAIN100H,
    DegradationConfig,
    DropRanges,
    SensorRanges,
)
from training.degradation.sensor import noise_of
from training.degradation_torch.batch import degrade_batch, plan_batch, truth_batch

SIZE = 96, 128
# Real noise, so that the sensor is compared too; JPEG has a test of its own.
REFERENCE_ONLY = {'depth_share': 0.0, 'rolling_share': 0.0, 'highlight_share': 0.0}
EVERYTHING = DegradationConfig(
    blur=BlurRanges(shake_share=0.5, objects=MovingObjectRanges(share=0.6), **REFERENCE_ONLY),
    drops=DropRanges(sky_share=0.6),
    sensor=SensorRanges(jpeg_share=0.0),
)


NO_GPU = pytest.mark.skipif(not torch.cuda.is_available(), reason='no CUDA device')
DEVICES = ['cpu', pytest.param('cuda', marks=[pytest.mark.gpu, NO_GPU])]


def crops(count):
    """Crops of photographs, uint8 [H, W, 3]."""
    height, width = SIZE
    images = [data.astronaut(), data.coffee(), data.chelsea()]
    return [
        np.ascontiguousarray(images[k % 3][20 + 9 * k : 20 + 9 * k + height, 30 + 7 * k : 30 + 7 * k + width])
        for k in range(count)
    ]


def to_batch(images):
    return torch.from_numpy(np.stack(images).transpose(0, 3, 1, 2).copy())


def to_images(batch):
    return batch.permute(0, 2, 3, 1).cpu().numpy()


def noise_for(degradations):
    return to_batch([noise_of(drawn.sensor, (*SIZE, 3)) for drawn in degradations])


def psnr(one, other):
    error = np.mean((one.astype(np.float64) - other) ** 2)
    return np.inf if error == 0.0 else 10.0 * np.log10(255.0**2 / error)


def draw_batch(config, kinds, seed=0):
    rng = np.random.default_rng(seed)
    return [draw(config, kind, *SIZE, rng) for kind in kinds]


def assert_alike(images, references):
    for image, reference in zip(images, references, strict=True):
        difference = np.abs(image.astype(int) - reference)
        assert psnr(image, reference) > 50.0
        assert (difference > 1).mean() < 0.002
        assert difference.max() <= 6


@pytest.mark.parametrize('device', DEVICES)
@pytest.mark.parametrize('seed', range(3))
def test_a_mixed_batch_is_what_the_reference_makes_of_each_image(seed, device):
    degradations = draw_batch(EVERYTHING, KINDS, seed)
    sharp = crops(len(degradations))
    noise = noise_for(degradations).to(device)
    made = to_images(degrade_batch(to_batch(sharp).to(device), degradations, noise=noise))
    assert_alike(made, [degrade(image, drawn) for image, drawn in zip(sharp, degradations, strict=True)])


def test_every_blurred_sample_may_have_its_own_things():
    things = MovingObjectRanges(share=1.0, count=(1, 4))
    config = replace(EVERYTHING, blur=BlurRanges(objects=things, **REFERENCE_ONLY))
    degradations = draw_batch(config, ['blur'] * 5, seed=7)
    assert len({len(drawn.blur.objects) for drawn in degradations}) > 1
    sharp = crops(5)
    made = to_images(degrade_batch(to_batch(sharp), degradations, noise=noise_for(degradations)))
    assert_alike(made, [degrade(image, drawn) for image, drawn in zip(sharp, degradations, strict=True)])
    truths = to_images(truth_batch(to_batch(sharp), degradations))
    assert_alike(truths, [truth(image, drawn) for image, drawn in zip(sharp, degradations, strict=True)])


def test_the_densest_rain_is_the_same():
    degradations = draw_batch(replace(EVERYTHING, rain=RAIN100H), ['streaks'] * 2)
    sharp = crops(2)
    made = to_images(degrade_batch(to_batch(sharp), degradations, noise=noise_for(degradations)))
    assert_alike(made, [degrade(image, drawn) for image, drawn in zip(sharp, degradations, strict=True)])


def test_a_compressed_frame_is_compressed_and_its_neighbours_are_not():
    degradations = draw_batch(EVERYTHING, ['clean', 'clean'])
    degradations[1] = replace(degradations[1], sensor=replace(degradations[1].sensor, jpeg_quality=60))
    sharp = crops(2)
    made = to_images(degrade_batch(to_batch(sharp), degradations, noise=noise_for(degradations)))
    references = [degrade(image, drawn) for image, drawn in zip(sharp, degradations, strict=True)]
    # Nothing but noise comes before, so the frames that OpenCV compresses are the same.
    assert all(np.array_equal(*pair) for pair in zip(made, references, strict=True))


@pytest.mark.parametrize('device', DEVICES)
def test_a_sample_is_its_own_whatever_its_neighbours(device):
    degradations = draw_batch(EVERYTHING, ['all', 'blur', 'drops', 'clean', 'streaks'])
    sharp = to_batch(crops(5)).to(device)
    together = degrade_batch(sharp, degradations)
    assert torch.equal(together, degrade_batch(sharp, degradations))
    order = [3, 1, 4, 0, 2]
    shuffled = degrade_batch(sharp[order], [degradations[index] for index in order])
    assert torch.equal(shuffled, together[order])
    assert torch.equal(degrade_batch(sharp[2:3], degradations[2:3]), together[2:3])
    other = replace(degradations[3], sensor=replace(degradations[3].sensor, seed=1))
    assert not torch.equal(degrade_batch(sharp[3:4], [other]), together[3:4])


def test_noise_drawn_on_the_device_has_the_strength_of_the_sensor():
    drawn = draw_batch(EVERYTHING, ['clean'])[0]
    drawn = replace(drawn, sensor=replace(drawn.sensor, read_noise=1.0, shot_noise=3.0))
    sharp = torch.full((1, 3, *SIZE), 220, dtype=torch.uint8)
    made = degrade_batch(sharp, [drawn]).double()
    assert made.mean().item() == pytest.approx(220.0, abs=0.1)
    assert made.std().item() == pytest.approx(np.sqrt(1 + 9 * 220 / 255 + 1 / 12), rel=0.03)


def test_a_plan_made_elsewhere_and_mixed_precision_around_change_nothing():
    degradations = draw_batch(EVERYTHING, ['all', 'blur_drops'])
    sharp = to_batch(crops(2))
    wanted = degrade_batch(sharp, degradations)
    plan = plan_batch(degradations, *SIZE)
    with torch.autocast('cpu', torch.bfloat16):
        assert torch.equal(degrade_batch(sharp, plan), wanted)
        assert torch.equal(truth_batch(sharp, plan), truth_batch(sharp, degradations))


def test_without_things_the_truth_is_the_sharp_batch_itself():
    degradations = draw_batch(DegradationConfig(), ['all', 'clean'])
    sharp = to_batch(crops(2))
    assert truth_batch(sharp, degradations) is sharp


def test_what_does_not_fit_is_refused():
    degradations = draw_batch(EVERYTHING, ['clean', 'blur'])
    sharp = to_batch(crops(2))
    with pytest.raises(ValueError, match='one for each'):
        degrade_batch(sharp[:1], degradations)
    with pytest.raises(ValueError, match='uint8'):
        degrade_batch(sharp.float(), degradations)
    with pytest.raises(ValueError, match='noise'):
        degrade_batch(sharp, degradations, noise=torch.zeros(1, 3, 4, 4))

import hashlib
import shutil
from urllib.error import URLError

import numpy as np
import pytest
import torch
from lightning_fabric import Fabric

from restore_node.common.errors import ConfigError, InputError
from training.config.losses import LossConfig, PerceptualConfig
from training.losses import perceptual, pixel
from training.losses.content import ContentLoss
from training.losses.perceptual import PerceptualLoss, find_weights, vgg19_features

# torchvision's numbers of the convolutions up to conv3_3, and their channels.
CONVOLUTIONS = {
    0: (3, 64),
    2: (64, 64),
    5: (64, 128),
    7: (128, 128),
    10: (128, 256),
    12: (256, 256),
    14: (256, 256),
}
POOLED_BEFORE = {5, 10}


@pytest.fixture(scope='module')
def state():
    """Random weights in the layout of the published file, as far as conv3_3."""
    torch.manual_seed(0)
    weights = {'classifier.0.weight': torch.zeros(2, 2)}
    for number, (channels_in, channels_out) in CONVOLUTIONS.items():
        scale = (2.0 / (9 * channels_in)) ** 0.5
        weights[f'features.{number}.weight'] = scale * torch.randn(channels_out, channels_in, 3, 3)
        weights[f'features.{number}.bias'] = 0.1 * torch.randn(channels_out)
    return weights


@pytest.fixture
def publish(tmp_path, monkeypatch):
    """Save weights and take their file for the published one."""

    def save(weights):
        path = tmp_path / 'vgg19.pth'
        torch.save(weights, path)
        monkeypatch.setattr(perceptual, 'SHA256', hashlib.sha256(path.read_bytes()).hexdigest()[:8])
        return path

    return save


def features(image, state, is_active):
    """What conv3_3 or relu3_3 of VGG19 shows of float64 [3, H, W] RGB, 0..1, in plain numpy."""
    mean, deviation = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
    maps = (image - mean[:, None, None]) / deviation[:, None, None]
    for number in CONVOLUTIONS:
        if number > 0:
            maps = np.maximum(maps, 0.0)
        if number in POOLED_BEFORE:
            channels, rows, columns = maps.shape
            maps = maps.reshape(channels, rows // 2, 2, columns // 2, 2).max((2, 4))
        windows = np.lib.stride_tricks.sliding_window_view(
            np.pad(maps, ((0, 0), (1, 1), (1, 1))), (3, 3), (1, 2)
        )
        maps = np.einsum(
            'chwij,ocij->ohw', windows, state[f'features.{number}.weight'].numpy(), optimize=True
        )
        maps = maps + state[f'features.{number}.bias'].numpy()[:, None, None]
    return np.maximum(maps, 0.0) if is_active else maps


@pytest.mark.parametrize('layer', ['conv3_3', 'relu3_3'])
def test_equation_9_in_plain_numpy(state, publish, layer):
    loss = PerceptualLoss(publish(state), layer)
    restored, sharp = torch.rand(2, 2, 3, 12, 8)
    wanted = [
        np.mean(
            np.subtract(*(features(image.double().numpy(), state, layer == 'relu3_3') for image in pair)) ** 2
        )
        for pair in zip(restored, sharp, strict=True)
    ]
    distances = loss(restored, sharp)
    assert distances.dtype == torch.float32
    assert distances.tolist() == pytest.approx(wanted, rel=1e-4)
    assert loss(sharp, sharp).tolist() == [0.0, 0.0]


def test_only_the_restored_image_gets_a_gradient(state, publish):
    loss = PerceptualLoss(publish(state)).train()
    restored, sharp = torch.rand(2, 1, 3, 8, 8)
    restored.requires_grad_()
    sharp.requires_grad_()
    loss(restored, sharp).sum().backward()
    assert restored.grad.abs().max() > 0.0
    assert sharp.grad is None
    assert not [weights for weights in loss.parameters() if weights.requires_grad]


@pytest.mark.parametrize('precision', ['32-true', 'bf16-mixed'])
@pytest.mark.parametrize('charbonnier', [0.0, 0.5])
def test_the_content_loss_is_the_weighted_sum_of_its_terms(state, publish, precision, charbonnier):
    path = publish(state)
    config = LossConfig(charbonnier=charbonnier, perceptual=PerceptualConfig(weight=3.0, weights=path))
    content = ContentLoss(Fabric(accelerator='cpu', devices=1, precision=precision), config)
    restored, sharp = torch.rand(2, 2, 3, 16, 24)
    restored.requires_grad_()
    with torch.autocast('cpu', torch.bfloat16, enabled=precision == 'bf16-mixed'):
        distances = PerceptualLoss(path)(restored, sharp)
    wanted = 3.0 * distances.mean() + charbonnier * pixel.charbonnier(restored, sharp).mean()
    seen = content(restored, restored, sharp)
    assert seen.dtype == torch.float32
    assert seen.shape == ()
    assert seen.item() == pytest.approx(wanted.item(), rel=1e-6)
    seen, wanted = (torch.autograd.grad(loss, restored)[0] for loss in (seen, wanted))
    torch.testing.assert_close(seen, wanted)
    # Bfloat16 has 8 bits: near to float32, and not the same.
    exact = PerceptualLoss(path)(restored, sharp)
    assert torch.equal(distances, exact) == (precision == '32-true')
    torch.testing.assert_close(distances, exact, rtol=0.05, atol=0.0)


def test_the_stack_is_vgg19():
    with torch.device('meta'):
        stack = vgg19_features('pool5')
    kinds = ''.join({'Conv2d': 'c', 'ReLU': '', 'MaxPool2d': '|'}[type(layer).__name__] for layer in stack)
    assert kinds == 'cc|cc|cccc|cccc|cccc|'
    assert len(stack) == 37
    assert sum(weights.numel() for weights in stack.parameters()) == 20_024_384
    assert len(vgg19_features('conv3_3')) == 15


@pytest.mark.parametrize('layer', ['conv3_5', 'conv6_1', 'fc1'])
def test_an_unknown_layer_is_refused(layer):
    with pytest.raises(ConfigError, match=rf'{layer}.*conv5_4'):
        vgg19_features(layer)


def test_missing_weights_are_refused_with_the_place_for_them(tmp_path, monkeypatch):
    with pytest.raises(ConfigError, match=r'nowhere\.pth.*dcbb9e9d\.pth; put'):
        PerceptualLoss(tmp_path / 'nowhere.pth', download=True)
    monkeypatch.setenv('TORCH_HOME', str(tmp_path))
    place = tmp_path / 'hub' / 'checkpoints' / 'vgg19-dcbb9e9d.pth'
    with pytest.raises(ConfigError, match=str(place)):
        PerceptualLoss(None)
    place.parent.mkdir(parents=True)
    place.touch()
    assert find_weights(None) == place


def test_the_download_is_asked_for_checked_and_kept(state, publish, tmp_path, monkeypatch):
    published = publish(state)
    monkeypatch.setenv('TORCH_HOME', str(tmp_path))
    asked = []

    def fetch(url, target, hash_prefix, progress):
        asked.append((url, hash_prefix))
        shutil.copy(published, target)

    monkeypatch.setattr(torch.hub, 'download_url_to_file', fetch)
    for _ in range(2):
        PerceptualLoss(None, download=True)
    assert asked == [(perceptual.URL, perceptual.SHA256)]


def test_a_failed_download_says_where_to_put_the_file(tmp_path, monkeypatch):
    def fetch(*_args, **_options):
        raise URLError('no route to host')

    monkeypatch.setenv('TORCH_HOME', str(tmp_path))
    monkeypatch.setattr(torch.hub, 'download_url_to_file', fetch)
    with pytest.raises(ConfigError, match=f'no route to host.*put it at {tmp_path}'):
        PerceptualLoss(None, download=True)


def test_no_other_weights_run_under_the_name(state, tmp_path):
    path = tmp_path / 'vgg19-dcbb9e9d.pth'
    torch.save(state, path)
    with pytest.raises(InputError, match=r'not the published file.*SHA-256 [0-9a-f]{64}, want dcbb9e9d'):
        PerceptualLoss(path)


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        (
            {'features.7.weight': torch.zeros(128, 64, 3, 3)},
            r'features\.7\.weight: got \[128, 64, 3, 3\], want',
        ),
        ({'features.14.bias': None}, r'features\.14\.bias: got nothing, want \[256\]'),
    ],
)
def test_weights_of_other_shapes_are_refused(state, publish, change, message):
    changed = {name: weights for name, weights in (state | change).items() if weights is not None}
    with pytest.raises(InputError, match=message):
        PerceptualLoss(publish(changed))

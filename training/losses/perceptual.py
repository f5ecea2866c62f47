"""The perceptual loss (paper eq. 9; Johnson et al. 2016): distance of images as VGG19 sees them."""

import hashlib
import io
from pathlib import Path

import torch
from torch import Tensor, nn

from restore_node.common.errors import ConfigError, InputError
from restore_node.common.image_files import read_file

URL = 'https://download.pytorch.org/models/vgg19-dcbb9e9d.pth'
"""The ImageNet weights as torchvision publishes them, 574 MB; torch.hub keeps them under this name."""

SHA256 = 'dcbb9e9d'
"""How the SHA-256 of that file begins, by torch.hub's convention for names."""

# Channels of the convolutions between pools: configuration E of Simonyan and Zisserman 2015.
_WIDTHS = ((64, 64), (128, 128), (256,) * 4, (512,) * 4, (512,) * 4)

# Mean and standard deviation of ImageNet, RGB, 0..1, with which those weights were trained.
_MEAN = (0.485, 0.456, 0.406)
_DEVIATION = (0.229, 0.224, 0.225)


class PerceptualLoss(nn.Module):
    """Mean squared difference of the feature maps of one VGG19 layer.

    Eq. 9 averages over the positions of a feature map and is silent about its channels; here they are
    averaged, too, as in DeblurGAN's code, from where the weight of 100 beside the adversarial term stems. The
    same code takes `conv3_3` before its ReLU; `relu3_3` is the map after it. The module is frozen and
    computes in float32, unless it is called under autocast.

    Args:
        weights: file of the published weights; None looks where torch.hub keeps them ($TORCH_HOME).
        layer: `convB_I`, `reluB_I` or `poolB`: block B 1..5, convolution I.
        download: let torch.hub fetch the weights when they are missing.

    Raises ConfigError where there is no such layer, or the weights are missing, and InputError where the file
    is not the published one.
    """

    def __init__(self, weights: Path | None, layer: str = 'conv3_3', download: bool = False) -> None:
        super().__init__()
        with torch.device('meta'):
            self.features = vgg19_features(layer)
        _fill(self.features, find_weights(weights, download))
        self.requires_grad_(False)
        self.register_buffer('mean', torch.tensor(_MEAN).view(3, 1, 1))
        self.register_buffer('deviation', torch.tensor(_DEVIATION).view(3, 1, 1))

    def forward(self, restored: Tensor, sharp: Tensor) -> Tensor:
        """Compare float32 [N, 3, H, W] RGB, 0..1; the result is float32 [N], one for each image.

        No gradient flows to `sharp`.
        """
        with torch.no_grad():
            wanted = self._see(sharp)
        return ((self._see(restored).float() - wanted.float()) ** 2).mean(dim=(1, 2, 3))

    def _see(self, images: Tensor) -> Tensor:
        return self.features((images - self.mean) / self.deviation)


def vgg19_features(last: str) -> nn.Sequential:
    """VGG19 up to one layer; torchvision's numbering, so that its published weights fit by name.

    Raises ConfigError where there is no such layer.
    """
    layers: dict[str, nn.Module] = {}
    channels = 3
    for block, widths in enumerate(_WIDTHS, start=1):
        for index, width in enumerate(widths, start=1):
            layers[f'conv{block}_{index}'] = nn.Conv2d(channels, width, 3, padding=1)
            layers[f'relu{block}_{index}'] = nn.ReLU()
            channels = width
        layers[f'pool{block}'] = nn.MaxPool2d(2)
    if last not in layers:
        raise ConfigError('VGG19 has no such layer', seen=last, wanted=f'one of {", ".join(layers)}')
    return nn.Sequential(*list(layers.values())[: list(layers).index(last) + 1])


def find_weights(weights: Path | None, download: bool = False) -> Path:
    """The file of the published weights; its content is not looked at yet.

    Raises ConfigError where it is not there, and may not be, or cannot be, downloaded.
    """
    path = weights or Path(torch.hub.get_dir(), 'checkpoints', Path(URL).name)
    if path.is_file():
        return path
    if download and weights is None:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            torch.hub.download_url_to_file(URL, str(path), hash_prefix=SHA256, progress=False)
        except (OSError, RuntimeError) as error:
            raise ConfigError(
                'cannot download the VGG19 weights of the perceptual loss',
                seen=error,
                fix=f'fetch {URL} elsewhere and put it at {path}',
            ) from error
        return path
    raise ConfigError(
        'the VGG19 weights of the perceptual loss are missing',
        seen=f'no file {path}',
        wanted=f'the published ImageNet weights, {URL}',
        fix='put them there, name their file in the config, or let it download them',
    )


def _fill(features: nn.Sequential, path: Path) -> None:
    """Load the published weights; anything else in their place is refused."""
    wanted = features.state_dict(prefix='features.')
    content = read_file(path)
    seen = hashlib.sha256(content).hexdigest()
    if not seen.startswith(SHA256):
        raise InputError(
            f'{path} is not the published file of VGG19 weights',
            seen=f'SHA-256 {seen}',
            wanted=f'{SHA256}...',
            fix=f'fetch {URL}',
        )
    published = torch.load(io.BytesIO(content), map_location='cpu', weights_only=True)
    for name, weight in wanted.items():
        if name not in published or published[name].shape != weight.shape:
            raise InputError(
                f'{path} does not fit VGG19 at {name}',
                seen=list(published[name].shape) if name in published else 'nothing',
                wanted=list(weight.shape),
            )
    fitting = {name.removeprefix('features.'): published[name] for name in wanted}
    features.load_state_dict(fitting, assign=True)

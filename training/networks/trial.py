"""Whether a network keeps the contract of generators, found by letting one small image through it."""

import torch
from torch import Tensor, nn

from restore_node.common.errors import ConfigError

_ROWS_PX = 48
_FAR_OUT = 16.0
"""Of the middle value of an output: what random weights make of 0..1 is smaller, a count to 255 larger."""


def check_generator(name: str, network: nn.Module) -> None:
    """Refuse a network that does not return images as it takes them (docs/contracts.md, section 9).

    It is left in evaluation mode; `name` is for the message. Raises ConfigError where it has nothing to
    learn, fails on an image of its multiples, or returns anything but a float tensor of the image's shape on
    the scale of 0..1.
    """
    if not any(weights.requires_grad for weights in network.parameters()):
        raise ConfigError(f'the network {name} has no parameters to train')
    multiple = network.size_multiple
    rows = -(-_ROWS_PX // multiple) * multiple
    images = torch.rand(1, 3, rows, rows + multiple, generator=torch.Generator().manual_seed(0))
    try:
        with torch.inference_mode():
            restored = network.eval()(images)
    except Exception as error:  # of anybody's code
        raise ConfigError(
            f'the network {name} fails on an image',
            seen=f'{type(error).__name__}: {error}',
            wanted=f'float32 {list(images.shape)}, 0..1, in and out',
            fix='pad inside the network, or say in its class what H and W must be multiples of, such as '
            'size_multiple = 8',
        ) from error
    fault = _fault(restored, images)
    if fault:
        raise ConfigError(
            f'the network {name} does not return an image',
            seen=fault,
            wanted=f'one float tensor {list(images.shape)} RGB, 0..1, as what goes in',
            fix='return the restored image alone, on the scale of 0..1',
        )


def _fault(restored: object, images: Tensor) -> str:
    if not isinstance(restored, Tensor):
        length = f' of {len(restored)}' if isinstance(restored, list | tuple | dict) else ''
        return f'a {type(restored).__name__}{length}'
    if restored.shape != images.shape or not restored.is_floating_point():
        return f'{str(restored.dtype).removeprefix("torch.")} {list(restored.shape)}'
    middle = restored.abs().median().item()
    return '' if middle < _FAR_OUT else f'values around {middle:.3g}'

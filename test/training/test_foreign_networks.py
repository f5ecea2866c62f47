"""What other networks are made of becomes a graph that keeps the contract and that TensorRT reads."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional
from workbench import restored_by_both

from restore_node.common.errors import ModelError
from restore_node.tools.graph_check import faults_of_graph
from training.model_file.graph import write_graph


class TransposedAttention(nn.Module):
    """Attention between channels over all pixels, as Restormer has it, behind a layer norm."""

    size_multiple = 8

    def __init__(self):
        super().__init__()
        self.enter, self.leave = nn.Conv2d(3, 8, 3, padding=1), nn.Conv2d(8, 3, 1)
        self.norm, self.attend = nn.LayerNorm(8), nn.Conv2d(8, 24, 1)
        self.temperature = nn.Parameter(torch.ones(2, 1, 1))

    def forward(self, images):
        features = self.enter(images)
        count, channels, rows, columns = features.shape
        normed = self.norm(features.flatten(2).transpose(1, 2)).transpose(1, 2)
        parts = self.attend(normed.reshape(count, channels, rows, columns)).chunk(3, dim=1)
        query, key, value = (part.reshape(count, 2, channels // 2, rows * columns) for part in parts)
        query, key = functional.normalize(query, dim=-1), functional.normalize(key, dim=-1)
        weights = (query @ key.transpose(-2, -1) * self.temperature).softmax(dim=-1)
        attended = (weights @ value).reshape(count, channels, rows, columns)
        return images + self.leave(functional.gelu(features + attended))


class Pooled(nn.Module):
    """Asks for the size of its input, pads to it, pools to fixed sizes, and grows to given ones."""

    def __init__(self):
        super().__init__()
        self.enter, self.leave = nn.Conv2d(3, 16, 3, padding=1), nn.Conv2d(8, 3, 3, padding=1)
        self.whole, self.parts = nn.AdaptiveAvgPool2d(1), nn.AdaptiveAvgPool2d((2, 4))

    def forward(self, images):
        rows, columns = images.shape[-2:]
        padded = functional.pad(images, (0, -columns % 8, 0, -rows % 8), mode='reflect')
        half = functional.interpolate(padded, scale_factor=0.5, mode='bilinear')
        first, second = self.enter(half).chunk(2, dim=1)
        gated = first * second
        parts = functional.interpolate(self.parts(gated), size=gated.shape[-2:], mode='nearest')
        weighed = gated * self.whole(gated) + parts
        grown = functional.interpolate(self.leave(weighed), size=padded.shape[-2:], mode='bilinear')
        return (padded + grown)[..., :rows, :columns]


class BySize(nn.Module):
    """Takes its way by what the size is, which no graph can follow."""

    def __init__(self):
        super().__init__()
        self.enter = nn.Conv2d(3, 3, 3, padding=1)

    def forward(self, images):
        return self.enter(images) if float(images.mean()) > 0.5 else images


@pytest.mark.parametrize('made', [TransposedAttention, Pooled])
def test_it_becomes_a_graph_of_any_size(made, tmp_path):
    torch.manual_seed(0)
    network, path = made(), tmp_path / 'network.onnx'
    multiple = getattr(network, 'size_multiple', 1)
    write_graph(network, multiple, path)
    assert faults_of_graph(path) == []
    for rows, columns in ((64, 48), (40, 72)) if multiple > 1 else ((61, 48), (43, 70)):
        frames = np.random.default_rng(rows).integers(0, 256, (2, rows, columns, 3), dtype=np.uint8)
        restored, wanted = restored_by_both(path, network, frames)
        assert np.abs(restored - wanted).max() <= 1


def test_what_cannot_be_followed_is_one_line(tmp_path):
    with pytest.raises(ModelError, match='cannot follow the network') as caught:
        write_graph(BySize(), 1, tmp_path / 'network.onnx')
    assert '\n' not in str(caught.value)
    assert len(str(caught.value)) < 400

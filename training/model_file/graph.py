"""A network as an ONNX graph, pixels in, pixels out (docs/contracts.md, section 1)."""

import contextlib
import io
import logging
import warnings
from collections.abc import Iterable, Sequence
from pathlib import Path
from unittest import mock

import numpy as np
import onnx
import onnxruntime
import torch
from numpy.typing import NDArray
from onnx import TensorProto
from torch import Tensor, nn
from torch.nn import functional

from restore_node.backends.base import Backend
from restore_node.common.errors import ModelError
from restore_node.common.metrics import psnr
from restore_node.model import INPUT_NAME, OUTPUT_NAME
from training.evaluation.restoring import restore_batch

OPSET = 18

LEAST_ALIKE_DB = 45.0
"""PSNR of the fp16 graph's output to the fp32 graph's, below which an export is refused."""


class PixelsInPixelsOut(nn.Module):
    """Everything between a frame's bytes and a frame's bytes: uint8 [N, H, W, 3] RGB, 0..255, in and out.

    The network computes in the precision of its weights; what turns its result into pixels is always fp32,
    for fp16 has no steps of half a grey level above 128 when it counts to 255.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network
        self.precision = next(network.parameters()).dtype

    def forward(self, degraded: Tensor) -> Tensor:
        """The contract's graph."""
        planes = degraded.to(self.precision).permute(0, 3, 1, 2) / 255.0
        restored = torch.clamp(self.network(planes).float() * 255.0 + 0.5, 0.0, 255.0)
        return restored.permute(0, 2, 3, 1).to(torch.uint8)


def write_graph(network: nn.Module, size_multiple: int, path: Path) -> None:
    """Write the graph of a network in the precision of its weights, with N, H and W dynamic.

    Raises ModelError where the exported graph does not keep the contract.
    """
    dim = torch.export.Dim
    # A Dim has no guards, and a network that pads by itself has some, about whether it must.
    rows, columns = (
        size_multiple * dim(name) if size_multiple > 1 else dim.DYNAMIC for name in ('rows', 'columns')
    )
    smallest = _smallest(size_multiple)
    frames = torch.zeros(2, smallest + 4 * size_multiple, smallest + 6 * size_multiple, 3, dtype=torch.uint8)
    # The exporter prints its progress, and warns about itself and about packages that are not used here.
    logging.getLogger('torch.onnx').setLevel(logging.ERROR)
    pooling = mock.patch.object(functional, 'adaptive_avg_pool2d', _adaptive_avg_pool2d)
    try:
        with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings(), pooling:
            warnings.simplefilter('ignore', FutureWarning)
            program = torch.onnx.export(
                PixelsInPixelsOut(network).eval(),
                (frames,),
                dynamo=True,
                opset_version=OPSET,
                input_names=[INPUT_NAME],
                output_names=[OUTPUT_NAME],
                dynamic_shapes={INPUT_NAME: {0: dim('batch'), 1: rows, 2: columns}},
                external_data=False,
            )
    except torch.onnx.OnnxExporterError as error:
        raise ModelError(
            'torch.export cannot follow the network',
            seen=str(error.__cause__ or error).strip().partition('\n')[0],
            fix='compute sizes from tensors (images.shape), never as Python numbers or by their values',
        ) from error
    assert program is not None, 'it was given no file to write to'
    model = program.model_proto
    _take_sizes_behind_the_cast(model.graph)
    onnx.save(model, path)
    _check_casts(path)


def check_equal(network: nn.Module, size_multiple: int, backend: Backend) -> None:
    """Compare a graph with the network it came from, on noise of several sizes and on a smooth picture.

    Raises ModelError where they differ by more than one grey level somewhere.
    """
    reference = PixelsInPixelsOut(network).eval()
    rng = np.random.default_rng(0)
    smallest = _smallest(size_multiple)
    for count, rows, columns in ((1, 1, 1), (1, 5, 9), (3, 8, 6)):
        sides = (smallest + rows * size_multiple, smallest + columns * size_multiple)
        frames = rng.integers(0, 256, (count, *sides, 3), dtype=np.uint8)
        for batch in (frames, np.sort(frames, axis=2)):
            with torch.inference_mode():
                wanted = reference(torch.from_numpy(batch)).numpy()
            worst = np.abs(restore_batch(backend, batch).astype(int) - wanted).max()
            if worst > 1:
                raise ModelError(
                    f'graph and network differ on {list(batch.shape)}',
                    seen=f'{worst} grey levels',
                    wanted='at most 1',
                    fix='check the versions in requirements/train.txt',
                )


def check_alike(half: Path, full: Path, size_multiple: int, pictures: Iterable[NDArray[np.uint8]]) -> float:
    """Compare the fp16 graph with the fp32 one, in ONNX Runtime on the CPU, which hides what overflows.

    Besides noise and a smooth picture they are compared on pictures, uint8 [H, W, 3] RGB, H and W multiples
    of the network's. Returns PSNR in dB of what one makes to what the other makes, on the picture where it is
    lowest; raises ModelError where that is below `LEAST_ALIKE_DB`.
    """
    sessions = [
        onnxruntime.InferenceSession(str(graph), providers=['CPUExecutionProvider']) for graph in (half, full)
    ]
    alike = min(
        psnr(*(session.run([OUTPUT_NAME], {INPUT_NAME: picture[None]})[0][0] for session in sessions))
        for picture in (*probes(size_multiple), *pictures)
    )
    if alike < LEAST_ALIKE_DB:
        raise ModelError(
            'the fp16 graph does not compute what the fp32 graph does',
            seen=f'{alike:.1f} dB',
            wanted=f'{LEAST_ALIKE_DB} dB',
            fix='keep what overflows or needs more precision in fp32',
        )
    return alike


def probes(size_multiple: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Noise and a smooth picture, uint8 [H, W, 3], as large as any network takes."""
    side = max(_smallest(size_multiple), 8 * size_multiple)
    noise = np.random.default_rng(0).integers(0, 256, (side, side, 3), dtype=np.uint8)
    return noise, np.sort(noise, axis=1)


def _smallest(size_multiple: int) -> int:
    """Below these sides a network of any size need not work: what pads by itself wants pixels to mirror."""
    return 0 if size_multiple > 1 else 32


def _adaptive_avg_pool2d(images: Tensor, output_size: int | Sequence[int | None] | None) -> Tensor:
    """As PyTorch's: float [..., H, W] to means over `output_size` parts that may overlap by a pixel.

    torch.export spells that as indices, of which some lie outside where the sizes are not those that it saw.
    Here each mean is a product with a matrix that follows from the size.
    """
    wanted = output_size if isinstance(output_size, Sequence) else (output_size, output_size)
    if tuple(wanted) == (1, 1):
        return images.mean((-2, -1), keepdim=True)
    rows, columns = (_means(images, axis, parts) for axis, parts in zip((-2, -1), wanted, strict=True))
    return rows @ images @ columns.transpose(0, 1)


def _means(images: Tensor, axis: int, parts: int | None) -> Tensor:
    """What makes means of the positions along an axis: [parts, length], rows that sum to 1."""
    length = images.shape[axis]
    parts = length if parts is None else parts
    position = torch.arange(length, device=images.device) * parts
    part = torch.arange(parts, device=images.device)[:, None]
    # From floor(part * length / parts) on, up to ceil((part + 1) * length / parts), in whole numbers.
    inside = (position > part * length - parts) & (position < (part + 1) * length)
    return (inside / inside.sum(1, keepdim=True)).to(images.dtype)


def _take_sizes_behind_the_cast(graph: onnx.GraphProto) -> None:
    """Let a network that asks for the size of its input ask the Cast's result, which is as large."""
    cast = next(node for node in graph.node if node.op_type == 'Cast' and INPUT_NAME in node.input)
    for node in graph.node:
        if node.op_type == 'Shape' and INPUT_NAME in node.input:
            node.input[0] = cast.output[0]
    graph.node.remove(cast)
    graph.node.insert(0, cast)


def _check_casts(path: Path) -> None:
    """Only a Cast behind the input and a Cast before the output may touch uint8."""
    graph = onnx.shape_inference.infer_shapes(onnx.load(path)).graph
    values = (*graph.value_info, *graph.input, *graph.output)
    pixels = {value.name for value in values if value.type.tensor_type.elem_type == TensorProto.UINT8}
    touching = [node.op_type for node in graph.node if pixels & {*node.input, *node.output}]
    if pixels != {INPUT_NAME, OUTPUT_NAME} or touching != ['Cast', 'Cast']:
        raise ModelError(
            'the exported graph does not keep the contract',
            seen=f'uint8 in {", ".join(sorted(pixels))}, touched by {", ".join(touching)}',
            wanted=f'uint8 only in {INPUT_NAME} and {OUTPUT_NAME}, touched by one Cast each',
            fix='keep pixels inside PixelsInPixelsOut as floats',
        )

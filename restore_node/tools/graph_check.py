"""What TensorRT would refuse in a graph, found without it: `python -m restore_node.tools.graph_check MODEL`.

It knows less than TensorRT's parser and nothing about speed; `build_engine` on the vehicle has the last word.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from restore_node.common.errors import InputError, ModelError
from restore_node.model import INPUT_NAME, OUTPUT_NAME, load_model
from restore_node.tools.cli import run_command

#: What generators are made of and TensorRT's ONNX parser takes in fp32 and fp16, and what exporters add to
#: compute sizes. Anything else is to be looked up in the parser's own list and added here.
_NAMES = """
    Abs Add And AveragePool BatchNormalization Cast Ceil Clip Concat Constant ConstantOfShape Conv
    ConvTranspose DepthToSpace DequantizeLinear Div Elu Equal Erf Exp Expand Flatten Floor Gather
    GatherElements GatherND Gemm GlobalAveragePool GlobalMaxPool Greater GreaterOrEqual HardSigmoid Identity
    InstanceNormalization LayerNormalization LeakyRelu Less LessOrEqual Log MatMul Max MaxPool Min Mod Mul
    Neg Not Or PRelu Pad Pow QuantizeLinear Range ReduceL1 ReduceL2 ReduceMax ReduceMean ReduceMin ReduceSum
    ReduceSumSquare Relu Reshape Resize Round Selu Shape Sigmoid Sign Slice Softmax Softplus SpaceToDepth
    Split Sqrt Squeeze Sub Tanh Tile Transpose Unsqueeze Where
"""
SUPPORTED = frozenset(_NAMES.split())
#: The oldest TensorRT that is supported, 10.3, reads opsets up to this one.
NEWEST_OPSET = 20
#: Operands, by position, that decide the size of an operator's result.
_SIZE_OPERANDS = {
    'ConstantOfShape': (0,),
    'Expand': (1,),
    'Pad': (1,),
    'Range': (0, 1, 2),
    'Reshape': (1,),
    'Resize': (2, 3),
    'Slice': (1, 2, 3, 4),
    'Split': (1,),
    'Squeeze': (1,),
    'Unsqueeze': (1,),
}
ELEMENTS = frozenset(('FLOAT', 'FLOAT16', 'BFLOAT16', 'INT8', 'INT32', 'INT64', 'BOOL', 'UINT8'))


def faults_of_graph(path: Path) -> list[str]:
    """Return one line for each thing in an .onnx file that TensorRT would refuse; none is good.

    Raises:
        InputError: onnx is not installed.
        ModelError: the file is no valid ONNX graph.
    """
    try:
        import onnx
    except ImportError as error:
        raise InputError('graphs cannot be checked', seen=error, fix='pip install onnx') from error
    try:
        model = onnx.shape_inference.infer_shapes(onnx.load(path), check_type=True, strict_mode=True)
    except Exception as error:  # protobuf's and onnx's own types, and what the disk adds
        raise ModelError(f'{path} cannot be read as an ONNX graph', seen=error) from error
    graph, name_of = model.graph, onnx.TensorProto.DataType.Name
    elements = {
        value.name: name_of(value.type.tensor_type.elem_type)
        for value in (*graph.input, *graph.value_info, *graph.output)
    }
    elements |= {weight.name: name_of(weight.data_type) for weight in graph.initializer}
    return [
        *_faults_of_operators(model),
        *_faults_of_elements(graph, elements),
        *_faults_of_quantisation(graph, elements),
        *_faults_of_sizes(graph),
    ]


def _faults_of_operators(model: Any) -> Iterator[str]:
    for opset in model.opset_import:
        if opset.domain not in ('', 'ai.onnx'):
            yield f'operators of the domain {opset.domain}, want ONNX only'
        elif opset.version > NEWEST_OPSET:
            yield f'opset {opset.version}, want {NEWEST_OPSET} at most'
    for node in model.graph.node:
        if node.domain not in ('', 'ai.onnx') or node.op_type not in SUPPORTED:
            yield f'{node.op_type} {node.name!r} is not an operator that is known to work'


def _faults_of_elements(graph: Any, elements: dict[str, str]) -> Iterator[str]:
    pixels = {name for name, element in elements.items() if element == 'UINT8'}
    for name in sorted(pixels - {INPUT_NAME, OUTPUT_NAME}):
        yield f'{name} is uint8 inside the graph, want it at the very ends only'
    for name in (INPUT_NAME, OUTPUT_NAME):
        if elements.get(name) != 'UINT8':
            yield f'{name} is {elements.get(name, "missing")}, want UINT8'
    for name, element in elements.items():
        if element not in ELEMENTS:
            yield f'{name} is {element}, want one of {", ".join(sorted(ELEMENTS))}'
    for node in graph.node:
        unknown = [name for name in node.output if name and name not in elements]
        if unknown:
            yield f'{node.op_type} {node.name!r} gives {unknown[0]} of unknown type'
        if INPUT_NAME in node.input and node.op_type != 'Cast':
            yield f'{node.op_type} {node.name!r} takes the uint8 input, want a Cast'
        if OUTPUT_NAME in node.output:
            source = elements.get(node.input[0], 'nothing') if node.input else 'nothing'
            if node.op_type != 'Cast' or source not in ('FLOAT', 'FLOAT16'):
                yield f'{node.op_type} {node.name!r} of {source} gives the uint8 output, want a Cast'
        if OUTPUT_NAME in node.input:
            yield f'{node.op_type} {node.name!r} takes the output, want it to be the end'


def _faults_of_quantisation(graph: Any, elements: dict[str, str]) -> Iterator[str]:
    """TensorRT quantises to int8 around zero, by scales that are part of the graph; biases stay float."""
    from onnx import numpy_helper

    constants = {weight.name: weight for weight in graph.initializer}
    constants |= {
        node.output[0]: attribute.t
        for node in graph.node
        if node.op_type == 'Constant'
        for attribute in node.attribute
        if attribute.name == 'value'
    }
    for node in graph.node:
        if node.op_type not in ('QuantizeLinear', 'DequantizeLinear'):
            continue
        quantised = node.output[0] if node.op_type == 'QuantizeLinear' else node.input[0]
        if elements.get(quantised) != 'INT8':
            yield f'{node.op_type} {node.name!r} quantises to {elements.get(quantised, "nothing")}, want INT8'
        scale, zero_point = node.input[1], node.input[2] if len(node.input) > 2 else ''
        if scale not in constants:
            yield f'{node.op_type} {node.name!r} computes its scale, want a constant'
        if zero_point and (zero_point not in constants or numpy_helper.to_array(constants[zero_point]).any()):
            yield f'{node.op_type} {node.name!r} has a zero point that is not 0, want it symmetric'


def _faults_of_sizes(graph: Any) -> Iterator[str]:
    """Sizes must follow from the input's size; what follows from pixels cannot be pinned by a profile."""
    from_pixels = {value.name for value in graph.input}
    for node in graph.node:
        if node.op_type == 'Shape':
            continue
        given = [bool(name) and name in from_pixels for name in node.input]
        if any(given[index] for index in _SIZE_OPERANDS.get(node.op_type, ()) if index < len(given)):
            yield f'{node.op_type} {node.name!r} computes a size from pixels'
        if any(given):
            from_pixels |= set(node.output)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(
        prog='graph_check', description='Say what TensorRT would refuse in a model.'
    )
    parser.add_argument('model', help='name or .onnx path of a model')
    run_command(_command, parser, arguments)


def _command(given: argparse.Namespace) -> int:
    model = load_model(given.model)
    found = 0
    for precision in model.card.graphs:
        path = model.graph(precision)
        faults = faults_of_graph(path)
        for line in faults or ['nothing found']:
            print(f'{path.name}: {line}')
        found += len(faults)
    return 1 if found else 0


if __name__ == '__main__':
    main()

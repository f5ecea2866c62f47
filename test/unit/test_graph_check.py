"""What the graph checker lets through, and what it finds."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from restore_node.common.errors import ModelError
from restore_node.tools.graph_check import faults_of_graph, main

onnx = pytest.importorskip('onnx', reason='onnx is not installed')
helper, tensor = onnx.helper, onnx.TensorProto

ROOT = Path(__file__).resolve().parents[2]
SHIPPED = sorted((ROOT / 'models').glob('*.onnx'))
IMAGE = ['N', 'H', 'W', 3]


@pytest.mark.skipif(not SHIPPED, reason='no models are shipped in models/')
@pytest.mark.parametrize('path', SHIPPED, ids=lambda path: path.name)
def test_shipped_graphs_are_fit_for_tensorrt(path: Path) -> None:
    assert faults_of_graph(path) == []


def test_test_model_is_fit(make_model: Callable[..., Path], capsys: pytest.CaptureFixture[str]) -> None:
    path = make_model(work=2)
    assert faults_of_graph(path) == []
    with pytest.raises(SystemExit) as ended:
        main([str(path)])
    assert ended.value.code == 0
    assert capsys.readouterr().out == 'plus-ten.onnx: nothing found\n'


def node(kind: str, given: list[str], made: str, **attributes: object) -> onnx.NodeProto:
    return helper.make_node(kind, given, [made], name=f'/{made}', **attributes)


def write(folder: Path, nodes: list, *, opset: int = 18, given: int = tensor.UINT8) -> Path:
    """A graph of these nodes between `degraded` and `restored`."""
    weights = [
        helper.make_tensor('half', tensor.FLOAT, [], [0.5]),
        helper.make_tensor('size', tensor.INT64, [4], [0, 0, 0, 3]),
        helper.make_tensor('axes', tensor.INT64, [3], [0, 1, 2]),
        helper.make_tensor('double', tensor.DOUBLE, [], [2.0]),
        helper.make_tensor('step', tensor.FLOAT, [], [2.0]),
        helper.make_tensor('zero', tensor.INT8, [], [0]),
        helper.make_tensor('one', tensor.INT8, [], [1]),
        helper.make_tensor('none', tensor.UINT8, [], [0]),
        helper.make_tensor('weight', tensor.INT8, [3], [1, 2, 3]),
        helper.make_tensor('bias', tensor.INT32, [3], [1, 2, 3]),
    ]
    graph = helper.make_graph(
        nodes,
        'made',
        [helper.make_tensor_value_info('degraded', given, IMAGE)],
        [helper.make_tensor_value_info('restored', tensor.UINT8, IMAGE)],
        [weight for weight in weights if any(weight.name in node.input for node in nodes)],
    )
    path = folder / 'made.onnx'
    opsets = [helper.make_opsetid('', opset), helper.make_opsetid('ours', 1)]
    used = opsets[: 1 + any(node.domain == 'ours' for node in nodes)]
    onnx.save(helper.make_model(graph, opset_imports=used, ir_version=9), path)
    return path


ENTER = node('Cast', ['degraded'], 'x', to=tensor.FLOAT)
LEAVE = node('Cast', ['y'], 'restored', to=tensor.UINT8)
SCALE = node('Mul', ['x', 'half'], 'y')
QUANTISE = node('QuantizeLinear', ['x', 'step', 'zero'], 'q')
RESTORE = node('DequantizeLinear', ['q', 'step', 'zero'], 'd')
WEIGH = node('DequantizeLinear', ['weight', 'step'], 'w')


def test_quantised_graph_is_fit(tmp_path: Path) -> None:
    path = write(tmp_path, [ENTER, QUANTISE, RESTORE, WEIGH, node('Mul', ['d', 'w'], 'y'), LEAVE])
    assert faults_of_graph(path) == []


BAD = {
    'turned before the cast': (
        [
            node('Transpose', ['degraded'], 't', perm=[0, 1, 2, 3]),
            node('Cast', ['t'], 'y', to=tensor.FLOAT),
            LEAVE,
        ],
        ['t is uint8 inside the graph', "Transpose '/t' takes the uint8 input"],
    ),
    'turned after the cast': (
        [
            ENTER,
            node('Cast', ['x'], 'u', to=tensor.UINT8),
            node('Transpose', ['u'], 'restored', perm=[0, 1, 2, 3]),
        ],
        ['u is uint8 inside the graph', "Transpose '/restored' of UINT8 gives the uint8 output"],
    ),
    'uint8 in the middle': (
        [ENTER, node('Cast', ['x'], 'u', to=tensor.UINT8), node('Cast', ['u'], 'y', to=tensor.FLOAT), LEAVE],
        ['u is uint8 inside the graph'],
    ),
    'cast of integers': (
        [node('Cast', ['degraded'], 'y', to=tensor.INT32), LEAVE],
        ["Cast '/restored' of INT32 gives the uint8 output"],
    ),
    'output used': (
        [ENTER, SCALE, LEAVE, node('Cast', ['restored'], 'z', to=tensor.FLOAT)],
        ["Cast '/z' takes the output"],
    ),
    'quantised to uint8': (
        [
            ENTER,
            node('QuantizeLinear', ['x', 'step', 'none'], 'q'),
            node('DequantizeLinear', ['q', 'step', 'none'], 'y'),
            LEAVE,
        ],
        [
            "QuantizeLinear '/q' quantises to UINT8",
            "DequantizeLinear '/y' quantises to UINT8",
            'none is uint8 inside the graph',
            'q is uint8 inside the graph',
        ],
    ),
    'quantised off zero': (
        [
            ENTER,
            node('QuantizeLinear', ['x', 'step', 'one'], 'q'),
            node('DequantizeLinear', ['q', 'step', 'one'], 'y'),
            LEAVE,
        ],
        ["QuantizeLinear '/q' has a zero point", "DequantizeLinear '/y' has a zero point"],
    ),
    'quantised bias': (
        [ENTER, node('DequantizeLinear', ['bias', 'step'], 'b'), node('Add', ['x', 'b'], 'y'), LEAVE],
        ["DequantizeLinear '/b' quantises to INT32"],
    ),
    'scale from pixels': (
        [
            ENTER,
            node('ReduceMean', ['x'], 'm', keepdims=0),
            node('QuantizeLinear', ['x', 'm', 'zero'], 'q'),
            node('DequantizeLinear', ['q', 'step', 'zero'], 'y'),
            LEAVE,
        ],
        ["QuantizeLinear '/q' computes its scale"],
    ),
    'unknown operator': (
        [ENTER, node('Shrink', ['x'], 'y'), LEAVE],
        ["Shrink '/y' is not an operator that is known to work"],
    ),
    'double precision': (
        [
            node('Cast', ['degraded'], 'x', to=tensor.DOUBLE),
            node('Mul', ['x', 'double'], 'd'),
            node('Cast', ['d'], 'y', to=tensor.FLOAT),
            LEAVE,
        ],
        ['x is DOUBLE', 'd is DOUBLE', 'double is DOUBLE'],
    ),
    'size from pixels': (
        [
            ENTER,
            node('ReduceMean', ['x'], 'm'),
            node('Squeeze', ['m', 'axes'], 'q'),
            node('Cast', ['q'], 'i', to=tensor.INT64),
            node('Expand', ['size', 'i'], 'e'),
            node('Reshape', ['x', 'e'], 'y'),
            LEAVE,
        ],
        ["Expand '/e' computes a size from pixels", "Reshape '/y' computes a size from pixels"],
    ),
}


@pytest.mark.parametrize(('nodes', 'wanted'), BAD.values(), ids=BAD)
def test_what_tensorrt_refuses_is_found(tmp_path: Path, nodes: list, wanted: list[str]) -> None:
    faults = faults_of_graph(write(tmp_path, nodes))
    assert len(faults) == len(wanted), faults
    for line in wanted:
        assert any(fault.startswith(line) for fault in faults), (line, faults)


def test_good_graph_of_the_same_parts_is_fit(tmp_path: Path) -> None:
    shape = node('Shape', ['x'], 's')
    assert faults_of_graph(write(tmp_path, [ENTER, shape, node('Reshape', ['x', 's'], 'y'), LEAVE])) == []
    assert faults_of_graph(write(tmp_path, [ENTER, SCALE, LEAVE])) == []


def test_float_input_is_found(tmp_path: Path) -> None:
    path = write(tmp_path, [node('Mul', ['degraded', 'half'], 'y'), LEAVE], given=tensor.FLOAT)
    assert faults_of_graph(path)[0] == 'degraded is FLOAT, want UINT8'


def test_newer_opset_and_foreign_domain_are_found(tmp_path: Path) -> None:
    assert faults_of_graph(write(tmp_path, [ENTER, SCALE, LEAVE], opset=21)) == ['opset 21, want 20 at most']
    foreign = node('Polish', ['x'], 'y', domain='ours')
    faults = faults_of_graph(write(tmp_path, [ENTER, foreign, LEAVE]))
    assert 'operators of the domain ours, want ONNX only' in faults
    assert "Polish '/y' is not an operator that is known to work" in faults


def test_garbage_is_refused(tmp_path: Path) -> None:
    (tmp_path / 'made.onnx').write_bytes(b'no graph')
    with pytest.raises(ModelError, match=r'made.onnx cannot be read as an ONNX graph'):
        faults_of_graph(tmp_path / 'made.onnx')


def test_command_says_what_it_finds(
    make_model: Callable[..., Path],
    make_card: Callable[..., None],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = make_model()
    data = write(tmp_path, BAD['unknown operator'][0]).read_bytes()
    path.write_bytes(data)
    make_card('plus-ten', data)
    with pytest.raises(SystemExit) as ended:
        main([str(path)])
    assert ended.value.code == 1
    assert "plus-ten.onnx: Shrink '/y' is not" in capsys.readouterr().out

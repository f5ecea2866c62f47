"""The child's side of `child.ask`: each probe tries one thing for real and answers with facts.

Libraries are imported by name, when a probe runs: importing this file loads none of them.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from dataclasses import asdict
from importlib import import_module, metadata
from typing import Any

from restore_node.common.errors import RestoreError, UnavailableError
from restore_node.tools.doctor.findings import ABSENT, BROKEN, OK, Answer

Facts = dict[str, Any]


def probe_numpy() -> Facts:
    """Version of numpy."""
    return {'version': import_module('numpy').__version__}


def probe_opencv() -> Facts:
    """Version of OpenCV, once it has converted an image: a build for another numpy imports, then fails."""
    numpy, cv2 = import_module('numpy'), import_module('cv2')
    cv2.cvtColor(numpy.zeros((2, 2, 3), numpy.uint8), cv2.COLOR_BGR2RGB)
    return {'version': cv2.__version__}


def probe_cv_bridge() -> Facts:
    """Whether cv_bridge's binary loads; it does so late, at the first conversion."""
    bridge = import_module('cv_bridge').CvBridge()
    bridge.encoding_to_cvtype2('bgr8')
    return {}


def probe_ros() -> Facts:
    """Whether all that the node imports is there, and which RMW it would use."""
    rclpy = import_module('rclpy')
    import_module('restore_node.ros.node')
    return {
        'distro': os.environ.get('ROS_DISTRO', ''),
        'rmw': import_module('rclpy.utilities').get_rmw_implementation_identifier(),
        'rclpy': str(rclpy.__file__),
    }


def probe_cuda() -> Facts:
    """The GPU, and the runtime that reaches it."""
    cuda = import_module('restore_node.engine.cuda')
    with cuda.open_cuda() as opened:
        return {
            'provider': opened.runtime.name,
            'free_bytes': opened.free_bytes(),
            **asdict(opened.facts()),
        }


def probe_tensorrt_import() -> Facts:
    """Version of TensorRT; for machines without a GPU, where nothing more of it may be touched."""
    return {'version': import_module('tensorrt').__version__}


def probe_tensorrt(model: str) -> Facts:
    """Version of TensorRT, and how it would build a model's engines."""
    build = import_module('restore_node.engine.build')
    loaded = import_module('restore_node.model').load_model(model)
    with import_module('restore_node.engine.machine').Machine() as machine:
        recipe = build.choose_recipe(machine.library, loaded, 'fp16')
        return {
            'version': machine.library.version,
            'typing': recipe.typing,
            'graph': recipe.graph,
            'int8': 'int8' in loaded.card.graphs,
        }


def probe_onnxruntime() -> Facts:
    """Version of ONNX Runtime, the providers that it was built with, and the packages it came in."""
    onnxruntime = import_module('onnxruntime')
    packages = {
        name
        for name in onnxruntime_packages()
        if any(distribution.metadata['Name'] == name for distribution in metadata.distributions())
    }
    return {
        'version': onnxruntime.__version__,
        'providers': onnxruntime.get_available_providers(),
        'packages': sorted(packages),
    }


def probe_openvino(model: str) -> Facts:
    """Version of OpenVINO, and in which precisions each of its devices would run a model."""
    backends = import_module('restore_node.backends.openvino')
    loaded = import_module('restore_node.model').load_model(model)
    computes = {}
    for device in backends.DEVICES:
        try:
            computes[device] = backends.OpenVinoBackend(loaded, device).precisions()
        except UnavailableError as error:
            missing = str(error)
    if not computes:
        raise UnavailableError(missing)
    return {'version': metadata.version('openvino'), 'computes': computes}


def onnxruntime_packages() -> tuple[str, ...]:
    """Packages that all install the module `onnxruntime`, over each other."""
    return 'onnxruntime', 'onnxruntime-gpu', 'onnxruntime-openvino', 'onnxruntime-directml'


def probe_chain() -> Facts:
    """Names of the ways of running a model that the node tries, best first."""
    fallback = import_module('restore_node.backends.fallback')
    return {
        'candidates': [candidate.name for candidate in fallback.fallback_chain(fallback.FallbackOptions())]
    }


def probe_candidate(name: str, model: str, width: int, height: int, runs: int, warm_up: int) -> Facts:
    """Milliseconds of one way of running a model, the copies to and from a GPU included."""
    numpy, timing = import_module('numpy'), import_module('restore_node.common.timing')
    fallback = import_module('restore_node.backends.fallback')
    candidate = next(
        candidate
        for candidate in fallback.fallback_chain(fallback.FallbackOptions())
        if candidate.name == name
    )
    with_model = candidate.open(model)
    try:
        multiple = with_model.size_multiple
        size = (-(-side // multiple) * multiple for side in (height, width))
        batch = with_model.staging(1, *size)
        batch[:] = numpy.random.default_rng(0).integers(0, 256, batch.shape, numpy.uint8)
        times = timing.measure_ms(lambda: with_model.restore(batch), runs, warm_up)
        return {
            'device': with_model.device,
            'runs': runs,
            'warm_up': warm_up,
            'ms': timing.percentiles(times, digits=3),
        }
    finally:
        with_model.close()


PROBES: dict[str, Callable[..., Facts]] = {
    'numpy': probe_numpy,
    'opencv': probe_opencv,
    'cv_bridge': probe_cv_bridge,
    'ros': probe_ros,
    'cuda': probe_cuda,
    'tensorrt_import': probe_tensorrt_import,
    'tensorrt': probe_tensorrt,
    'onnxruntime': probe_onnxruntime,
    'openvino': probe_openvino,
    'fallback chain': probe_chain,
    'candidate': probe_candidate,
}
#: The module without which a probe has nothing to look at; a missing one is no damage.
_SUBJECTS = {
    'numpy': 'numpy',
    'opencv': 'cv2',
    'cv_bridge': 'cv_bridge',
    'ros': 'rclpy',
    'tensorrt_import': 'tensorrt',
    'onnxruntime': 'onnxruntime',
}


def answer(probe: str, arguments: Facts) -> Answer:
    """Run a probe and put into an answer whatever comes of it."""
    try:
        return Answer(OK, PROBES[probe](**arguments))
    except UnavailableError as error:
        return Answer(ABSENT, line=str(error))
    except RestoreError as error:
        return Answer(BROKEN, line=str(error))
    except ModuleNotFoundError as error:
        state = ABSENT if error.name == _SUBJECTS.get(probe) else BROKEN
        return Answer(state, line=str(error))
    except Exception as error:  # a library that is broken raises what it likes
        return Answer(BROKEN, line=' '.join(f'{type(error).__name__}: {error}'.split()))


def main() -> None:
    """Run the probe that the command line names and write its answer to the file descriptor it names."""
    probe, arguments, handle = sys.argv[1:]
    given = answer(probe, json.loads(arguments))
    with os.fdopen(int(handle), 'w') as file:
        json.dump(asdict(given), file)


if __name__ == '__main__':
    main()

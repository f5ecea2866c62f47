"""The child's side of `child.ask`: each probe tries one thing for real, and says what it saw, with facts.

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
from restore_node.common.host import this_processor
from restore_node.tools.doctor.findings import ABSENT, BROKEN, OK, Finding

#: Detail and facts of a finding.
Seen = tuple[str, dict[str, Any]]
#: Packages that all install the module `onnxruntime`, over each other.
ONNXRUNTIMES = {'onnxruntime', 'onnxruntime-gpu', 'onnxruntime-openvino', 'onnxruntime-directml'}


def probe_numpy() -> Seen:
    """Version of numpy."""
    return _version(import_module('numpy'))


def probe_opencv() -> Seen:
    """Version of OpenCV, once it has converted an image: a build for another numpy imports, then fails."""
    numpy, cv2 = import_module('numpy'), import_module('cv2')
    cv2.cvtColor(numpy.zeros((2, 2, 3), numpy.uint8), cv2.COLOR_BGR2RGB)
    return _version(cv2)


def probe_cv_bridge() -> Seen:
    """Whether cv_bridge's binary loads; it does so late, at the first conversion."""
    import_module('cv_bridge').CvBridge().encoding_to_cvtype2('bgr8')
    return 'its binary loads', {}


def probe_ros() -> Seen:
    """Whether all that the node imports is there, and which RMW it would use."""
    rclpy = import_module('rclpy')
    import_module('restore_node.ros.node')
    distro = os.environ.get('ROS_DISTRO', '')
    rmw = import_module('rclpy.utilities').get_rmw_implementation_identifier()
    return f'{distro}, {rmw}', {'distro': distro, 'rmw': rmw, 'rclpy': str(rclpy.__file__)}


def probe_cuda() -> Seen:
    """The GPU, and the runtime that reaches it."""
    cuda = import_module('restore_node.engine.cuda').open_cuda()
    gpu, free_bytes, provider = cuda.facts(), cuda.free_bytes(), cuda.runtime.name
    gib, shared = 1 << 30, ' shared with the CPU' if gpu.integrated else ''
    detail = (
        f'{gpu.name}, compute capability {gpu.capability}, {gpu.sm_count} SMs, '
        f'{gpu.memory_bytes / gib:.1f} GiB{shared} ({free_bytes / gib:.1f} free); through {provider}: '
        f'CUDA {gpu.runtime_version}, the driver serves {gpu.driver_version}'
    )
    return detail, {'provider': provider, 'free_bytes': free_bytes, **asdict(gpu)}


def probe_tensorrt(model: str = '') -> Seen:
    """Version of TensorRT, and how it would build a model's engines.

    Without a model it is no more than imported: where there is no GPU, more would crash it.
    """
    if not model:
        return _version(import_module('tensorrt'))
    loaded = import_module('restore_node.model').load_model(model)
    library = import_module('restore_node.engine.machine').Machine().library
    recipe = import_module('restore_node.engine.build').choose_recipe(library, loaded, 'fp16')
    version = library.version
    has_int8 = 'int8' in loaded.card.graphs
    detail = f'{version}: {recipe.typing}ly typed engines from the {recipe.graph} graph'
    facts = {'version': version, **asdict(recipe), 'int8': has_int8}
    return detail + ', or in int8 with engine.precision int8' * has_int8, facts


def probe_onnxruntime() -> Seen:
    """Version of ONNX Runtime, the providers that it was built with, and the packages it came in."""
    onnxruntime = import_module('onnxruntime')
    installed = {distribution.metadata['Name'] for distribution in metadata.distributions()}
    version, providers = onnxruntime.__version__, onnxruntime.get_available_providers()
    facts = {'version': version, 'providers': providers, 'packages': sorted(ONNXRUNTIMES & installed)}
    return f'{version}, built with {", ".join(providers)}', facts


def probe_openvino(model: str) -> Seen:
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
    version = metadata.version('openvino')
    devices = '; '.join(f'{device}: {", ".join(known)}' for device, known in computes.items())
    features = ', '.join(this_processor().features) or 'neither bf16 nor VNNI'
    return f'{version}, {devices} ({features})', {'version': version, 'computes': computes}


def probe_chain() -> Seen:
    """Names of the ways of running a model that the node tries, best first."""
    return '', {'candidates': [candidate.name for candidate in _chain()]}


def probe_candidate(name: str, model: str, width: int, height: int, runs: int, warm_up: int) -> Seen:
    """Milliseconds of one way of running a model, the copies to and from a GPU included."""
    numpy, timing = import_module('numpy'), import_module('restore_node.common.timing')
    with_model = next(candidate for candidate in _chain() if candidate.name == name).open(model)
    try:
        batch = with_model.staging(1, *with_model.model.card.padded(height, width))
        batch[:] = numpy.random.default_rng(0).integers(0, 256, batch.shape, numpy.uint8)
        times = timing.measure_ms(lambda: with_model.restore(batch), runs, warm_up)
        facts = {'device': with_model.device, 'runs': runs, 'warm_up': warm_up}
        return '', facts | {'ms': timing.percentiles(times, digits=3)}
    finally:
        with_model.close()


def _version(library: Any) -> Seen:
    return library.__version__, {'version': library.__version__}


def _chain() -> list[Any]:
    chain: list[Any] = import_module('restore_node.backends.fallback').fallback_chain()
    return chain


#: The probes by their findings' names, each with the module that it looks at: without it nothing is broken.
PROBES: dict[str, tuple[Callable[..., Seen], str]] = {
    'numpy': (probe_numpy, 'numpy'),
    'OpenCV': (probe_opencv, 'cv2'),
    'cv_bridge': (probe_cv_bridge, 'cv_bridge'),
    'ROS 2': (probe_ros, 'rclpy'),
    'CUDA': (probe_cuda, ''),
    'TensorRT': (probe_tensorrt, 'tensorrt'),
    'ONNX Runtime': (probe_onnxruntime, 'onnxruntime'),
    'OpenVINO': (probe_openvino, ''),
    'fallback chain': (probe_chain, ''),
    'candidate': (probe_candidate, ''),
}


def answer(probe: str, arguments: dict[str, Any]) -> Finding:
    """Run a probe and make a finding of whatever comes of it."""
    look, subject = PROBES[probe]
    try:
        detail, facts = look(**arguments)
        return Finding(probe, OK, detail, facts=facts)
    except RestoreError as error:
        return Finding(probe, ABSENT if isinstance(error, UnavailableError) else BROKEN, str(error))
    except ModuleNotFoundError as error:
        return Finding(probe, ABSENT if error.name == subject else BROKEN, str(error))
    except Exception as error:  # a library that is broken raises what it likes
        return Finding(probe, BROKEN, ' '.join(f'{type(error).__name__}: {error}'.split()))


def main() -> None:
    """Run the probe that the command line names and write its finding to the file descriptor it names."""
    probe, arguments, handle = sys.argv[1:]
    found = answer(probe, json.loads(arguments))
    with os.fdopen(int(handle), 'w') as file:
        json.dump(asdict(found), file)


if __name__ == '__main__':
    main()

"""OpenVINO: Intel's graphics, and any CPU in the precision that it is fastest in."""

from __future__ import annotations

import hashlib
import logging
import sys
from collections import OrderedDict
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from restore_node.backends.base import Backend, buffer_for
from restore_node.common.errors import BackendError, EngineError, UnavailableError
from restore_node.common.host import this_processor
from restore_node.engine.cache import cache_folder
from restore_node.engine.private_files import make_private_folder
from restore_node.model import INPUT_NAME, Model, Tensor

_LOG = logging.getLogger('restore_node.openvino')

_TELEMETRY = 'openvino_telemetry'
#: Ours and OpenVINO's names of what it computes on.
DEVICES = {'intel_gpu': 'GPU', 'cpu': 'CPU'}
AUTO = 'auto'
#: OpenVINO's name of each precision. The int8 graph says itself what is int8; what is left of it is fp32.
_HINTS = {'fp32': 'f32', 'fp16': 'f16', 'bf16': 'bf16', 'int8': 'f32'}
#: Sizes of image that stay compiled; a camera has one.
KEPT_SIZES = 4
#: Compiled models that stay in the cache folder, some MiB each.
KEPT_COMPILED = 32


class OpenVinoBackend(Backend):
    """Runs a model with OpenVINO, compiled for each size of image that comes.

    A batch is computed image by image: on a CPU that takes no longer (docs/performance.md), and a graph for
    each number of images would be compiled in the midst of traffic.

    Args:
        model: a loaded model.
        device: `auto` (Intel graphics if there are any, else the CPU), `intel_gpu` or `cpu`.
        threads: CPU threads; 0 takes one per core.
        precision: one of `precisions()` of this machine and model, or `auto` for the first of them.
        cache: folder of compiled models, made if it is missing; default `openvino` in that of the engines.

    Raises:
        BackendError: unknown device or precision.
    """

    name = 'openvino'

    def __init__(
        self,
        model: Model,
        device: str = AUTO,
        threads: int = 0,
        *,
        precision: str = AUTO,
        cache: Path | None = None,
    ) -> None:
        super().__init__(model, device, threads)
        for what, value, known in (('device', device, DEVICES), ('precision', precision, _HINTS)):
            if value not in (AUTO, *known):
                wanted = ', '.join((AUTO, *known))
                raise BackendError(
                    f'OpenVINO has no such {what}', seen=repr(value), wanted=f'one of {wanted}'
                )
        self._precision, self._cache = precision, cache
        self._core: Any = None
        self._graph: Any = None
        self._config: dict[str, Any] = {}
        self._device = ''
        self._requests: OrderedDict[tuple[int, int], Any] = OrderedDict()
        self._restored: np.ndarray | None = None

    @property
    def device(self) -> str:
        """What computes in which precision, such as `CPU int8`."""
        return self._device or 'none'

    def precisions(self) -> tuple[str, ...]:
        """What this machine computes the model in, best guess first; `fp32` always.

        Raises:
            UnavailableError: OpenVINO or the device is missing.
        """
        core = _new_core()
        return self._precisions(core, self._plugin(core))

    def open(self) -> None:
        """Read the graph and look for the device; raises as `Backend.open` does."""
        self.close()
        core = _new_core()
        plugin = self._plugin(core)
        known = self._precisions(core, plugin)
        precision = known[0] if self._precision == AUTO else self._precision
        if precision not in known:
            raise UnavailableError(
                f'{plugin} does not compute model {self.model.card.name} in {precision}',
                wanted=f'one of {", ".join(known)}',
            )
        path = self.model.graph('int8' if precision == 'int8' else 'fp32')
        try:
            graph = core.read_model(path)
        except RuntimeError as error:
            raise BackendError(
                f'OpenVINO refuses the graph of model {self.model.card.name}',
                seen=error,
                fix='export it again',
            ) from error
        self.model.check_tensors(_tensors(graph.inputs), _tensors(graph.outputs))
        self._config = self._configuration(plugin, precision)
        self._core, self._graph, self._device = core, graph, f'{plugin} {precision}'

    def staging(self, batch: int, height: int, width: int) -> np.ndarray:
        """As `Backend.staging`; compiles the graph for the size where that is not done yet.

        Raises:
            BackendError: OpenVINO does not compile the graph, or the backend is closed.
        """
        self._request_for(height, width)
        return super().staging(batch, height, width)

    def restore(self, batch: np.ndarray) -> np.ndarray:
        """Run the graph; arguments, result and errors are those of `Backend.restore`."""
        request = self._request_for(*batch.shape[1:3])
        self._restored = buffer_for(batch.shape, self._restored)
        for index in range(len(batch)):
            image = slice(index, index + 1)
            try:
                request.get_input_tensor().data[:] = batch[image]
                request.infer()
            except RuntimeError as error:
                raise BackendError(
                    f'OpenVINO failed on a batch of shape {batch.shape}', seen=error
                ) from error
            self._restored[image] = request.get_output_tensor().data
        return self._restored[: len(batch)]

    def close(self) -> None:
        """Free what was compiled."""
        super().close()
        self._requests.clear()
        self._graph = self._core = self._restored = None
        self._device = ''

    def _request_for(self, height: int, width: int) -> Any:
        """A request for one image of this size, compiled where it is the first."""
        if self._graph is None:
            raise BackendError('backend is closed', fix='open it first')
        size = height, width
        if size in self._requests:
            self._requests.move_to_end(size)
        else:
            self._requests[size] = self._compile(size)
            if len(self._requests) > KEPT_SIZES:
                self._requests.popitem(last=False)
        return self._requests[size]

    def _compile(self, size: tuple[int, int]) -> Any:
        # For one size it is a sixth faster than for all, and takes a fifth of a second.
        graph = self._graph.clone()
        plugin = self._device.partition(' ')[0]
        shape = (1, *size, 3)
        try:
            graph.reshape({INPUT_NAME: shape})
            request = self._core.compile_model(graph, plugin, self._config).create_infer_request()
            returned = tuple(request.get_output_tensor().shape)
        except RuntimeError as error:
            raise BackendError(
                f'OpenVINO does not compile model {self.model.card.name} for a batch of shape {shape}',
                seen=error,
            ) from error
        if returned != shape:
            raise BackendError('graph returned another size', seen=returned, wanted=shape)
        return request

    def _plugin(self, core: Any) -> str:
        known = [device.partition('.')[0] for device in core.available_devices]
        wanted = [plugin for device, plugin in DEVICES.items() if self._wanted in (AUTO, device)]
        found = next((plugin for plugin in wanted if plugin in known), None)
        if found is None:
            raise UnavailableError(
                'OpenVINO finds no such device',
                seen=', '.join(known) or 'none',
                wanted=wanted[0],
                fix="install Intel's compute runtime for graphics, or use device cpu",
            )
        return found

    def _precisions(self, core: Any, plugin: str) -> tuple[str, ...]:
        # OpenVINO runs bf16 and int8 everywhere; where the hardware has neither they are slower than fp32.
        abilities = set(core.get_property(plugin, 'OPTIMIZATION_CAPABILITIES'))
        has = {
            'bf16': plugin == 'CPU' and 'BF16' in abilities,
            'int8': plugin == 'CPU' and 'int8' in self.model.card.graphs and this_processor().has_vnni,
            'fp16': plugin == 'GPU' and 'FP16' in abilities,
            'fp32': True,
        }
        return tuple(precision for precision, there in has.items() if there)

    def _configuration(self, plugin: str, precision: str) -> dict[str, Any]:
        config: dict[str, Any] = {
            'PERFORMANCE_HINT': 'LATENCY',
            'INFERENCE_PRECISION_HINT': _HINTS[precision],
        }
        if plugin == 'CPU':
            # A thread that is pinned waits for its core while another is free: there are other nodes.
            config['ENABLE_CPU_PINNING'] = False
            if self._threads:
                config['INFERENCE_NUM_THREADS'] = self._threads
        folder = self._compiled_folder(precision)
        return config | ({'CACHE_DIR': str(folder)} if folder else {})

    def _compiled_folder(self, precision: str) -> Path | None:
        """Where compiled models go; None, and a warning, where there is no place that is ours alone."""
        graph = self.model.card.graphs['int8' if precision == 'int8' else 'fp32']
        made_of = f'{graph["sha256"]} {_library().__version__}'
        try:
            cache = self._cache or cache_folder() / 'openvino'
            folder = cache / hashlib.sha256(made_of.encode()).hexdigest()[:32]
            for place in (cache.parent, cache, folder):
                make_private_folder(place)
            _keep_newest(cache)
        except (EngineError, OSError) as error:
            _LOG.warning('models are compiled at every start: %s', error)
            return None
        return folder


def _library() -> Any:
    """OpenVINO, imported so that it tells nobody: by itself it reports to Google Analytics as it is imported.

    Where its telemetry cannot be imported it goes on without.
    """
    loaded = 'openvino' in sys.modules
    if not loaded:
        sys.modules.setdefault(_TELEMETRY, None)  # type: ignore[arg-type]  # means: refuse to import it
    try:
        return import_module('openvino')
    finally:
        if not loaded and sys.modules.get(_TELEMETRY) is None:
            del sys.modules[_TELEMETRY]


def _new_core() -> Any:
    try:
        return _library().Core()
    except ImportError as error:
        raise UnavailableError(
            'OpenVINO cannot be imported', seen=error, fix='pip install -r requirements/vehicle-intel.txt'
        ) from error
    except RuntimeError as error:
        raise BackendError('OpenVINO does not start', seen=error, fix='install it again') from error


def _tensors(ports: list[Any]) -> list[Tensor]:
    return [
        Tensor(
            port.any_name,
            port.element_type.to_dtype().name,
            tuple(size.get_length() if size.is_static else None for size in port.partial_shape),
        )
        for port in ports
    ]


def _keep_newest(cache: Path) -> None:
    """Remove what was compiled before the newest `KEPT_COMPILED`."""
    blobs = sorted(cache.glob('*/*.blob'), key=lambda blob: blob.stat().st_mtime, reverse=True)
    for blob in blobs[KEPT_COMPILED:]:
        blob.unlink(missing_ok=True)

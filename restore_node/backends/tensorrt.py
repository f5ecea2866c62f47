"""TensorRT: the vehicle's backend. It runs engines from the cache folder; `build_engine` builds them."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import numpy as np

from restore_node.backends.base import Backend
from restore_node.common.errors import BackendError, EngineError, EngineMissingError
from restore_node.engine.build import choose_recipe
from restore_node.engine.cache import EngineCache, key_of
from restore_node.engine.machine import Machine, fields_of, find_engine
from restore_node.engine.run import EngineRunner, PlanError, ShapeContext
from restore_node.engine.spec import EngineSpec
from restore_node.engine.trt import LOG
from restore_node.model import Model

#: How many sizes of image are kept at hand. A camera has one; a few serve who changes between several.
MAX_SIZES = 4

# Builds that this process could not load, by their engine's key: each engine is built once more, which helps
# once if at all. A model whose engine did not load then either is not opened again: why, by its graph.
_refused: dict[str, set[str]] = {}
_hopeless: dict[str, str] = {}


class TensorRTBackend(Backend):
    """Runs a model's engines, whichever serves a size of image best.

    The `MAX_SIZES` sizes that were used last stay open. What an older one holds, above all memory of the GPU,
    is freed when a further one is opened, which takes its time anyway: no frame of an open size waits for it.

    Args:
        model: a loaded model.
        device: `auto` or `cuda`.
        threads: as for every backend; this one takes none of the CPU's.
        precision: `fp32`, `fp16` or `int8`.
        cameras: how many frames may come as one batch.
        zero_copy: on a GPU that shares the CPU's memory, let it use the staging buffers in place.
        optimization_level: of the engines to use at least, see `EngineSpec`.
        workspace_mib: of the engines to use.
        min_psnr_db: their likeness at least.
        cache: folder of the engines; default as `EngineCache`.

    Raises:
        BackendError: unknown device.
    """

    name = 'tensorrt'

    def __init__(
        self,
        model: Model,
        device: str = 'auto',
        threads: int = 0,
        *,
        precision: str = 'fp16',
        cameras: int = 1,
        zero_copy: bool = False,
        optimization_level: int = 3,
        workspace_mib: int = 1024,
        min_psnr_db: float = 0.0,
        cache: Path | None = None,
    ) -> None:
        super().__init__(model, device, threads)
        if device not in ('auto', 'cuda'):
            raise BackendError('TensorRT runs on no such device', seen=repr(device), wanted='auto or cuda')
        self._precision, self._cameras, self._zero_copy = precision, cameras, zero_copy
        self._settings = {
            'optimization_level': optimization_level,
            'workspace_mib': workspace_mib,
            'min_psnr_db': min_psnr_db,
        }
        self._folder = cache
        self._machine: Machine | None = None
        self._cache: EngineCache | None = None
        self._runners: dict[str, EngineRunner] = {}  # by the key of their engine
        self._sizes: dict[tuple[int, int], EngineRunner] = {}  # who serves them, least recently used first

    @property
    def device(self) -> str:
        """The GPU's name."""
        return self._machine.gpu.name if self._machine else 'none'

    def spec_for(self, batch: int, height: int, width: int) -> EngineSpec:
        """What to build for batches of this shape; raises EngineError for an impossible one."""
        cameras = max(batch, self._cameras)
        return EngineSpec.for_cameras(self.model, width, height, cameras, self._precision, **self._settings)

    def open(self) -> None:
        """Look for driver, GPU, TensorRT and the cache folder.

        Raises:
            UnavailableError: one of them is missing.
            EngineError: the GPU or the cache folder refuses, or an engine of the model did not load, twice.
            ModelError: the model has no graph that this TensorRT can use.
        """
        self.close()
        self._cache = EngineCache(self._folder)
        self._machine = Machine()
        try:
            recipe = choose_recipe(self._machine.library, self.model, self._precision)
            if reason := _hopeless.get(self.model.card.graphs[recipe.graph]['sha256']):
                raise EngineError(f'TensorRT cannot run model {self.model.card.name}', seen=reason)
            if self._zero_copy and not self._machine.gpu.integrated:
                LOG.warning('%s has memory of its own: images are copied', self._machine.gpu.name)
        except BaseException:
            self.close()
            raise

    def staging(self, batch: int, height: int, width: int) -> np.ndarray:
        """The pinned input buffer; opens and warms up the engine for the size where that is not done yet.

        It is valid until `close`, or until `MAX_SIZES` other sizes have been used.

        Raises:
            EngineMissingError: it has not been built, or did not load and has been put away.
            EngineError: TensorRT or CUDA fails.
            ModelError: the engine is not one of this contract.
        """
        return self._context(batch, height, width).input

    def restore(self, batch: np.ndarray) -> np.ndarray:
        """Run the generator; arguments, result and errors are those of `Backend.restore`."""
        context = self._context(*batch.shape[:3])
        if batch is not context.input:
            context.input[:] = batch
        return context.run()

    def warm_up(self) -> None:
        """Nothing to do: `staging` warms an engine up as it opens it, for only frames have a size."""

    def close(self) -> None:
        """Free engines, buffers and the GPU."""
        super().close()
        self._sizes = {}
        self._machine = None
        with ExitStack() as closing:
            while self._runners:
                closing.callback(self._runners.popitem()[1].close)

    def _opened(self) -> tuple[Machine, EngineCache]:
        if self._machine is None or self._cache is None:
            raise BackendError('backend is closed', fix='open it first')
        return self._machine, self._cache

    def _context(self, batch: int, height: int, width: int) -> ShapeContext:
        size = height, width
        runner = self._sizes.get(size)
        if runner is None or not runner.accepts((batch, *size)):
            runner = self._open_size(self.spec_for(batch, *size))
        self._sizes[size] = self._sizes.pop(size)  # the one that was used last stands last
        return runner.context((batch, *size))

    def _open_size(self, spec: EngineSpec) -> EngineRunner:
        size, runner = spec.max_shape[1:], None
        try:
            runner = self._load(spec)
            # Every batch that cameras can come in is recorded now, not in the midst of traffic.
            for count in range(spec.min_shape[0], spec.max_shape[0] + 1):
                runner.context((count, *size))
            self._sizes[size], runner = runner, self._sizes.get(size)
        finally:  # the one before, or the new one that failed
            if runner:
                runner.release(size)
            self._close_idle()
        return self._sizes[size]

    def _load(self, spec: EngineSpec) -> EngineRunner:
        """The runner of the engine that serves best; makes room for a new size before it takes memory."""
        machine, cache = self._opened()
        fault = 'no engine in the cache'
        refused = {build for builds in _refused.values() for build in builds}
        while engine := find_engine(cache, machine, spec, refused):
            self._make_room(spec.max_shape[1:])
            if engine.key in self._runners:
                return self._runners[engine.key]
            try:
                runner = EngineRunner(
                    machine.cuda,
                    machine.library,
                    engine.plan,
                    zero_copy=self._zero_copy and machine.gpu.integrated,
                )
            except PlanError as error:
                cache.quarantine(engine, str(error))
                refused.add(engine.build)
                _refused.setdefault(engine.key, set()).add(engine.build)
                fault = f'no engine that loads ({error.seen})'
            else:
                self._runners[engine.key] = runner
                return runner
        fields = fields_of(machine, spec)
        if len(_refused.get(key_of(fields), ())) < 2:
            raise _missing(spec, fault)
        hopeless = EngineError(
            f'the engine for {spec} does not load, built anew either', seen=fault, fix='run doctor'
        )
        _hopeless[fields['graph_sha256']] = str(hopeless)
        raise hopeless

    def _make_room(self, wanted: tuple[int, int]) -> None:
        """Leave the sizes that were not used for longest, for this one."""
        others = [size for size in self._sizes if size != wanted]
        for size in others[: max(0, len(others) + 1 - MAX_SIZES)]:
            self._sizes.pop(size).release(size)
        self._close_idle()

    def _close_idle(self) -> None:
        """Close engines that serve no size."""
        for key in [key for key, runner in self._runners.items() if runner not in self._sizes.values()]:
            self._runners.pop(key).close()


def _missing(spec: EngineSpec, what: str) -> EngineMissingError:
    batch, height, width = spec.max_shape
    command = f'build_engine {spec.model.card.name} --size {width}x{height} --batch {batch}'
    return EngineMissingError(
        f'{what} for {spec}',
        spec=spec,
        fix=f'ros2 run restore_node {command} --precision {spec.precision}',
    )

"""TensorRT: the vehicle's backend. It runs engines from the cache folder; `build_engine` builds them."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import numpy as np

from restore_node.backends.base import Backend
from restore_node.common.errors import BackendError, EngineError, EngineMissingError
from restore_node.engine.build import choose_recipe
from restore_node.engine.cache import EngineCache, key_of
from restore_node.engine.machine import Machine
from restore_node.engine.runner import EngineRunner, PlanError
from restore_node.engine.slot import Slot
from restore_node.engine.spec import EngineSpec
from restore_node.engine.trt import LOG
from restore_node.model import Model

#: Keys of engines that did not load and were given back to be built again, which helps once if at all.
_given_back: set[str] = set()


class TensorRTBackend(Backend):
    """Runs a model's engines, one for each size of image.

    `restore` sends a batch and waits for it. Who has several batches at once, as from cameras of different
    sizes, gives each a buffer of another `slot` and uses `submit` and `collect`: one is converted and copied
    while another computes.

    Args:
        model: a loaded model.
        device: `auto` or `cuda`.
        precision: `fp16` or `fp32`.
        cameras: how many frames may come as one batch.
        zero_copy: on a GPU that shares the CPU's memory, let it use the staging buffers in place.
        optimization_level: of the engines to use, see `EngineSpec`.
        workspace_mib: likewise.
        cache: folder of the engines; default as `EngineCache`.

    Raises:
        BackendError: unknown device.
    """

    name = 'tensorrt'

    def __init__(
        self,
        model: Model,
        device: str = 'auto',
        *,
        precision: str = 'fp16',
        cameras: int = 1,
        zero_copy: bool = False,
        optimization_level: int = 3,
        workspace_mib: int = 1024,
        cache: Path | None = None,
    ) -> None:
        super().__init__(model)
        if device not in ('auto', 'cuda'):
            raise BackendError('TensorRT runs on no such device', seen=repr(device), wanted='auto or cuda')
        self._precision, self._cameras, self._zero_copy = precision, cameras, zero_copy
        self._effort = {'optimization_level': optimization_level, 'workspace_mib': workspace_mib}
        self._folder = cache
        self._machine: Machine | None = None
        self._cache: EngineCache | None = None
        self._runners: dict[tuple[int, int], EngineRunner] = {}
        # By the address of the staging buffer, which stays the same as long as its slot lives.
        self._slots: dict[int, Slot] = {}

    @property
    def device(self) -> str:
        """The GPU's name."""
        return self._machine.gpu.name if self._machine else 'none'

    def spec_for(self, batch: int, height: int, width: int) -> EngineSpec:
        """What to build for batches of this shape; raises EngineError for an impossible one."""
        cameras = max(batch, self._cameras)
        return EngineSpec.for_cameras(self.model, width, height, cameras, self._precision, **self._effort)

    def open(self) -> None:
        """Look for driver, GPU, TensorRT and the cache folder.

        Raises:
            UnavailableError: one of them is missing.
            EngineError: the GPU or the cache folder refuses.
            ModelError: the model has no graph that this TensorRT can use.
        """
        self.close()
        self._cache = EngineCache(self._folder)
        self._machine = Machine()
        try:
            choose_recipe(self._machine.library, self.model, self._precision)
            if self._zero_copy and not self._machine.gpu.integrated:
                LOG.warning('%s has memory of its own: images are copied', self._machine.gpu.name)
        except BaseException:
            self.close()
            raise

    def staging(self, batch: int, height: int, width: int, slot: int = 0) -> np.ndarray:
        """The pinned input buffer; opens and warms up the engine for the size where that is not done yet.

        Args:
            batch: images.
            height: of each, a multiple of `size_multiple`.
            width: likewise.
            slot: batches of different slots can be under way at the same time.

        Raises:
            EngineMissingError: it has not been built, or did not load and has been put away.
            EngineError: TensorRT or CUDA fails.
            ModelError: the engine is not one of this contract.
        """
        opened = self._runner(batch, height, width).slot((batch, height, width), slot)
        self._slots[opened.input.ctypes.data] = opened
        return opened.input

    def restore(self, batch: np.ndarray) -> np.ndarray:
        """Run the generator; arguments, result and errors are those of `Backend.restore`."""
        if not self._is_staging(batch):
            staged = self.staging(*batch.shape[:3])
            staged[:] = batch
            batch = staged
        self.submit(batch)
        return self.collect(batch)

    def submit(self, batch: np.ndarray) -> None:
        """Start on a batch, which must be left alone until `collect`; raises EngineError."""
        self._slot_of(batch).submit()

    def collect(self, batch: np.ndarray) -> np.ndarray:
        """Wait for a batch that was submitted.

        Args:
            batch: what `submit` was given.

        Returns:
            uint8 `[N, H, W, 3]`, RGB, in pinned memory: valid until the batch is submitted again, or `close`.

        Raises:
            EngineError: TensorRT or CUDA failed.
        """
        return self._slot_of(batch).collect()

    def warm_up(self) -> None:
        """Nothing to do: `staging` warms an engine up as it opens it, for only frames have a size."""

    def close(self) -> None:
        """Free engines, buffers and the GPU."""
        super().close()
        self._slots = {}
        machine, self._machine = self._machine, None
        with ExitStack() as closing:
            if machine:
                closing.callback(machine.close)
            while self._runners:
                closing.callback(self._runners.popitem()[1].close)

    def _slot_of(self, batch: np.ndarray) -> Slot:
        if self._machine is None:
            raise BackendError('backend is closed', fix='open it first')
        if not self._is_staging(batch):
            raise BackendError(f'batch of shape {batch.shape} is not a staging buffer', fix='fill `staging`')
        return self._slots[batch.ctypes.data]

    def _is_staging(self, batch: np.ndarray) -> bool:
        slot = self._slots.get(batch.ctypes.data)
        return slot is not None and slot.input.shape == batch.shape

    def _runner(self, batch: int, height: int, width: int) -> EngineRunner:
        if self._machine is None or self._cache is None:
            raise BackendError('backend is closed', fix='open it first')
        runner = self._runners.get((height, width))
        if runner is None or not runner.accepts((batch, height, width)):
            spec = self.spec_for(batch, height, width)
            old, runner = runner, self._load(self._machine, self._cache, spec)
            self._runners[height, width] = runner
            if old:
                self._slots = {at: slot for at, slot in self._slots.items() if not old.owns(slot)}
                old.close()
            # Every batch that cameras can come in is recorded now, not in the midst of traffic.
            for count in range(spec.min_shape[0], spec.max_shape[0] + 1):
                runner.slot((count, height, width))
        return runner

    def _load(self, machine: Machine, cache: EngineCache, spec: EngineSpec) -> EngineRunner:
        key = key_of(machine.fields(spec, choose_recipe(machine.library, self.model, self._precision)))
        engine = cache.find(key)
        if engine is None:
            raise _missing(spec, 'no engine in the cache')
        try:
            return EngineRunner(
                machine.cuda,
                machine.library,
                engine.plan,
                zero_copy=self._zero_copy and machine.gpu.integrated,
            )
        except PlanError as error:
            cache.quarantine(key, str(error))
            if key in _given_back:
                raise EngineError(
                    f'the engine for {spec} does not load, built anew either',
                    seen=error.seen,
                    fix='run doctor',
                ) from error
            _given_back.add(key)
            raise _missing(spec, f'no engine that loads ({error.seen})') from error


def _missing(spec: EngineSpec, what: str) -> EngineMissingError:
    batch, height, width = spec.max_shape
    command = f'build_engine {spec.model.card.name} --size {width}x{height} --batch {batch}'
    return EngineMissingError(
        f'{what} for {spec}',
        spec=spec,
        fix=f'ros2 run restore_node {command} --precision {spec.precision}',
    )

"""EngineRunner: a plan in this process's GPU, and the slots that run it."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any

from restore_node.common.errors import EngineError, ModelError
from restore_node.engine.cuda import Cuda
from restore_node.engine.slot import Slot, abandon_if_lost
from restore_node.engine.trt import TensorRT
from restore_node.model import INPUT_NAME, OUTPUT_NAME

Shape = tuple[int, int, int]


class PlanError(EngineError):
    """A plan that TensorRT does not load: damaged, or made by another version or for another GPU."""


class EngineRunner:
    """Loads a plan and runs it for shapes inside its profile.

    Args:
        cuda: the GPU.
        library: TensorRT.
        plan: the serialised engine, from the cache folder or just built: a plan is native code.
        zero_copy: as for `Slot`.

    Raises:
        PlanError: TensorRT does not take it.
        EngineError: TensorRT or CUDA fails for another reason, such as memory.
        ModelError: the engine's tensors are not the contract's.
    """

    def __init__(
        self, cuda: Cuda, library: TensorRT, plan: bytes | memoryview, *, zero_copy: bool = False
    ) -> None:
        self._cuda, self._library, self._zero_copy = cuda, library, zero_copy
        self._slots: dict[tuple[Shape, int], Slot] = {}
        self._runtime = library.call('TensorRT has no runtime', library.module.Runtime, library.logger)
        self._engine = self._load(plan)
        self._range = self._check_tensors()

    def accepts(self, shape: Shape) -> bool:
        """Whether (N, H, W) lies inside the engine's profile."""
        smallest, largest = self._range
        return all(low <= size <= high for low, size, high in zip(smallest, shape, largest, strict=True))

    def slot(self, shape: Shape, index: int = 0) -> Slot:
        """Return a slot for (N, H, W), made and warmed up when it is first asked for.

        Args:
            shape: inside the profile.
            index: slots of one shape and different indices are apart and can run at the same time.

        Raises:
            EngineError: outside the profile, or TensorRT or CUDA refuses.
            ModelError: see `Slot`.
        """
        if (shape, index) not in self._slots:
            if not self.accepts(shape):
                raise EngineError('shape is outside the engine', seen=shape, wanted=f'within {self._range}')
            self._slots[shape, index] = Slot(self._cuda, self._library, self._engine, shape, self._zero_copy)
        return self._slots[shape, index]

    def owns(self, slot: Slot) -> bool:
        """Whether a slot is one of this engine's."""
        return slot in self._slots.values()

    def close(self) -> None:
        """Free the slots, then the engine; closing twice is harmless."""
        with ExitStack() as closing:
            closing.callback(self._drop_engine)
            while self._slots:
                closing.callback(self._slots.popitem()[1].close)

    def _drop_engine(self) -> None:
        for thing in (self._engine, self._runtime):
            abandon_if_lost(thing)
        self._engine = self._runtime = None

    def _load(self, plan: bytes | memoryview) -> Any:
        try:
            return self._library.call(
                'TensorRT does not load the engine', self._runtime.deserialize_cuda_engine, plan
            )
        except EngineError as error:
            # A full GPU is no fault of the plan; TensorRT tells the two apart only in words.
            if 'memory' in str(error.seen).lower():
                raise
            raise PlanError(error.what, seen=error.seen, fix='it will be built again') from error

    def _check_tensors(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Hold the engine to the contract; return smallest and largest (N, H, W) of its profile."""
        trt, engine = self._library.module, self._engine
        with self._library.failures('TensorRT cannot describe the engine'):
            names = [engine.get_tensor_name(index) for index in range(engine.num_io_tensors)]
            seen = {name: self._describe(name) for name in names}
            image = (trt.DataType.UINT8, trt.TensorLocation.DEVICE, trt.TensorFormat.LINEAR, 4, 3)
            wanted = {
                INPUT_NAME: (trt.TensorIOMode.INPUT, *image),
                OUTPUT_NAME: (trt.TensorIOMode.OUTPUT, *image),
            }
            if seen != wanted or engine.num_optimization_profiles != 1:
                raise ModelError(
                    'the engine does not keep the contract',
                    seen=_tensor_lines(seen),
                    wanted=_tensor_lines(wanted),
                    fix='export the model again and build with --force',
                )
            smallest, _, largest = engine.get_tensor_profile_shape(INPUT_NAME, 0)
        return tuple(smallest)[:3], tuple(largest)[:3]

    def _describe(self, name: str) -> tuple[Any, ...]:
        engine = self._engine
        shape = tuple(engine.get_tensor_shape(name))
        return (
            engine.get_tensor_mode(name),
            engine.get_tensor_dtype(name),
            engine.get_tensor_location(name),
            engine.get_tensor_format(name),
            len(shape),
            # TensorRT may leave an output's last size open; a slot asks again once the input's are known.
            3 if shape[-1:] in ((3,), (-1,)) else shape[-1:],
        )


def _tensor_lines(tensors: dict[str, tuple[Any, ...]]) -> str:
    return '; '.join(
        f'{name}: {" ".join(fact.name for fact in facts[:4])}, {facts[4]} sizes, the last {facts[5]}'
        for name, facts in tensors.items()
    )

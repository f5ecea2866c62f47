"""ONNX Runtime: the embedded default where there is no GPU, and the degraded mode where there is one."""

from __future__ import annotations

from typing import Any

import numpy as np

from restore_node.backends.base import Backend
from restore_node.common.errors import BackendError, RestoreError, UnavailableError
from restore_node.model import INPUT_NAME, OUTPUT_NAME, Model, Tensor

CPU, CUDA = 'CPUExecutionProvider', 'CUDAExecutionProvider'
DEVICES = {'auto': (CUDA, CPU), 'cuda': (CUDA,), 'cpu': (CPU,)}


class OnnxRuntimeBackend(Backend):
    """Runs a model with ONNX Runtime on the CPU or, when its provider really loads, on CUDA.

    Args:
        model: a loaded model.
        device: `auto` (CUDA if it loads, else CPU), `cuda` or `cpu`.
        threads: CPU threads; 0 lets ONNX Runtime take one per core.
        precision: which of the model's graphs. The int8 one is for comparing: ONNX Runtime gains nothing from
            one whose biases are fp32, as TensorRT wants them.
        in_float: compute a quantised graph in float between its pairs, as a reference for others.
    """

    name = 'onnxruntime'

    def __init__(
        self,
        model: Model,
        device: str = 'auto',
        threads: int = 0,
        *,
        precision: str = 'fp32',
        in_float: bool = False,
    ) -> None:
        super().__init__(model, device, threads)
        if device not in DEVICES:
            raise BackendError('unknown device', seen=repr(device), wanted=f'one of {", ".join(DEVICES)}')
        self._providers, self._precision, self._in_float = DEVICES[device], precision, in_float
        self._session: Any = None

    @property
    def device(self) -> str:
        """The execution provider that was loaded."""
        return str(self._session.get_providers()[0]) if self._session else 'none'

    def open(self) -> None:
        """Load the graph; raises as `Backend.open` does."""
        self._session = self._new_session()
        try:
            self._check_session()
        except RestoreError:
            self.close()
            raise

    def restore(self, batch: np.ndarray) -> np.ndarray:
        """Run the graph; arguments, result and errors are those of `Backend.restore`."""
        if self._session is None:
            raise BackendError('backend is closed', fix='open it first')
        try:
            restored: np.ndarray = self._session.run([OUTPUT_NAME], {INPUT_NAME: batch})[0]
        except Exception as error:  # ONNX Runtime's own exception types are not exported
            raise BackendError(
                f'ONNX Runtime failed on a batch of shape {batch.shape}', seen=error
            ) from error
        if restored.shape != batch.shape:
            raise BackendError('graph returned another size', seen=restored.shape, wanted=batch.shape)
        return restored

    def close(self) -> None:
        """Free the session."""
        super().close()
        self._session = None

    def _new_session(self) -> Any:
        try:
            import onnxruntime
        except ImportError as error:
            raise UnavailableError(
                'ONNX Runtime cannot be imported',
                seen=error,
                fix='pip install onnxruntime (or onnxruntime-gpu)',
            ) from error
        known = onnxruntime.get_available_providers()
        providers = [name for name in self._providers if name in known]
        if not providers:
            raise UnavailableError(
                'this ONNX Runtime has no such provider',
                seen=', '.join(known),
                wanted=self._providers[0],
                fix='install onnxruntime-gpu with the matching CUDA, or use device auto or cpu',
            )
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = self._threads
        options.log_severity_level = 3
        # Spinning threads would take the cores from the camera driver and DDS between two frames.
        options.add_session_config_entry('session.intra_op.allow_spinning', '0')
        if self._in_float:
            options.add_session_config_entry('session.disable_quant_qdq', '1')
        try:
            return onnxruntime.InferenceSession(
                str(self.model.graph(self._precision)), options, providers=providers
            )
        except Exception as error:  # as above
            raise BackendError(
                f'ONNX Runtime refuses the graph of model {self.model.card.name}',
                seen=error,
                fix='export it again',
            ) from error

    def _check_session(self) -> None:
        # ONNX Runtime leaves out a CUDA provider whose libraries are missing, with no more than a warning.
        if self.device not in self._providers:
            raise BackendError(
                'the provider did not load',
                seen=self.device,
                wanted=self._providers[0],
                fix='check the CUDA libraries',
            )
        inputs, outputs = self._session.get_inputs(), self._session.get_outputs()
        self.model.check_tensors(_tensors(inputs), _tensors(outputs))


def _tensors(arguments: list[Any]) -> list[Tensor]:
    return [
        Tensor(a.name, a.type.removeprefix('tensor(').removesuffix(')'), tuple(a.shape)) for a in arguments
    ]

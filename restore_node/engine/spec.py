"""What an engine is to be built for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from restore_node.common.errors import EngineError
from restore_node.model import PRECISIONS, Model

#: Least PSNR of an engine's images to ONNX Runtime on the CPU, by the precision that was asked for.
LEAST_PSNR_DB = {'fp32': 60.0, 'fp16': 40.0, 'int8': 45.0}
#: TensorRT counts a tensor's elements in 31 bits.
MAX_ELEMENTS = 2**31 - 1

Shape = tuple[int, int, int]


@dataclass(frozen=True)
class EngineSpec:
    """One model, one precision and one range of shapes (docs/contracts.md, section 8).

    Attributes:
        model: the model.
        precision: `fp32`, `fp16` or `int8`; what is asked for, the manifest says what was obtained.
        min_shape: the smallest batch, as `(N, H, W)`; H and W multiples of the model's `size_multiple`.
        opt_shape: the one that the engine is fastest for.
        max_shape: the largest batch.
        optimization_level: TensorRT's effort, 0 (quick build) to 5.
        workspace_mib: GPU memory that a layer may use to work in.
        min_psnr_db: least likeness of its images to ONNX Runtime's on the CPU; 0 takes `LEAST_PSNR_DB`.

    Raises:
        EngineError: an impossible value.
    """

    model: Model
    precision: str
    min_shape: Shape
    opt_shape: Shape
    max_shape: Shape
    optimization_level: int = 3
    workspace_mib: int = 1024
    min_psnr_db: float = 0.0

    def __post_init__(self) -> None:
        if self.precision not in PRECISIONS:
            raise _impossible('precision', self.precision, ' or '.join(PRECISIONS))
        multiple = self.model.card.size_multiple
        for name in ('min_shape', 'opt_shape', 'max_shape'):
            shape = getattr(self, name)
            if len(shape) != 3 or min(shape) < 1 or shape[1] % multiple or shape[2] % multiple:
                wanted = f'(N, H, W) of 1 or more, H and W multiples of {multiple}'
                raise _impossible(name, shape, wanted)
        for smaller, larger in (('min_shape', 'opt_shape'), ('opt_shape', 'max_shape')):
            low, high = getattr(self, smaller), getattr(self, larger)
            if any(a > b for a, b in zip(low, high, strict=True)):
                raise _impossible(smaller, low, f'nowhere above {larger} {high}')
        batch, height, width = self.max_shape
        if batch * height * width * 3 > MAX_ELEMENTS:
            raise _impossible('max_shape', self.max_shape, f'at most {MAX_ELEMENTS} values')
        if not 0 <= self.optimization_level <= 5:
            raise _impossible('optimization level', self.optimization_level, '0 to 5')
        if self.workspace_mib < 1:
            raise _impossible('workspace', f'{self.workspace_mib} MiB', '1 MiB or more')
        if not self.min_psnr_db >= 0:
            raise _impossible('likeness', f'{self.min_psnr_db:g} dB', '0 dB or more')

    @classmethod
    def for_cameras(
        cls,
        model: Model,
        width: int,
        height: int,
        cameras: int = 1,
        precision: str = 'fp16',
        **settings: Any,
    ) -> EngineSpec:
        """Choose the shapes for so many cameras of one size in pixels, whose frames may come as one batch.

        The size is rounded up to multiples of the model's `size_multiple`, as images are padded. The settings
        are `optimization_level`, `workspace_mib`, `min_psnr_db`. Raises EngineError for an impossible value.
        """
        size = model.card.padded(height, width)
        most = (cameras, *size)
        return cls(model, precision, (1, *size), most, most, **settings)

    @property
    def least_psnr_db(self) -> float:
        """What an engine has to reach to be used, in dB."""
        return self.min_psnr_db or LEAST_PSNR_DB[self.precision]

    def fields(self) -> dict[str, Any]:
        """Its part of an engine's key; the model's graph is the builder's part, which chooses it."""
        return {
            'precision': self.precision,
            'shapes': [list(shape) for shape in (self.min_shape, self.opt_shape, self.max_shape)],
            'optimization_level': self.optimization_level,
            'workspace_mib': self.workspace_mib,
        }

    def __str__(self) -> str:
        shapes = dict.fromkeys((self.min_shape, self.opt_shape, self.max_shape))
        sizes = ' to '.join('x'.join(map(str, shape)) for shape in shapes)
        return f'{self.model.card.name} {self.precision} {sizes}'


def _impossible(what: str, seen: object, wanted: str) -> EngineError:
    return EngineError(f'impossible {what} for an engine', seen=seen, wanted=wanted, fix='change it')

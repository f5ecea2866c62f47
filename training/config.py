"""The trainer's configuration: YAML plus `key=value`, checked as a whole before anything starts."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import ConfigDict, Field, TypeAdapter, ValidationError

from restore_node.errors import ConfigError
from training.data.config import DataConfig
from training.degradation.sample import DegradationConfig

Count = Annotated[int, Field(ge=1)]
Positive = Annotated[float, Field(gt=0.0)]
Share = Annotated[float, Field(ge=0.0, le=1.0)]


@dataclass(frozen=True)
class LossConfig:
    """The content loss, see losses.py: weights of its terms, and whether images count by their ratio."""

    charbonnier: Positive = 1.0
    frequency: Annotated[float, Field(ge=0.0)] = 0.0
    root_mean_square: Annotated[float, Field(ge=0.0)] = 0.0
    relative: bool = False


@dataclass(frozen=True)
class ScheduleConfig:
    """How long and how fast.

    Attributes:
        batch: crops a step, over all devices.
        steps: length of the run; max_minutes ends it earlier when set, and the learning rate follows
            whichever is farther on.
        warmup_steps: the learning rate rises linearly over these.
        first_rate, last_rate: Adam's learning rate, cosine decay from first to last.
        average_decay: of the moving average of the weights, which is what is validated and exported.
        clip_norm: gradients are scaled down to this norm.
    """

    batch: Count = 8
    steps: Count = 60_000
    max_minutes: Positive | None = None
    warmup_steps: Annotated[int, Field(ge=0)] = 500
    first_rate: Positive = 1e-3
    last_rate: Positive = 1e-6
    average_decay: Share = 0.999
    clip_norm: Positive = 1.0


@dataclass(frozen=True)
class OptimizerConfig:
    """Which optimizer, see optimizers.py, and its constants.

    Attributes:
        name: `adam`, or `muon` for the kernels and Adam for the rest.
        betas: Adam's.
        momentum: Muon's.
        muon_factor: Muon's learning rate over Adam's; its steps are as long whatever the gradient.
    """

    name: Literal['adam', 'muon'] = 'adam'
    betas: tuple[Share, Share] = (0.9, 0.999)
    momentum: Share = 0.95
    muon_factor: Positive = 20.0


@dataclass(frozen=True)
class ValidationConfig:
    """Patches of the photographs held apart, degraded once for all: `patches` of each kind of `kinds`."""

    kinds: tuple[str, ...] = ('clean', 'blur', 'streaks', 'drops', 'all')
    patches: Count = 16
    minutes: Positive = 5.0


@dataclass(frozen=True)
class TrainConfig:
    """One training run.

    Attributes:
        devices: GPUs, or processes of one CPU, that train together; a batch is divided between them.
    """

    # Also holds for the dataclasses inside.
    __pydantic_config__ = ConfigDict(extra='forbid')

    name: Annotated[str, Field(pattern=r'^[a-z0-9][a-z0-9.-]*$')]
    task: Literal['deblur', 'derain', 'restore']
    network: str
    data: DataConfig
    seed: int = 1
    devices: Count = 1
    precision: Literal['32-true', 'bf16-mixed', '16-mixed'] = '32-true'
    degradation: DegradationConfig = field(default_factory=DegradationConfig)
    loss: LossConfig = field(default_factory=LossConfig)
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    schedule: ScheduleConfig = field(default_factory=ScheduleConfig)
    validation: ValidationConfig = field(default_factory=ValidationConfig)
    log_seconds: Positive = 30.0

    def __post_init__(self) -> None:
        if self.schedule.batch % self.devices:
            raise ValueError(
                f'schedule.batch is {self.schedule.batch}, not a multiple of devices {self.devices}'
            )


_ADAPTER = TypeAdapter(TrainConfig)


def load_config(path: str | Path, overrides: Sequence[str] = ()) -> TrainConfig:
    """Read and check a configuration.

    Args:
        path: a YAML file with the keys of TrainConfig.
        overrides: `key=value` with dotted keys and YAML values, such as `schedule.batch=4`.

    Raises:
        ConfigError: unreadable file, malformed override, unknown keys or impossible values, all at once.
    """
    try:
        values = yaml.safe_load(Path(path).read_text(encoding='utf-8'))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigError(
            f'cannot read the configuration {path}', seen=error, wanted='a YAML file'
        ) from error
    if not isinstance(values, dict):
        raise ConfigError(f'configuration {path}', seen=type(values).__name__, wanted='a mapping of keys')
    for override in overrides:
        _override(values, override)
    return parse_config(values, str(path))


def parse_config(values: dict[str, Any], source: str) -> TrainConfig:
    """Check a configuration's values; `source` names it in messages. Raises ConfigError with every fault."""
    try:
        return _ADAPTER.validate_python(values)
    except ValidationError as error:
        faults = [f'{".".join(map(str, fault["loc"]))}: {_reason(fault)}' for fault in error.errors()]
        raise ConfigError(
            f'configuration {source}', seen=' | '.join(faults), fix='see training/config.py'
        ) from error


def config_values(config: TrainConfig) -> dict[str, Any]:
    """The configuration as plain values that YAML and JSON can hold."""
    return _ADAPTER.dump_python(config, mode='json')


def _override(values: dict[str, Any], override: str) -> None:
    key, equals, text = override.partition('=')
    if not (key and equals):
        raise ConfigError(
            'cannot understand the override', seen=override, wanted='key=value, such as schedule.batch=4'
        )
    *parents, last = key.split('.')
    for parent in parents:
        values = values.setdefault(parent, {})
        if not isinstance(values, dict):
            raise ConfigError(
                f'override {override}', seen=f'{parent} is a single value', wanted='a group of keys'
            )
    try:
        values[last] = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ConfigError(f'override {override}', seen=error, wanted='a YAML value after =') from error


def _reason(fault: Any) -> str:
    if fault['type'] == 'unexpected_keyword_argument':
        return 'unknown key'
    if fault['type'] == 'missing':
        return 'missing'
    return f'{fault["msg"]}, got {fault["input"]!r}'

"""The trainer's configuration: YAML plus `key=value`, checked as a whole before anything starts."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BeforeValidator, ConfigDict, Field, TypeAdapter, ValidationError

from restore_node.common.errors import ConfigError
from training.config.data import DataConfig
from training.config.losses import LossConfig
from training.config.rules import BelowOne, Count, NotNegative, Positive
from training.config.short_form import SHORT, completed, listed
from training.config.validation import ValidationConfig
from training.degradation.ranges import DegradationConfig

CRITIC_PX = 256
"""Side of the crops that the discriminator takes (paper, table 1)."""


@dataclass(frozen=True)
class ScheduleConfig:
    """How long and how fast.

    Attributes:
        batch: crops a step, over all devices.
        accumulate: the crops of a step go through the network in so many parts, one after another, for
            memory that does not hold them at once; what is learnt is the same.
        steps: length of a run of one stage.
        stages: instead, lengths of several: each begins with a fresh critic and fresh optimizers and keeps
            the generator (the incremental training strategy of the paper, section 4.1).
        max_minutes: ends the run earlier when set, and the learning rate follows whichever is farther on;
            such a run depends on the machine's speed, no two end alike.
        warmup_steps: the learning rate rises linearly over these, in every stage.
        learning_rate, final_learning_rate: learning rate at first and at the end.
        hold: share of the decay's time that passes at the first rate.
        decay, decay_over: how it falls, and whether every stage begins at the first rate again.
        ema_decay: of the moving average of the weights, which is what is validated and exported.
        clip_norm: gradients of the generator are scaled down to this norm; null leaves them as they are.
    """

    batch: Count = 8
    accumulate: Count = 1
    steps: Count | None = None
    stages: tuple[Count, ...] = ()
    max_minutes: Positive | None = None
    warmup_steps: Annotated[int, Field(ge=0)] = 500
    learning_rate: Positive = 1e-3
    final_learning_rate: Positive = 1e-6
    hold: BelowOne = 0.0
    decay: Literal['cosine', 'linear'] = 'cosine'
    decay_over: Literal['run', 'stage'] = 'run'
    ema_decay: BelowOne = 0.999
    clip_norm: Positive | None = 1.0

    @property
    def total_steps(self) -> int:
        """Length of the run."""
        return sum(self.stages) or self.steps or 0

    def __post_init__(self) -> None:
        if (self.steps is None) != bool(self.stages):
            raise ValueError('want either steps or stages')
        if self.max_minutes and self.stages:
            raise ValueError('max_minutes does not go with stages, whose lengths are steps')
        if self.final_learning_rate > self.learning_rate:
            raise ValueError(
                f'final_learning_rate is {self.final_learning_rate:g}, above learning_rate, '
                f'{self.learning_rate:g}'
            )


@dataclass(frozen=True)
class OptimizerConfig:
    """Which optimizer, see loop/optimizers.py, and its constants.

    Attributes:
        name: `adam`, `adamw` with its decay of the weights, or `muon` for the kernels and Adam for the rest.
        betas: Adam's and AdamW's.
        weight_decay: AdamW's.
        momentum: Muon's.
        muon_factor: Muon's learning rate over Adam's; its steps are as long whatever the gradient.
        muon_decay: weight decay of the kernels, which bounds what steps of one length add up to.
    """

    name: Literal['adam', 'adamw', 'muon'] = 'adam'
    betas: tuple[BelowOne, BelowOne] = (0.9, 0.999)
    weight_decay: NotNegative = 0.01
    momentum: BelowOne = 0.95
    muon_factor: Positive = 20.0
    muon_decay: NotNegative = 0.1


@dataclass(frozen=True)
class CheckpointConfig:
    """How often the state of a run is saved.

    Attributes:
        minutes, steps: whichever comes first; at the run's end in any case.
        keep_minutes: and so often one more, in `hourly/`, that is kept; null keeps none.
    """

    minutes: Positive | None = 5.0
    steps: Count | None = None
    keep_minutes: Positive | None = 60.0


@dataclass(frozen=True)
class TrainConfig:
    """One training run.

    Attributes:
        network: name of the generator, or `package.module:Class` of one's own, see networks/registry.py; its
            keywords are `network_options`.
        start_from: what this run begins with (transfer): the averaged generator of another run's checkpoint,
            a shipped model by its name, or a `.onnx` file with its card. A `lite` network may begin with the
            weights of a narrower one, see networks/widening.py.
        devices: GPUs that train together; a batch is divided between them. Where torchrun started the
            processes, it says how many there are.
        cpu_processes: the same where there is no GPU: processes that share the cores.
        precision: bf16-mixed computes the generator in bfloat16; weights, losses and penalties stay float32.
            auto is bf16-mixed where the device computes it natively (GPUs; CPUs with AMX or AVX512-BF16), and
            32-true elsewhere, where bfloat16 is emulated and three times as slow.
        compile: run the generator through torch.compile.
        log_seconds: how often losses are recorded.
        wandb: project of Weights & Biases that gets what TensorBoard gets, where wandb is installed.
    """

    # Also holds for the dataclasses inside.
    __pydantic_config__ = ConfigDict(extra='forbid', allow_inf_nan=False)

    name: Annotated[str, Field(pattern=r'^[a-z0-9][a-z0-9._-]*$')]
    task: Literal['deblur', 'derain', 'restore']
    network: str
    data: Annotated[DataConfig, BeforeValidator(listed)]
    schedule: ScheduleConfig
    network_options: dict[str, Any] = field(default_factory=dict)
    start_from: str | None = None
    seed: Annotated[int, Field(ge=0)] = 1
    accelerator: Literal['auto', 'cpu', 'cuda'] = 'auto'
    devices: Count = 1
    cpu_processes: Count = 1
    precision: Literal['auto', '32-true', 'bf16-mixed'] = '32-true'
    compile: bool = False
    degradation: DegradationConfig = field(default_factory=DegradationConfig)
    loss: LossConfig = field(default_factory=LossConfig)
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    validation: ValidationConfig = field(default_factory=ValidationConfig)
    checkpoint: CheckpointConfig = field(default_factory=CheckpointConfig)
    log_seconds: Positive = 30.0
    wandb: str | None = None

    def __post_init__(self) -> None:
        batch, parts = self.schedule.batch, self.schedule.accumulate
        for name, processes in (('devices', self.devices), ('cpu_processes', self.cpu_processes)):
            if batch % processes:
                raise ValueError(f'schedule.batch is {batch}, not a multiple of {name} {processes}')
            if batch // processes % parts:
                raise ValueError(
                    f'schedule.accumulate is {parts}, and does not divide schedule.batch {batch} over '
                    f'{name} {processes}'
                )
        if self.loss.adversarial and parts > 1:
            raise ValueError('schedule.accumulate does not go with loss.adversarial')
        if self.loss.adversarial and self.data.crop_px != CRITIC_PX:
            raise ValueError(
                f'data.crop_px is {self.data.crop_px}, and the critic of loss.adversarial wants {CRITIC_PX}'
            )
        for entry in self.validation.sets:
            if entry.held_out_of is None:
                continue
            source = self.data.source(entry.held_out_of)
            if source is None:
                named = ', '.join(source.name for source in self.data.sources)
                raise ValueError(
                    f'the validation set {entry.name} is held_out_of {entry.held_out_of}, want one of {named}'
                )
            if bool(source.pairs) != (entry.kind is None):
                wanted = 'no kind: pairs are degraded already' if source.pairs else 'a kind of degradation'
                raise ValueError(f'the validation set {entry.name} shows {source.name}, want {wanted}')


_PRESETS = Path(__file__).parents[2] / 'config' / 'train', Path(__file__).parents[1] / 'presets'
"""Of the configurations that come with the trainer: in a checkout, and where it is installed."""

_ADAPTER = TypeAdapter(Annotated[TrainConfig, BeforeValidator(completed)])


def find_config(given: str | Path) -> Path:
    """The file of a configuration, by its path or a bare name such as `restore_lite`; raises ConfigError."""
    path = Path(given)
    presets = {preset.stem: preset for folder in _PRESETS for preset in folder.glob('*.yaml')}
    if not path.is_file() and str(given) in presets:
        return presets[str(given)]
    if not path.exists():
        raise ConfigError(
            'no such configuration', seen=given, wanted=f'a YAML file, or one of {", ".join(sorted(presets))}'
        )
    return path


def load_config(path: str | Path, overrides: Sequence[str] = ()) -> TrainConfig:
    """Read and check a configuration.

    Args:
        path: a YAML file with the keys of TrainConfig, or the name of one that comes with the trainer.
        overrides: `key=value` with dotted keys and YAML values, such as `schedule.batch=4`. Entries of a list
            that have names are reached by them: `data.sources.rain800.weight=2`. A single source,
            `data.roots=[...]` or `data.pairs={...}`, takes the place of the file's sources, and what it holds
            out that of the file's validation sets.

    Raises ConfigError for an unreadable file, a malformed override, unknown keys or impossible values, all at
    once.
    """
    try:
        values = yaml.safe_load(find_config(path).read_text(encoding='utf-8'))
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
        faults = ' | '.join(map(_fault, error.errors()))
        raise ConfigError(f'configuration {source}', seen=faults, fix='see training/config/run.py') from error


def config_values(config: TrainConfig) -> dict[str, Any]:
    """The configuration as plain values that YAML and JSON can hold."""
    return _ADAPTER.dump_python(config, mode='json')


def split_assignment(text: str, example: str) -> tuple[str, Any]:
    """Key and YAML value of `key=value`; raises ConfigError, which gives the example, where it is none."""
    key, equals, value = text.partition('=')
    if not (key and equals):
        raise ConfigError('cannot understand the override', seen=text, wanted=f'key=value, {example}')
    try:
        return key, yaml.safe_load(value)
    except yaml.YAMLError as error:
        raise ConfigError(f'override {text}', seen=error, wanted='a YAML value after =') from error


def _override(values: dict[str, Any], override: str) -> None:
    key, value = split_assignment(override, 'such as schedule.batch=4')
    if any(key == f'data.{name}' for name in SHORT):
        data, validation = values.get('data'), values.get('validation')
        if isinstance(data, dict) and data.pop('sources', None) and isinstance(validation, dict):
            validation.pop('sets', None)
    *parents, last = key.split('.')
    group: dict[str, Any] | list[Any] = values
    for parent in parents:
        group = _inside(group, parent, override)
    if isinstance(group, list):
        raise ConfigError(f'override {override}', seen='an entry of a list', wanted='a key inside it')
    group[last] = value


def _inside(values: dict[str, Any] | list[Any], key: str, override: str) -> dict[str, Any] | list[Any]:
    """The group of a key; of a list, the entry of that name."""
    if isinstance(values, list):
        named = {str(entry['name']): entry for entry in values if isinstance(entry, dict) and 'name' in entry}
        if key not in named:
            raise ConfigError(f'override {override}', seen=key, wanted=f'one of {", ".join(named)}')
        return named[key]
    inside = values.setdefault(key, {})
    if not isinstance(inside, dict | list):
        raise ConfigError(f'override {override}', seen=f'{key} is a single value', wanted='a group of keys')
    return inside


def _fault(fault: Any) -> str:
    named = {'unexpected_keyword_argument': 'unknown key', 'missing': 'missing'}
    reason = named.get(fault['type']) or fault['msg'].removeprefix('Value error, ')
    # A whole group of keys would hide the reason; checks of a group name the values themselves.
    if fault['type'] not in named and not isinstance(fault['input'], dict):
        reason += f', got {fault["input"]!r}'
    return ': '.join(filter(None, ('.'.join(map(str, fault['loc'])), reason)))

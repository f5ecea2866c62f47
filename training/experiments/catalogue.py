"""The ablations: what is compared, in small and at the paper's size."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from restore_node.common.errors import ConfigError
from training.degradation.ranges import RAIN100H, RAIN100L
from training.experiments.plans import Ablation, TestSet, Variant

_CONFIGS = Path(__file__).parents[2] / 'config'
SMALL = _CONFIGS / 'experiments'
FULL = _CONFIGS / 'train'

_RAINS = tuple(
    # JSON is YAML.
    (name, like, f'degradation.rain={json.dumps(asdict(ranges))}')
    for name, like, ranges in (('light', 'Rain100L', RAIN100L), ('heavy', 'Rain100H', RAIN100H))
)

_CLAIMS = {
    'block': (
        'Residual blocks of figure 3',
        'Section 3.1: dropout prevents overfitting and speeds training up, batch normalisation degrades '
        'performance',
    ),
    'activation': (
        'LeakyReLU or ReLU in the residual blocks',
        'Section 3.1: LeakyReLU lets the blocks converge faster',
    ),
    'stages': (
        'One stage or three, against a critic',
        'Section 4.1: stages, each with a fresh critic, make up for shortcomings of GANs',
    ),
    'rain': (
        'Mixed rain alone, or tuned to the rain of the test',
        'Section 4.4: trained on Rain800 only, PSNR / SSIM are 18.30 / 0.476 on Rain100H and 26.21 / 0.865 '
        'on Rain100L; tuned to each, 21.99 / 0.787 and 29.91 / 0.934 (table 4)',
    ),
}
"""Title of each ablation's table, and the claim of the paper."""


def _ablation(
    name: str, tests: Sequence[TestSet], *variants: Variant, before: tuple[Variant, ...] = ()
) -> Ablation:
    return Ablation(name, *_CLAIMS[name], variants, tuple(tests), before)


def small_ablations() -> tuple[Ablation, ...]:
    """At a size that a CPU trains in minutes."""
    deblur, derain, stages = (SMALL / f'{name}.yaml' for name in ('deblur', 'derain', 'stages'))
    few = ('schedule.steps=600', 'validation.steps=600')
    half = ('schedule.steps=250', 'validation.steps=250')

    def deblurring(name: str, key: str, *options: str) -> Variant:
        own = [f'network_options={{widths: [16, 32, 64], {option}}}' for option in options]
        return Variant(name, key, deblur, (*few, *own))

    blur = TestSet('blur held out', config=deblur, overrides=('validation.patches=32',))
    return (
        _ablation(
            'block',
            [blur],
            deblurring('ours, without dropout', 'block-ours'),
            deblurring('ours, dropout 0.5 (the paper)', 'block-dropout', 'dropout: 0.5'),
            deblurring('Nah et al.', 'block-nah', 'block: nah'),
            deblurring('original', 'block-original', 'block: original'),
        ),
        _ablation(
            'activation',
            [blur],
            deblurring('LeakyReLU (the paper)', 'block-ours'),
            deblurring('ReLU', 'block-relu', 'dropout: 0.0, activation: relu'),
        ),
        _ablation(
            'stages',
            [TestSet('blur held out', config=stages, overrides=('validation.patches=16',))],
            Variant('one stage', 'stages-one', stages, ('schedule.stages=[120]',)),
            Variant('three (the paper)', 'stages-three', stages, ('schedule.stages=[40, 40, 40]',)),
        ),
        _ablation(
            'rain',
            [
                TestSet(f'{name} rain, like {like}', config=derain, overrides=('validation.patches=32', rain))
                for name, like, rain in _RAINS
            ],
            Variant('mixed rain alone', 'rain-more', derain, half, 'rain-mixed'),
            *(
                Variant(f'tuned to {name} rain', f'rain-{name}', derain, (*half, rain), 'rain-mixed')
                for name, _, rain in _RAINS
            ),
            before=(Variant('mixed rain', 'rain-mixed', derain, ('schedule.steps=500',)),),
        ),
    )


def full_ablations() -> tuple[Ablation, ...]:
    """The paper's configurations, for a GPU and who has the published sets."""
    rain800, rain100h, rain100l = (FULL / f'{name}.yaml' for name in ('rain800', 'rain100h', 'rain100l'))

    def gopro(name: str, key: str, *overrides: str) -> Variant:
        return Variant(name, key, FULL / 'gopro.yaml', overrides)

    test = TestSet('GOPRO', data='gopro=GOPRO_Large')
    return (
        _ablation(
            'block',
            [test],
            gopro('ours (the paper)', 'gopro'),
            gopro('Nah et al.', 'gopro-nah', 'network_options.block=nah'),
            gopro('original', 'gopro-original', 'network_options.block=original'),
        ),
        _ablation(
            'activation',
            [test],
            gopro('LeakyReLU (the paper)', 'gopro'),
            gopro('ReLU', 'gopro-relu', 'network_options.activation=relu'),
        ),
        _ablation(
            'stages',
            [test],
            gopro('one stage', 'gopro-one-stage', 'schedule.stages=[300000]'),
            gopro('three (the paper)', 'gopro'),
        ),
        _ablation(
            'rain',
            [TestSet('Rain100L', data='rain100l=Rain100L'), TestSet('Rain100H', data='rain100h=Rain100H')],
            Variant('Rain800 alone', 'rain800', rain800, after='gopro'),
            Variant('tuned to Rain100L', 'rain100l', rain100l, after='rain800'),
            Variant('tuned to Rain100H', 'rain100h', rain100h, after='rain800'),
            before=(gopro('ours (the paper)', 'gopro'),),
        ),
    )


def choose(ablations: Sequence[Ablation], only: Sequence[str]) -> list[Ablation]:
    """Those of the given names, or all; raises ConfigError for names that there are not."""
    known = [ablation.name for ablation in ablations]
    unknown = sorted(set(only) - set(known))
    if unknown:
        raise ConfigError('--only', seen=', '.join(unknown), wanted=f'some of {", ".join(known)}')
    return [ablation for ablation in ablations if not only or ablation.name in only]

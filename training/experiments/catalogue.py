"""The ablations: what is compared, in small and at the paper's size."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from restore_node.common.errors import ConfigError
from training.degradation.rain.ranges import RainRanges
from training.degradation.ranges import RAIN100H, RAIN100L
from training.experiments.plans import Ablation, TestSet, Variant

_CONFIGS = Path(__file__).parents[2] / 'config'
SMALL = _CONFIGS / 'experiments'
FULL = _CONFIGS / 'train'

_RAINS = (('light', 'Rain100L', RAIN100L), ('heavy', 'Rain100H', RAIN100H))

_CLAIMS = {
    'block': 'Section 3.1: dropout prevents overfitting and speeds training up, batch normalisation '
    'degrades performance',
    'activation': 'Section 3.1: LeakyReLU lets the blocks converge faster',
    'stages': 'Section 4.1: stages, each with a fresh critic, make up for shortcomings of GANs',
    'rain': 'Section 4.4: trained on Rain800 only, PSNR / SSIM are 18.30 / 0.476 on Rain100H and 26.21 / '
    '0.865 on Rain100L; tuned to each, 21.99 / 0.787 and 29.91 / 0.934 (table 4)',
}


def small_ablations() -> tuple[Ablation, ...]:
    """At a size that a CPU trains in minutes."""
    deblur, derain, stages = (SMALL / f'{name}.yaml' for name in ('deblur', 'derain', 'stages'))
    few = ('schedule.steps=600', 'validation.steps=600')
    ours = Variant('ours, without dropout', 'block-ours', deblur, few)

    def deblurring(name: str, key: str, options: str) -> Variant:
        return Variant(name, key, deblur, (*few, f'network_options={{widths: [16, 32, 64], {options}}}'))

    blur = TestSet('blur held out', config=deblur, overrides=('validation.patches=32',))
    half = ('schedule.steps=250', 'validation.steps=250')
    return (
        Ablation(
            'block',
            'Residual blocks of figure 3',
            _CLAIMS['block'],
            (
                ours,
                deblurring('ours, dropout 0.5 (the paper)', 'block-dropout', 'dropout: 0.5'),
                deblurring('Nah et al.', 'block-nah', 'block: nah'),
                deblurring('original', 'block-original', 'block: original'),
            ),
            (blur,),
        ),
        Ablation(
            'activation',
            'LeakyReLU or ReLU in the residual blocks',
            _CLAIMS['activation'],
            (
                Variant('LeakyReLU (the paper)', ours.key, deblur, few),
                deblurring('ReLU', 'block-relu', 'dropout: 0.0, activation: relu'),
            ),
            (blur,),
        ),
        Ablation(
            'stages',
            'One stage or three, against a critic',
            _CLAIMS['stages'],
            (
                Variant('one stage', 'stages-one', stages, ('schedule.stages=[120]',)),
                Variant('three (the paper)', 'stages-three', stages, ('schedule.stages=[40, 40, 40]',)),
            ),
            (TestSet('blur held out', config=stages, overrides=('validation.patches=16',)),),
        ),
        Ablation(
            'rain',
            'Mixed rain alone, or tuned to the rain of the test',
            _CLAIMS['rain'],
            (
                Variant('mixed rain alone', 'rain-more', derain, half, 'rain-mixed'),
                *(
                    Variant(
                        f'tuned to {name} rain',
                        f'rain-{name}',
                        derain,
                        (*half, _rain(ranges)),
                        'rain-mixed',
                    )
                    for name, _, ranges in _RAINS
                ),
            ),
            tuple(
                TestSet(
                    f'{name} rain, like {like}',
                    config=derain,
                    overrides=('validation.patches=32', _rain(ranges)),
                )
                for name, like, ranges in _RAINS
            ),
            before=(Variant('mixed rain', 'rain-mixed', derain, ('schedule.steps=500',)),),
        ),
    )


def full_ablations() -> tuple[Ablation, ...]:
    """The paper's configurations, for a GPU and who has the published sets."""
    gopro, rain800, rain100h, rain100l = (
        FULL / f'{name}.yaml' for name in ('gopro', 'rain800', 'rain100h', 'rain100l')
    )
    ours = Variant('ours (the paper)', 'gopro', gopro)
    test = TestSet('GOPRO', data='gopro=GOPRO_Large')
    return (
        Ablation(
            'block',
            'Residual blocks of figure 3',
            _CLAIMS['block'],
            (
                ours,
                Variant('Nah et al.', 'gopro-nah', gopro, ('network_options.block=nah',)),
                Variant('original', 'gopro-original', gopro, ('network_options.block=original',)),
            ),
            (test,),
        ),
        Ablation(
            'activation',
            'LeakyReLU or ReLU in the residual blocks',
            _CLAIMS['activation'],
            (
                Variant('LeakyReLU (the paper)', ours.key, gopro),
                Variant('ReLU', 'gopro-relu', gopro, ('network_options.activation=relu',)),
            ),
            (test,),
        ),
        Ablation(
            'stages',
            'One stage or three, against a critic',
            _CLAIMS['stages'],
            (
                Variant('one stage', 'gopro-one-stage', gopro, ('schedule.stages=[300000]',)),
                Variant('three (the paper)', ours.key, gopro),
            ),
            (test,),
        ),
        Ablation(
            'rain',
            'Rain800 alone, or tuned to the set of the test',
            _CLAIMS['rain'],
            (
                Variant('Rain800 alone', 'rain800', rain800, (), 'gopro'),
                Variant('tuned to Rain100L', 'rain100l', rain100l, (), 'rain800'),
                Variant('tuned to Rain100H', 'rain100h', rain100h, (), 'rain800'),
            ),
            (TestSet('Rain100L', data='rain100l=Rain100L'), TestSet('Rain100H', data='rain100h=Rain100H')),
            before=(ours,),
        ),
    )


def _rain(ranges: RainRanges) -> str:
    # JSON is YAML.
    return f'degradation.rain={json.dumps(asdict(ranges))}'


def choose(ablations: Sequence[Ablation], only: Sequence[str]) -> list[Ablation]:
    """Those of the given names, or all; raises ConfigError for names that there are not."""
    known = [ablation.name for ablation in ablations]
    unknown = sorted(set(only) - set(known))
    if unknown:
        raise ConfigError('--only', seen=', '.join(unknown), wanted=f'some of {", ".join(known)}')
    return [ablation for ablation in ablations if not only or ablation.name in only]

"""What the generator is to make small: the `loss` part of a configuration."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from training.config.rules import BelowOne, Count, NotNegative, Positive


@dataclass(frozen=True)
class PerceptualConfig:
    """The perceptual loss (paper, eq. 9), see losses/perceptual.py.

    Attributes:
        weight: of the term.
        layer: of VGG19, whose features are compared.
        weights: file of the published ImageNet weights; the usual cache of PyTorch if None.
        download: fetch them into that cache when they are missing.
    """

    weight: Positive = 100.0
    layer: str = 'conv3_3'
    weights: Path | None = None
    download: bool = False


@dataclass(frozen=True)
class AdversarialConfig:
    """The game against a critic (paper, eq. 8), see losses/adversarial.py.

    Attributes:
        weight: of the critic's score in the generator's loss.
        critic_steps: updates of the critic for each one of the generator.
        constraint: what keeps the critic smooth: `clip` its weights (Arjovsky et al. 2017), the paper's
            choice, or `penalty` on its gradient (Gulrajani et al. 2017).
        clip_limit: weights are kept between its negative and itself.
        penalty_weight: of the gradient penalty.
        betas: of the critic's Adam.
    """

    weight: Positive = 1.0
    critic_steps: Count = 5
    constraint: Literal['clip', 'penalty'] = 'penalty'
    clip_limit: Positive = 0.01
    penalty_weight: Positive = 10.0
    betas: tuple[BelowOne, BelowOne] = (0.5, 0.9)


@dataclass(frozen=True)
class LpipsConfig:
    """Learned perceptual similarity (Zhang et al. 2018), see losses/lpips.py.

    Attributes:
        weight: of the term.
        network: whose features are compared: AlexNet's, VGG16's or SqueezeNet's.
    """

    weight: Positive = 1.0
    network: Literal['alex', 'vgg', 'squeeze'] = 'alex'


@dataclass(frozen=True)
class TeacherConfig:
    """Distillation: what a trained generator makes of the degraded frame is a second truth.

    Attributes:
        checkpoint: of its run, whose averaged weights teach.
        weight: of the pixel terms to what it makes, beside those to the sharp frame.
    """

    checkpoint: str
    weight: Positive = 1.0


PIXEL_TERMS = ('charbonnier', 'l1', 'mean_square', 'frequency', 'edge', 'ssim')
"""Keys of LossConfig that are weights of pixel terms, see losses/pixel.py."""


@dataclass(frozen=True)
class LossConfig:
    """What the generator is to make small: weights of the terms, see losses/.

    Attributes:
        charbonnier, l1, mean_square, frequency, edge, ssim: weights of the pixel terms; 0 leaves one out.
        relative: the loss is the logarithm of each image's error, so halving a small error counts as much as
            halving a large one (pixel terms only).
        floor: added to that error; about what is left of it in an image that is clean enough.
        perceptual, lpips, teacher, adversarial: these terms, where they are given.
    """

    charbonnier: NotNegative = 1.0
    l1: NotNegative = 0.0
    mean_square: NotNegative = 0.0
    frequency: NotNegative = 0.0
    edge: NotNegative = 0.0
    ssim: NotNegative = 0.0
    relative: bool = False
    floor: Positive = 0.01
    perceptual: PerceptualConfig | None = None
    lpips: LpipsConfig | None = None
    teacher: TeacherConfig | None = None
    adversarial: AdversarialConfig | None = None

    @property
    def has_pixel_terms(self) -> bool:
        """Whether restored and sharp pixels are compared."""
        return any(getattr(self, term) > 0.0 for term in PIXEL_TERMS)

    def __post_init__(self) -> None:
        if not (self.has_pixel_terms or self.perceptual or self.lpips):
            raise ValueError('nothing ties restored to sharp frames, want a pixel or perceptual term')
        if self.teacher and not self.has_pixel_terms:
            raise ValueError('teacher wants a pixel term, by which its pictures are compared')

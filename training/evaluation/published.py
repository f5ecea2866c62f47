"""The figures that the paper prints, and under which convention they are most plausibly meant.

Tables 2, 3 and 4 of "motion blurred restoration and rain removal for IoV based on GAN and transfer learning",
copied digit by digit; its rows for other methods are its own. The paper states neither channel nor SSIM kind
nor alignment: the readings below are ours, each with our confidence and why.
"""

from dataclasses import dataclass

from training.evaluation.conventions import Score

PAPER = 'the paper'


@dataclass(frozen=True)
class PublishedSet:
    """A test set of the paper: its name in tables, how many pairs the paper counts, and a remark."""

    title: str
    test_pairs: int
    remark: str = ''


@dataclass(frozen=True)
class PublishedTable:
    """One of the paper's tables of results, by its number there: rows by method, by key of SETS.

    The figures are read in a convention, a key of CONVENTIONS, with high, medium or low confidence; reasons
    are those for the reading, and what it means for whoever compares.
    """

    number: int
    title: str
    sets: tuple[str, ...]
    rows: dict[str, dict[str, Score]]
    convention: str
    confidence: str
    reasons: str


_RAIN100 = 'there are two releases of it (the later one is Rain200), and the paper does not say which it used'

SETS = {
    'gopro': PublishedSet('GOPRO', 1110, 'the usual release has 1111 test pairs'),
    'realblur_j': PublishedSet('RealBlur-J', 980),
    'realblur_r': PublishedSet('RealBlur-R', 980),
    'rain800': PublishedSet('Rain800', 100),
    'rain100l': PublishedSet('Rain100L', 100, _RAIN100),
    'rain100h': PublishedSet('Rain100H', 100, _RAIN100),
}


def _rows(sets: tuple[str, ...], figures: dict[str, tuple[float, ...]]) -> dict[str, dict[str, Score]]:
    """Rows from PSNR and SSIM in turn, one pair a set."""
    return {
        method: {key: Score(*values[2 * column : 2 * column + 2]) for column, key in enumerate(sets)}
        for method, values in figures.items()
    }


_BLUR, _REAL, _RAIN = ('gopro',), ('realblur_j', 'realblur_r'), ('rain800', 'rain100l', 'rain100h')

TABLES = (
    PublishedTable(
        2,
        'Deblurring on GOPRO',
        _BLUR,
        _rows(
            _BLUR,
            {
                'Xu': (21.00, 0.741),
                'Kim': (23.64, 0.824),
                'Sun': (24.64, 0.843),
                'Gong': (26.40, 0.863),
                'DeblurGAN': (28.70, 0.858),
                PAPER: (29.19, 0.883),
            },
        ),
        'rgb',
        'high',
        'the pair lies on the line of other results in RGB with 2-D SSIM; MATLAB would give an SSIM of '
        'about 0.915, complex wavelets 0.93 and more',
    ),
    PublishedTable(
        3,
        'Deblurring on RealBlur',
        _REAL,
        _rows(
            _REAL,
            {
                'Hu': (26.41, 0.803, 33.67, 0.916),
                'Nah': (27.87, 0.827, 32.51, 0.841),
                'DeblurGAN': (27.97, 0.834, 33.79, 0.903),
                'Pan': (27.22, 0.790, 34.01, 0.916),
                PAPER: (27.73, 0.833, 34.32, 0.911),
            },
        ),
        'rgb',
        'medium',
        'the paper trains and tests on RealBlur and does not say whether it aligns; aligned figures of the '
        'same images are 1.8 to 2.4 dB higher',
    ),
    PublishedTable(
        4,
        'Deraining',
        _RAIN,
        _rows(
            _RAIN,
            {
                'DerainNet': (22.77, 0.810, 27.03, 0.884, 14.92, 0.592),
                'SEMI': (23.64, 0.788, 25.03, 0.842, 16.56, 0.486),
                'DIDMDN': (22.56, 0.818, 25.23, 0.471, 17.35, 0.524),
                PAPER: (25.50, 0.825, 29.91, 0.934, 21.99, 0.787),
            },
        )
        | {
            f'{PAPER}, trained on Rain800 only': {
                'rain100l': Score(26.21, 0.865),
                'rain100h': Score(18.30, 0.476),
            }
        },
        'rgb',
        'low to medium',
        'the pairs resemble re-runs of others in RGB rather than in luma; had the paper scored MATLAB luma, '
        'its figures in RGB would be about 1.3 dB lower: who meets them in RGB meets either reading',
    ),
)

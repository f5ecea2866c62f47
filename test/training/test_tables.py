import io

import cv2
import numpy as np
import pytest
from rich.console import Console

from restore_node.common.errors import InputError
from training.data.layouts.named_pairs import FilePair
from training.evaluation.conventions import CONVENTIONS, Score
from training.evaluation.published import PAPER, SETS, TABLES
from training.evaluation.report import markdown, show, summarise
from training.evaluation.scoring import UNRESTORED, ImageScores, mean, score_pairs
from training.evaluation.sets import EvaluationSet
from training.evaluation.systems import System, restored_by_others, trained_on
from training.evaluation.tables import SetResult, make_tables


def result(key, count, available, systems=('ours',), conventions=('rgb', 'luma')):
    """Images that score 20, 21, 22 ... dB and an SSIM of 0.5, one dB more in luma."""
    images = [
        ImageScores(
            f'{index:03d}',
            (320, 180),
            {
                system: {name: Score(20.0 + index + place, 0.5) for place, name in enumerate(conventions)}
                for system in (UNRESTORED, *systems)
            },
        )
        for index in range(count)
    ]
    title = SETS[key].title if key in SETS else key
    chosen = EvaluationSet(key, title, '/data', available, [], conventions)
    return SetResult(chosen, (UNRESTORED, *systems), images)


def test_published_figures_are_the_papers():
    ours = {key: tuple(figures) for table in TABLES for key, figures in table.rows[PAPER].items()}
    assert ours == {
        'gopro': (29.19, 0.883),
        'realblur_j': (27.73, 0.833),
        'realblur_r': (34.32, 0.911),
        'rain800': (25.50, 0.825),
        'rain100l': (29.91, 0.934),
        'rain100h': (21.99, 0.787),
    }
    rain = TABLES[2].rows[f'{PAPER}, trained on Rain800 only']
    assert rain == {'rain100h': (18.30, 0.476), 'rain100l': (26.21, 0.865)}
    assert [table.number for table in TABLES] == [2, 3, 4]
    assert {table.convention for table in TABLES} <= set(CONVENTIONS)
    for table in TABLES:
        for figures in table.rows.values():
            assert set(figures) <= set(table.sets) <= set(SETS)
            assert all(10 < score.psnr_db < 40 and 0.4 < score.ssim < 1 for score in figures.values())


def test_a_table_holds_published_and_measured_rows_side_by_side():
    (table,) = make_tables(
        [result('rain800', 3, 3), result('rain100h', 3, 3)], {'ours': 'trained on Rain800'}
    )
    assert table.title == 'Table 4: Deraining'
    assert table.columns == ('method', 'Rain800', 'Rain100L', 'Rain100H', 'convention')
    assert (PAPER, '25.50 / 0.825', '29.91 / 0.934', '21.99 / 0.787', 'as printed') in table.rows
    assert ('ours', '21.00 / 0.500', '-', '21.00 / 0.500', 'rgb') in table.rows
    assert ('ours', '22.00 / 0.500', '-', '22.00 / 0.500', 'luma') in table.rows
    assert (UNRESTORED, '21.00 / 0.500', '-', '21.00 / 0.500', 'rgb') in table.rows
    assert all(len(row) == len(table.columns) for row in table.rows)


def test_every_table_says_what_its_figures_are():
    for key in SETS:
        (table,) = make_tables([result(key, 3, 3)], {'ours': 'trained on Rain800'})
        notes = '\n'.join(table.notes)
        assert f'3 of 3 pairs (the paper counts {SETS[key].test_pairs})' in notes
        assert 'rgb: RGB 0..255, SSIM Gaussian 11x11, sigma 1.5, mean over channels, not aligned' in notes
        assert 'luma: luma (MATLAB rgb2ycbcr) 16..235' in notes
        assert 'confidence' in notes
        assert 'Complex-wavelet' in notes
        assert 'ours: trained on Rain800' in notes
        assert 'PARTIAL' not in notes + table.title


def test_a_partial_table_says_so_everywhere():
    results = [result('gopro', 2, 1111)]
    tables = make_tables(results, {})
    assert tables[0].title.endswith('(PARTIAL)')
    assert 'PARTIAL: 2 of 1111 pairs (the paper counts 1110), not to be compared' in markdown(tables)
    assert summarise(results, [], tables)['sets'][0]['partial'] is True


def test_a_set_of_ones_own_has_a_table_of_its_own():
    published, own = make_tables([result('folders', 3, 3), result('realblur_j', 3, 3)], {})
    assert published.columns == ('method', 'RealBlur-J', 'RealBlur-R', 'convention')
    assert own.columns == ('method', 'folders', 'convention')
    assert [row[0] for row in own.rows] == [UNRESTORED, UNRESTORED, 'ours', 'ours']


def test_images_that_could_not_be_aligned_are_counted():
    measured = result('folders', 3, 3)
    measured.images[0].scores['ours']['rgb'] = None
    assert mean(measured.images, 'ours', 'rgb') == (21.5, 0.5, 2)
    (table,) = make_tables([measured], {})
    assert ('ours', '21.50 / 0.500 (1 left out)', 'rgb') in table.rows
    for image in measured.images:
        image.scores['ours']['rgb'] = None
    assert mean(measured.images, 'ours', 'rgb') is None


def test_tables_print_without_markup_surprises():
    console = Console(file=io.StringIO(), width=110)
    results = [result('gopro', 3, 3, ['[b]ours']), result('rain800', 3, 3)]
    show(make_tables(results, {'[b]ours': 'from [runs/a]'}), console)
    printed = console.file.getvalue()
    assert '[b]ours: from [runs/a]' in printed
    assert '│ [b]ours ' in printed
    assert printed.count('Complex-wavelet') == 1


def test_weights_tell_their_whole_way():
    sets = [{'data': [{'name': 'GOPRO_Large'}]}, {'data': [{'name': 'Rain800'}]}]
    assert trained_on(sets[1]) == 'trained on Rain800'
    assert trained_on(sets[1] | {'started_from': sets[:1]}) == 'trained on GOPRO_Large, then on Rain800'
    assert trained_on({}) == ''
    assert System('ours', lambda name, image: image).origin() == 'origin not stated'


class Noise:
    """A pair with a constant error of ten grey levels."""

    def __init__(self, name):
        self.name = name

    def read(self):
        sharp = np.random.default_rng(int(self.name)).integers(0, 240, (24, 32, 3), dtype=np.uint8)
        return sharp + 10, sharp


def test_scores_are_those_of_the_systems_that_restored():
    half = System('half', lambda name, image: image - 5)
    names = [f'{index}' for index in range(9)]
    images = list(score_pairs([Noise(name) for name in names], [half], ('rgb',)))
    assert [image.name for image in images] == names
    # 20 log10(255 / 10), and half the error is 6.02 dB more.
    assert mean(images, UNRESTORED, 'rgb').psnr_db == pytest.approx(28.1308, abs=1e-4)
    assert mean(images, 'half', 'rgb').psnr_db == pytest.approx(34.1514, abs=1e-4)
    assert images[0].size == (32, 24)


def test_an_image_that_cannot_be_aligned_has_no_score():
    flat = System('flat', lambda name, image: np.full_like(image, 90))
    (image,) = score_pairs([Noise('3')], [flat], ('rgb', 'rgb-aligned'))
    assert image.scores['flat']['rgb-aligned'] is None
    assert image.scores['flat']['rgb'] is not None
    assert image.scores[UNRESTORED]['rgb-aligned'] is not None


def test_an_image_that_cannot_be_compared_is_named():
    cropped = System('cropped', lambda name, image: image[:-1])
    with pytest.raises(InputError, match='test image 7'):
        list(score_pairs([Noise('7')], [cropped], ('rgb',)))


def test_a_limited_set_is_spread_over_the_whole():
    pairs = [Noise(f'{index}') for index in range(100)]
    whole = EvaluationSet('folders', 'own', '/data', 100, pairs, ('rgb',))
    assert whole.limited(None) is whole
    assert whole.limited(100) is whole
    assert [pair.name for pair in whole.limited(3).pairs] == ['0', '50', '99']
    assert whole.limited(3).available == 100


@pytest.mark.parametrize(
    ('names', 'files'),
    [
        (['a/000001', 'b/000001'], ['a/000001.png', 'b/000001.jpg']),
        (['a/000001', 'b/000001'], ['a_000001.png', 'b-000001.png']),
        (['a/000001', 'b/000002'], ['000001.png', '000002.png']),
        (['001', '002'], ['rain-001.png', 'rain-002.png']),
    ],
)
def test_images_of_other_systems_are_found_under_the_usual_names(tmp_path, names, files):

    pairs = [FilePair(name, tmp_path / f'rain-{name[-3:]}.png', tmp_path / 'sharp.png') for name in names]
    folder = tmp_path / 'theirs'
    for value, file in enumerate(files, start=1):
        path = folder / file
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), np.full((4, 4, 3), value, np.uint8))
    system = restored_by_others(folder, pairs)
    for value, pair in enumerate(pairs, start=1):
        assert abs(int(system.restore(pair.name, None).mean()) - value) <= 1
    (folder / files[0]).unlink()
    with pytest.raises(InputError, match=f'1 of 2 missing, first {names[0]}'):
        restored_by_others(folder, pairs)

"""Every published layout in small, right and wrong."""

import logging

import cv2
import numpy as np
import pytest

pytest.importorskip('pydantic', reason='the training environment is not set up')

from restore_node.common.errors import ConfigError, InputError
from training.config.data import DataConfig, PairsConfig, PhotographsConfig, SourceConfig
from training.data.layouts.registry import LAYOUTS, find_pairs, title_of


def scene(number, height=24, width=32):
    rng = np.random.default_rng(number)
    return cv2.resize(rng.integers(40, 200, (4, 5, 3), np.uint8), (width, height))


def rainy(image):
    streaks = np.zeros_like(image)
    streaks[:, ::4] = 50
    return image + streaks


def write(path, image):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(cv2.imencode(path.suffix, image[..., ::-1])[1].tobytes())


def make_gopro(root):
    for split, sequence in (('train', 'GOPR1'), ('train', 'GOPR2'), ('test', 'GOPR3')):
        for number in (1, 2):
            image = scene(number)
            write(root / split / sequence / 'sharp' / f'{number:06d}.png', image)
            write(root / split / sequence / 'blur' / f'{number:06d}.png', image + 10)
            write(root / split / sequence / 'blur_gamma' / f'{number:06d}.png', image + 20)


def make_realblur(root, kind='J'):
    for split, scenes in (('train', ('scene001', 'scene002')), ('test', ('scene003',))):
        lines = []
        for name in scenes:
            folder = f'RealBlur-{kind}_ECC_IMCORR_centroid_itensity_ref/{name}'
            write(root / folder / 'gt' / 'gt_1.png', scene(1))
            write(root / folder / 'blur' / 'blur_1.png', scene(1) + 10)
            lines.append(f'{folder}/gt/gt_1.png {folder}/blur/blur_1.png\n')
        (root / f'RealBlur_{kind}_{split}_list.txt').write_text(''.join(lines) + '\n')


def make_halves(root):
    for folder, numbers in (('training', (1, 2, 3)), ('test_syn', (4,)), ('test_nature', (5,))):
        for number in numbers:
            clean = scene(number)
            write(root / folder / f'{number}.png', np.concatenate((clean, rainy(clean)), axis=1))


def make_repack(root, **numbers):
    for split, there in (numbers or {'train': (1, 2, 3), 'test': (4,)}).items():
        for number in there:
            write(root / split / 'input' / f'{number}.png', rainy(scene(number)))
            write(root / split / 'target' / f'{number}.jpg', scene(number))


def make_numbered(root, train='train', test='test', digits=1):
    for folder, numbers in ((train, (1, 2, 3)), (test, (4,))):
        for number in numbers:
            write(root / folder / f'norain-{number:0{digits}d}.png', scene(number))
            write(root / folder / f'rain-{number:0{digits}d}.png', rainy(scene(number)))
            write(root / folder / f'rainstreak-{number:0{digits}d}.png', scene(0))


def make_prenet(root):
    make_numbered(root, 'RainTrainL', 'Rain100L', digits=3)
    (root / 'Rain100L' / 'rainy').mkdir()
    (root / 'Rain100L' / 'rain-004.png').rename(root / 'Rain100L' / 'rainy' / 'rain-004.png')


MADE = {
    'gopro': ('gopro', make_gopro),
    'realblur_j': ('realblur_j', make_realblur),
    'realblur_r': ('realblur_r', lambda root: make_realblur(root, 'R')),
    'rain800': ('rain800', make_halves),
    'rain800 repacked': ('rain800', make_repack),
    'rain100h': ('rain100h', make_numbered),
    'rain100h as archived': (
        'rain100h',
        lambda root: make_numbered(root, 'rain_data_train_Heavy', 'rain_data_test_Heavy'),
    ),
    'rain100h repacked': ('rain100h', make_repack),
    'rain100l of PReNet': ('rain100l', make_prenet),
}


@pytest.fixture(params=MADE, ids=lambda name: name.replace(' ', '_'))
def made(request, tmp_path):
    layout, make = MADE[request.param]
    root = tmp_path / 'the set'
    make(root)
    return PairsConfig(layout, str(root))


def test_pairs_are_found_in_order_and_read(made):
    splits = {split: find_pairs(made, split) for split in ('train', 'test')}
    assert len(splits['train']) > len(splits['test']) > 0
    names = [pair.name for pairs in splits.values() for pair in pairs]
    assert len(set(names)) == len(names)
    assert all('.' not in name for name in names)
    for pairs in splits.values():
        for pair in pairs:
            degraded, sharp = pair.read()
            assert degraded.shape == sharp.shape == (24, 32, 3)
            assert degraded.dtype == np.uint8
            # What every maker here does to an image makes it brighter.
            assert degraded.mean() > sharp.mean() + 5


def test_other_counts_than_the_published_are_a_warning(made, caplog):
    with caplog.at_level(logging.WARNING, 'training'):
        pairs = find_pairs(made, 'train')
    published = LAYOUTS[made.layout].published['train']
    assert f'{len(pairs)} pairs, {published} are published' in caplog.text
    assert title_of(made) in caplog.text


@pytest.mark.parametrize('place', ['above', 'inside', 'elsewhere', 'nowhere'])
def test_a_wrong_folder_is_explained(made, tmp_path, place):
    wrong = {
        'above': tmp_path,
        'inside': next(path for path in sorted(tmp_path.glob('the set/*')) if path.is_dir()),
        'elsewhere': tmp_path / 'empty',
        'nowhere': tmp_path / 'nowhere',
    }[place]
    (tmp_path / 'empty').mkdir()
    with pytest.raises(ConfigError) as caught:
        find_pairs(PairsConfig(made.layout, str(wrong)), 'test')
    message = str(caught.value)
    assert f'no test pairs of {LAYOUTS[made.layout].title}: got {wrong}' in message
    assert '{' not in message.replace('{blur,', '').replace('{input,', '')
    # Whoever reads this may have no configuration at all: `evaluate` takes a folder.
    assert 'data.pairs' not in message
    if place in ('above', 'inside'):
        assert message.endswith(f'name {tmp_path / "the set"}')


@pytest.mark.parametrize(
    ('asked', 'there'), [('gopro', make_repack), ('rain100h', make_gopro), ('realblur_r', make_realblur)]
)
def test_another_set_is_not_taken_for_the_asked_one(tmp_path, asked, there):
    there(tmp_path)
    with pytest.raises(ConfigError, match=f'no train pairs of {LAYOUTS[asked].title}'):
        find_pairs(PairsConfig(asked, str(tmp_path)), 'train')


def test_gopro_gives_the_asked_response(tmp_path):
    make_gopro(tmp_path)
    difference = {}
    for variant in ('blur', 'blur_gamma'):
        config = PairsConfig('gopro', str(tmp_path), variant=variant)
        assert title_of(config) == f'GOPRO_Large ({variant})'
        pair = find_pairs(config, 'test')[0]
        assert pair.name == 'GOPR3/000001'
        degraded, sharp = pair.read()
        difference[variant] = int(degraded[0, 0, 0]) - int(sharp[0, 0, 0])
    assert difference == {'blur': 10, 'blur_gamma': 20}


def test_gopro_without_the_asked_response_says_what_is_there(tmp_path):
    make_gopro(tmp_path)
    for path in tmp_path.glob('test/*/blur_gamma'):
        path.rename(path.with_name('masks'))
    with pytest.raises(ConfigError, match=r'no folder blur_gamma: got .*blur/, masks/, sharp/.*variant'):
        find_pairs(PairsConfig('gopro', str(tmp_path), variant='blur_gamma'), 'test')


@pytest.mark.parametrize(
    ('layout', 'make', 'lost'),
    [
        ('gopro', make_gopro, 'train/GOPR1/sharp/000002.png'),
        ('rain800', make_repack, 'train/input/2.png'),
        ('rain100h', make_numbered, 'train/rain-2.png'),
    ],
)
def test_an_image_without_its_partner_is_named(tmp_path, layout, make, lost):
    make(tmp_path)
    (tmp_path / lost).unlink()
    with pytest.raises(ConfigError, match=r'without a partner: got 1, first .*2\.(png|jpg)'):
        find_pairs(PairsConfig(layout, str(tmp_path)), 'train')


def test_files_that_a_list_names_must_be_there(tmp_path):
    make_realblur(tmp_path)
    next(tmp_path.glob('*/scene002/blur/blur_1.png')).unlink()
    with pytest.raises(ConfigError, match=r'missing: got 1 of 4, first .*scene002/blur/blur_1\.png'):
        find_pairs(PairsConfig('realblur_j', str(tmp_path)), 'train')
    assert [pair.name for pair in find_pairs(PairsConfig('realblur_j', str(tmp_path)), 'test')] == [
        'scene003/blur_1'
    ]
    (tmp_path / 'RealBlur_J_test_list.txt').write_text('only_one.png\n')
    with pytest.raises(ConfigError, match=r'test_list\.txt, line 1: got only_one\.png'):
        find_pairs(PairsConfig('realblur_j', str(tmp_path)), 'test')


def test_pairs_of_unequal_size_are_counted(tmp_path):
    make_gopro(tmp_path)
    write(tmp_path / 'train/GOPR2/sharp/000001.png', scene(1, 20, 32))
    with pytest.raises(ConfigError, match='got 1 of 4, first GOPR2/000001: 32x24 degraded, 32x20 sharp'):
        find_pairs(PairsConfig('gopro', str(tmp_path)), 'train')
    # Formats whose headers are not looked at show it when they are read.
    make_gopro(tmp_path)
    (tmp_path / 'train/GOPR2/sharp/000001.png').unlink()
    write(tmp_path / 'train/GOPR2/sharp/000001.bmp', scene(1, 20, 32))
    pair = next(
        pair for pair in find_pairs(PairsConfig('gopro', str(tmp_path)), 'train') if 'GOPR2' in pair.name
    )
    with pytest.raises(InputError, match='32x24 and 32x20'):
        pair.read()


def test_images_that_are_no_halves_of_one_scene_are_refused(tmp_path):
    for number in range(5):
        write(tmp_path / 'train' / f'{number}.png', scene(number, 24, 64))
    with pytest.raises(ConfigError, match='no pairs side by side: got halves that correlate by'):
        find_pairs(PairsConfig('rain800', str(tmp_path)), 'train')


def test_halves_the_wrong_way_round_are_a_warning(tmp_path, caplog):
    for number in range(3):
        clean = scene(number)
        write(tmp_path / 'train' / f'{number}.png', np.concatenate((rainy(clean), clean), axis=1))
    with caplog.at_level(logging.WARNING, 'training'):
        find_pairs(PairsConfig('rain800', str(tmp_path)), 'train')
    assert 'left halves look rainier' in caplog.text


def test_numbers_that_occur_twice_are_refused(tmp_path):
    make_numbered(tmp_path)
    write(tmp_path / 'train' / 'more' / 'rain-01.png', scene(1))
    with pytest.raises(ConfigError, match=r'two images of number 001: got .*rain-'):
        find_pairs(PairsConfig('rain100h', str(tmp_path)), 'train')


def test_folders_of_ones_own(tmp_path):
    for name in ('b/2', 'a'):
        write(tmp_path / 'rain' / f'{name}.png', rainy(scene(1)))
        write(tmp_path / 'dry' / f'{name}.jpg', scene(1))
    config = PairsConfig('folders', str(tmp_path), degraded='rain', sharp='dry')
    assert [pair.name for pair in find_pairs(config, 'train')] == ['a', 'b/2']
    with pytest.raises(ConfigError, match='want the folders degraded and sharp'):
        find_pairs(PairsConfig('folders', str(tmp_path)), 'train')
    write(tmp_path / 'rain' / 'a.jpg', scene(1))
    with pytest.raises(ConfigError, match=r'two images a: got a\.jpg and a\.png'):
        find_pairs(config, 'train')


def test_impossible_data_configs_are_refused():
    with pytest.raises(ValueError, match='variant is blur_gamma'):
        PairsConfig('rain800', '/data', variant='blur_gamma')
    with pytest.raises(ValueError, match='both held_out and held_out_scenes'):
        PairsConfig('rain800', '/data', held_out=('1*',), held_out_scenes=0.1)
    with pytest.raises(ValueError, match='mine has nothing, want one of photographs, sequences and pairs'):
        SourceConfig('mine')
    both = {'pairs': PairsConfig('gopro', '/data'), 'photographs': PhotographsConfig(('a',))}
    with pytest.raises(ValueError, match='mine has photographs and pairs, want one of'):
        SourceConfig('mine', **both)
    source = SourceConfig('mine', photographs=both['photographs'])
    with pytest.raises(ValueError, match='sources has mine twice'):
        DataConfig((source, source))

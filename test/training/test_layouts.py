"""Every published layout in small, right and wrong."""

import logging

import cv2
import numpy as np
import pytest

from restore_node.common.errors import ConfigError, InputError
from training.config.data import DataConfig, PairsConfig, PhotographsConfig, SourceConfig
from training.data.checking import look_at_headers
from training.data.layouts.named_pairs import FilePair
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


def make_later_rain100(root):
    """As the later release names it: the rainy image under the clean one's name."""
    for split, numbers in (('train', (1, 2, 3)), ('test', (4,))):
        folder = root / f'rain_data_{split}_Light'
        for number in numbers:
            write(folder / 'norain' / f'norain-{number}.png', scene(number))
            scale = 'rain/X2' if split == 'test' else 'rain'
            write(folder / scale / f'norain-{number}x2.png', rainy(scene(number)))


def make_windows_realblur(root):
    make_realblur(root)
    for path in root.glob('*.txt'):
        windows = path.read_text().replace('/', '\\').replace('\n', '\r\n')
        path.write_bytes(b'\xef\xbb\xbf' + windows.encode())


def make_gopro_repack(root, degraded='input', sharp='target'):
    for split, numbers in (('train', (1, 2)), ('test', (3,))):
        for number in numbers:
            name = f'GOPR0372_07_00-{number:06d}.png'
            write(root / split / sharp / name, scene(number))
            write(root / split / degraded / name, scene(number) + 10)


def make_rain1400(root):
    for folder, numbers in (('training', (1, 2)), ('testing', (901,))):
        for number in numbers:
            write(root / folder / 'ground_truth' / f'{number}.jpg', scene(number))
            for kind in range(1, 15):
                write(root / folder / 'rainy_image' / f'{number}_{kind}.jpg', rainy(scene(number)))


def make_did_mdn(root, swapped=False):
    def both(number):
        clean = scene(number)
        return np.concatenate((clean, rainy(clean))[:: -1 if swapped else 1], axis=1)

    for density in ('Heavy', 'Medium', 'Light'):
        write(root / 'DID-MDN-training' / f'Rain_{density}' / 'train2018new' / '0.jpg', both(1))
    write(root / 'DID-MDN-test' / '0.jpg', both(2))


def make_spa(root):
    lines = []
    for number in (1, 2):
        name = f'{number:03d}/{number:03d}-1/{number:03d}-1_3_7.png'
        write(root / 'real_world' / name, rainy(scene(number)))
        write(root / 'real_world_gt' / name, scene(number))
        lines.append(f'/real_world/{name} /real_world_gt/{name}\n')
    (root / 'real_world.txt').write_text(''.join(lines))
    write(root / 'real_test_1000' / 'rain' / '000.png', rainy(scene(3)))
    write(root / 'real_test_1000' / 'gt' / '000gt.png', scene(3))


def make_raindrop(root):
    for folder, numbers in (('train', (0, 1)), ('test_a', (0,)), ('test_b', (0,))):
        for number in numbers:
            suffix = 'jpg' if folder == 'test_b' else 'png'
            write(root / folder / 'data' / f'{number}_rain.{suffix}', rainy(scene(number)))
            write(root / folder / 'gt' / f'{number}_clean.{suffix}', scene(number))


def make_reds(root, inside=''):
    for split, sequences in (('train', ('000', '001')), ('val', ('000',))):
        for sequence in sequences:
            for number in (0, 1)[: 2 if split == 'train' else 1]:
                place = root / (split if inside else '')
                write(place / f'{split}_sharp' / sequence / f'{number:08d}.png', scene(number))
                write(place / f'{split}_blur' / sequence / f'{number:08d}.png', scene(number) + 10)


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
    'rain100l of the later release': ('rain100l', make_later_rain100),
    'realblur_j through Windows': ('realblur_j', make_windows_realblur),
    'gopro of MPRNet': ('gopro', make_gopro_repack),
    'gopro of BasicSR': ('gopro', lambda root: make_gopro_repack(root, 'blur', 'sharp')),
    'gopro of NAFNet': ('gopro', lambda root: make_gopro_repack(root, 'blur_crops', 'sharp_crops')),
    'rain1400': ('rain1400', make_rain1400),
    'did_mdn': ('did_mdn', make_did_mdn),
    'did_mdn the other way round': ('did_mdn', lambda root: make_did_mdn(root, swapped=True)),
    'did_mdn repacked': ('did_mdn', make_repack),
    'spa': ('spa', make_spa),
    'raindrop': ('raindrop', make_raindrop),
    'reds': ('reds', make_reds),
    'reds as unpacked': ('reds', lambda root: make_reds(root, 'inside')),
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
    for pairs in splits.values():
        names = [pair.name for pair in pairs]
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
    published = LAYOUTS[made.layout].published.get('train')
    if published is None:
        return
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
    (problem,) = look_at_headers(find_pairs(PairsConfig('gopro', str(tmp_path)), 'train'))
    assert str(problem) == 'GOPR2/000001: is 32x24 and 32x20, want one size within a pair'
    sequence = tmp_path / 'train' / 'GOPR2'
    pair = FilePair('1', sequence / 'blur' / '000001.png', sequence / 'sharp' / '000001.png')
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


def test_fourteen_rains_share_a_truth(tmp_path):
    make_rain1400(tmp_path)
    pairs = find_pairs(PairsConfig('rain1400', str(tmp_path)), 'train')
    assert [pair.name for pair in pairs][:2] == ['1_1', '1_10']
    assert len({pair.sharp for pair in pairs}) == 2
    (tmp_path / 'training' / 'ground_truth' / '2.jpg').unlink()
    with pytest.raises(ConfigError, match=r'without a partner: got 14, first rainy_image/2_1\.jpg'):
        find_pairs(PairsConfig('rain1400', str(tmp_path)), 'train')


def test_a_repack_of_gopro_has_one_response_only(tmp_path):
    make_gopro_repack(tmp_path)
    with pytest.raises(ConfigError, match=r'is a repack of GOPRO_Large: got .*input/, target/.*blur_gamma'):
        find_pairs(PairsConfig('gopro', str(tmp_path), variant='blur_gamma'), 'train')


def test_names_that_differ_by_their_endings(tmp_path):
    for name in ('a', 'b-2'):
        write(tmp_path / f'{name}_rain.png', rainy(scene(1)))
        write(tmp_path / f'{name}_norain.jpg', scene(1))
    write(tmp_path / 'mask.png', scene(2))
    config = PairsConfig('suffixes', str(tmp_path), degraded='rain', sharp='norain')
    assert [pair.name for pair in find_pairs(config, 'train')] == ['a', 'b-2']
    write(tmp_path / 'sub' / 'a-rain.png', scene(1))
    with pytest.raises(ConfigError, match=r'two images a that end in rain: got .*a-rain\.png'):
        find_pairs(config, 'train')
    (tmp_path / 'sub' / 'a-rain.png').unlink()
    (tmp_path / 'a_norain.jpg').unlink()
    with pytest.raises(ConfigError, match=r'without a partner: got 1, first a_rain\.png'):
        find_pairs(config, 'train')


def test_a_folder_called_like_an_image_is_none(tmp_path):
    make_halves(tmp_path)
    (tmp_path / 'training' / '7.png').mkdir()
    assert [pair.name for pair in find_pairs(PairsConfig('rain800', str(tmp_path)), 'train')] == [
        '1',
        '2',
        '3',
    ]

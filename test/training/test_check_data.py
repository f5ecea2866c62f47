"""All that can be wrong with images on disk, found before a training begins, by one set of rules."""

from io import BytesIO

import cv2
import numpy as np
import pytest
import yaml
from PIL import Image
from scenery import write_pairs

from restore_node.common.errors import ConfigError, InputError
from restore_node.common.image_files import read_rgb
from training.commands import check_data
from training.config.run import load_config, parse_config
from training.data.checking import ignored_under, look_at_headers, look_at_pixels, read_header
from training.data.feed import open_feed
from training.data.layouts.named_pairs import FilePair
from training.data.stored import Extent


def picture(height=80, width=96, seed=0):
    small = np.random.default_rng(seed).integers(0, 256, (6, 7, 3), np.uint8)
    return cv2.resize(small, (width, height))


def encoded(image, suffix='.png'):
    return cv2.imencode(suffix, image)[1].tobytes()


def turned_jpeg(image, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    file = BytesIO()
    Image.fromarray(image).save(file, 'jpeg', exif=exif)
    return file.getvalue()


@pytest.fixture
def photographs(tmp_path):
    folder = tmp_path / 'photographs'
    (folder / 'drive').mkdir(parents=True)
    for number in range(6):
        (folder / f'{number}.png').write_bytes(encoded(picture(seed=number)))
    (folder / 'drive' / 'held.jpg').write_bytes(encoded(picture(seed=9), '.jpg'))
    return folder


@pytest.fixture
def config(photographs, write_config):
    return write_config(data={'roots': [str(photographs)], 'held_out': ['drive/*'], 'crop_px': 64})


def lines(capsys):
    return capsys.readouterr().out.splitlines()


@pytest.mark.parametrize('orientation', [1, 3, 6, 8])
def test_the_header_says_the_size_that_is_read(tmp_path, orientation):
    path = tmp_path / 'phone.jpg'
    path.write_bytes(turned_jpeg(picture(), orientation))
    assert read_header(Extent(path)).size == read_rgb(path).shape[:2]


@pytest.mark.parametrize('suffix', ['.png', '.jpg', '.bmp', '.tif', '.webp'])
def test_every_format_states_its_size_and_where_it_ends(tmp_path, suffix):
    def header_of(data, offset=0, length=None):
        (tmp_path / 'file').write_bytes(data)
        return read_header(Extent(tmp_path / 'file', offset, length))

    whole = encoded(picture(), suffix)
    header = header_of(whole)
    assert header.size == (80, 96)
    assert not header.ends_early
    assert header_of(b'tar' + whole + b'tar', 3, len(whole)) == header
    if suffix in ('.png', '.jpg'):
        assert header_of(whole[:-40]).ends_early
        # Cameras may write something behind the picture.
        assert not header_of(whole + b'\0' * 100).ends_early
    with pytest.raises(InputError, match='file is not an image'):
        header_of(b'no image')


def test_pairs_that_are_turned_alike_are_pairs_and_others_are_not(tmp_path):
    upright, turned = tmp_path / 'a.jpg', tmp_path / 'b.jpg'
    upright.write_bytes(turned_jpeg(picture(), 1))
    turned.write_bytes(turned_jpeg(picture(), 6))
    alike = tmp_path / 'c.png'
    alike.write_bytes(encoded(picture(96, 80)))
    wrong, right = FilePair('wrong', upright, turned), FilePair('right', turned, alike)
    (problem,) = look_at_headers([wrong, right])
    assert str(problem) == 'wrong: is 96x80 and 80x96, want one size within a pair'
    assert look_at_pixels([right]) == []


def test_what_is_right_is_said_to_be(config, capsys):
    assert check_data.main([config]) == 0
    assert lines(capsys)[-1] == 'nothing wrong, by their headers'
    assert check_data.main([config, '--full']) == 0
    assert lines(capsys)[-1] == 'nothing wrong'


def test_all_that_is_wrong_is_said_at_once(config, photographs, capsys):
    whole = (photographs / '1.png').read_bytes()
    (photographs / '1.png').write_bytes(whole[: len(whole) // 2])
    (photographs / '2.png').write_bytes(b'<html>404</html>')
    (photographs / '3.png').write_bytes(b'')
    (photographs / '001.png').mkdir()
    (photographs / '.ipynb_checkpoints').mkdir()
    (photographs / '.ipynb_checkpoints' / '0.png').write_bytes(whole)
    (photographs / 'notes.txt').touch()
    (photographs / 'lost.png').symlink_to(photographs / 'nowhere.png')
    assert check_data.main([config]) == 1
    said = lines(capsys)
    assert [line for line in said if line.startswith('photographs: ')] == said[-4:-1]
    assert '1.png: is cut off' in said[-4]
    assert '2.png is not an image' in said[-3]
    assert '3.png is not an image' in said[-2]
    assert said[-1] == '3 wrong, by their headers'
    assert dict(ignored_under(photographs)) == {
        'folders called like images': 1,
        'files that are no images': 1,
        'hidden images': 1,
        'links to nowhere': 1,
    }
    assert any('1 hidden images' in line for line in said)


def test_pixels_that_headers_do_not_show_are_found_by_decoding(config, photographs, capsys):
    whole = bytearray((photographs / '1.png').read_bytes())
    whole[60 : len(whole) - 20] = bytes(len(whole) - 80)
    (photographs / '1.png').write_bytes(whole)
    assert check_data.main([config]) == 0
    assert check_data.main([config, '--full']) == 1
    assert '1.png is not an image' in capsys.readouterr().out


def test_what_is_trained_on_and_held_out_is_named(config, photographs, capsys):
    (photographs / 'drive' / 'again.png').write_bytes((photographs / '4.png').read_bytes())
    assert check_data.main([config]) == 1
    twins = 'trained on and measured on at once: photographs/4.png = photographs/drive/again.png'
    assert twins in capsys.readouterr().out


def test_a_source_that_is_not_there_does_not_hide_the_others(write_config, photographs, capsys):
    (photographs / '2.png').write_bytes(b'')
    sources = [
        {'name': 'gone', 'pairs': {'layout': 'gopro', 'root': str(photographs)}},
        {'name': 'mine', 'photographs': {'roots': [str(photographs)], 'held_out': ['drive/*']}},
    ]
    assert check_data.main([write_config(data={'crop_px': 64, 'sources': sources})]) == 1
    said = lines(capsys)
    assert said[-3].startswith('gone: no train pairs of GOPRO_Large')
    assert said[-2].startswith('mine: 2.png')


def test_a_training_refuses_broken_images_at_its_start_or_leaves_them_out(config, photographs, caplog):
    (photographs / '2.png').write_bytes(b'')
    with pytest.raises(ConfigError, match=r'images that cannot be used: got 1, first 2\.png: .*skip_broken'):
        open_feed(load_config(config, []))
    files = open_feed(load_config(config, ['data.skip_broken=true'])).files()
    assert not any('2.png' in line for line in files)
    assert len(files) == 6
    assert 'leaves out 2.png' in caplog.text
    for path in photographs.glob('*.png'):
        path.write_bytes(b'')
    with pytest.raises(ConfigError, match='no images left'):
        open_feed(load_config(config, ['data.skip_broken=true']))


def test_a_bad_frame_takes_the_exposures_it_is_part_of_with_it(tmp_path, run_values):
    folder = tmp_path / 'drives'
    for drive in ('a', 'b'):
        (folder / drive).mkdir(parents=True)
        for number in range(90):
            (folder / drive / f'{number:03d}.png').write_bytes(encoded(picture(64, 64)))
    (folder / 'a' / '070.png').write_bytes(b'')
    drives = {'name': 'drives', 'sequences': {'roots': [str(folder)], 'held_out': ['b/*']}}
    data = {'sources': [drives], 'crop_px': 64, 'skip_broken': True}
    files = open_feed(parse_config(run_values | {'data': data}, 'test')).files()
    begins = [int(line.split('.png')[0][-3:]) for line in files if '\ttrain\t' in line]
    assert begins == [*range(6), *range(71, 88)]


def test_validation_sets_of_their_own_are_looked_at_like_sources(config, photographs, tmp_path, capsys):
    pairs = {3: (picture(seed=11), picture(seed=8)), 7: (picture(seed=15), picture(seed=12))}
    write_pairs(tmp_path / 'pairs', pairs)
    (tmp_path / 'pairs/sharp/3.png').write_bytes((photographs / '3.png').read_bytes())
    real = {'layout': 'folders', 'root': str(tmp_path / 'pairs')}
    sets = yaml.safe_dump([{'name': 'real', 'pairs': real}], default_flow_style=True).strip()
    assert check_data.main([config, f'validation.sets={sets}']) == 1
    said = lines(capsys)
    assert 'trained on and measured on at once: photographs/3.png = validation/real/3' in said
    assert any('validation/real' in line and ' 2 ' in line for line in said)
    (tmp_path / 'pairs/degraded/7.png').write_bytes(b'no image')
    assert check_data.main([config, f'validation.sets={sets}']) == 1
    assert any(line.startswith('validation/real: ') and '7.png' in line for line in lines(capsys))

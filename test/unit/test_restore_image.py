"""restore_image: files, folders and videos; formats, sizes and refusals."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from restore_node.tools import restore_image

CHANGE = 10  # grey levels that the test model adds


def run(*arguments: object) -> int:
    with pytest.raises(SystemExit) as ended:
        restore_image.main([str(argument) for argument in arguments])
    return int(ended.value.code or 0)


def picture(height: int, width: int, *channels: int, dtype: type = np.uint8) -> np.ndarray:
    scale = 200 if dtype is np.uint8 else 200 * 257
    return np.random.default_rng(3).integers(0, scale, (height, width, *channels)).astype(dtype)


@pytest.fixture
def model(make_model) -> Path:
    return make_model(offset=float(CHANGE), size_multiple=16)


@pytest.mark.parametrize('size', [(1, 1), (17, 33), (48, 64)])
def test_a_file_of_any_size(model, tmp_path, size, capsys):
    source = picture(*size, 3)
    cv2.imwrite(str(tmp_path / 'in.png'), source)
    assert run(tmp_path / 'in.png', tmp_path / 'out.png', '--model', model) == 0
    assert np.array_equal(cv2.imread(str(tmp_path / 'out.png')), source + CHANGE)
    assert '1 images restored' in capsys.readouterr().out


def test_a_file_into_a_folder(model, tmp_path):
    cv2.imwrite(str(tmp_path / 'in.png'), picture(16, 16, 3))
    assert run(tmp_path / 'in.png', tmp_path / 'out', '--model', model) == 0
    assert (tmp_path / 'out' / 'in.png').is_file()


def test_gray_stays_gray_and_alpha_stays(model, tmp_path):
    gray, alpha = picture(20, 20), picture(20, 20, 4)
    cv2.imwrite(str(tmp_path / 'gray.png'), gray)
    cv2.imwrite(str(tmp_path / 'alpha.png'), alpha)
    assert run(tmp_path / 'gray.png', tmp_path / 'out' / 'gray.png', '--model', model) == 0
    assert run(tmp_path / 'alpha.png', tmp_path / 'out' / 'alpha.png', '--model', model) == 0
    assert np.array_equal(cv2.imread(str(tmp_path / 'out/gray.png'), cv2.IMREAD_UNCHANGED), gray + CHANGE)
    restored = cv2.imread(str(tmp_path / 'out/alpha.png'), cv2.IMREAD_UNCHANGED)
    assert np.array_equal(restored[..., :3], alpha[..., :3] + CHANGE)
    assert np.array_equal(restored[..., 3], alpha[..., 3])


def test_sixteen_bits_keep_their_depth(model, tmp_path):
    deep = picture(18, 22, 3, dtype=np.uint16)
    cv2.imwrite(str(tmp_path / 'in.png'), deep)
    assert run(tmp_path / 'in.png', tmp_path / 'out.png', '--model', model) == 0
    restored = cv2.imread(str(tmp_path / 'out.png'), cv2.IMREAD_UNCHANGED)
    assert np.array_equal(restored, deep + CHANGE * 257)


def test_a_turned_photograph_is_turned_upright(model, tmp_path):
    jpeg = cv2.imencode('.jpg', picture(16, 32, 3))[1].tobytes()
    # EXIF with the one entry "orientation: 6", as cameras held upright write it.
    exif = b'Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0'
    (tmp_path / 'in.jpg').write_bytes(
        jpeg[:2] + b'\xff\xe1' + (len(exif) + 2).to_bytes(2, 'big') + exif + jpeg[2:]
    )
    assert run(tmp_path / 'in.jpg', tmp_path / 'out.png', '--model', model) == 0
    assert cv2.imread(str(tmp_path / 'out.png')).shape == (32, 16, 3)


def test_a_folder_keeps_its_names_and_copies_what_is_broken(model, tmp_path, capsys):
    (tmp_path / 'in' / 'deep').mkdir(parents=True)
    for name in ('a.png', 'deep/b.png', 'deep/C.JPG'):
        cv2.imwrite(str(tmp_path / 'in' / name), picture(30, 40, 3))
    (tmp_path / 'in' / 'broken.png').write_bytes(b'no image')
    (tmp_path / 'in' / 'notes.txt').write_text('left behind')
    assert run(tmp_path / 'in', tmp_path / 'out', '--model', model) == 0
    made = sorted(str(path.relative_to(tmp_path / 'out')) for path in (tmp_path / 'out').rglob('*.*'))
    assert made == ['a.png', 'broken.png', 'deep/C.JPG', 'deep/b.png']
    assert (tmp_path / 'out' / 'broken.png').read_bytes() == b'no image'
    said = capsys.readouterr()
    assert '3 images restored' in said.out
    assert 'broken.png' in said.err


def test_a_video(model, tmp_path):
    writer = cv2.VideoWriter(str(tmp_path / 'in.mp4'), cv2.VideoWriter.fourcc(*'mp4v'), 12.5, (64, 48))
    for value in (60, 100, 140):
        writer.write(np.full((48, 64, 3), value, np.uint8))
    writer.release()
    assert run(tmp_path / 'in.mp4', tmp_path / 'out.mp4', '--model', model) == 0
    assert cv2.VideoCapture(str(tmp_path / 'out.mp4')).get(cv2.CAP_PROP_FPS) == 12.5
    # MPEG-4 costs a few levels each time.
    assert levels(tmp_path / 'out.mp4') == pytest.approx(levels(tmp_path / 'in.mp4') + CHANGE, abs=6)


def levels(path: Path) -> np.ndarray:
    """Mean level of each frame of a video of 64x48."""
    video, means = cv2.VideoCapture(str(path)), []
    while (frame := video.read()[1]) is not None:
        assert frame.shape == (48, 64, 3)
        means.append(frame.mean())
    assert len(means) == 3
    return np.array(means)


def text_file(folder: Path) -> Path:
    (folder / 'in.png').write_text('this is no image')
    return folder / 'in.png'


def empty_file(folder: Path) -> Path:
    (folder / 'in.png').write_bytes(b'')
    return folder / 'in.png'


def cut_short(folder: Path) -> Path:
    data = cv2.imencode('.jpg', picture(200, 200, 3))[1].tobytes()
    (folder / 'in.jpg').write_bytes(data[: len(data) // 2])
    return folder / 'in.jpg'


def empty_folder(folder: Path) -> Path:
    (folder / 'in').mkdir()
    return folder / 'in'


def broken_video(folder: Path) -> Path:
    (folder / 'in.mp4').write_bytes(b'this is no video' * 99)
    return folder / 'in.mp4'


def float_image(folder: Path) -> Path:
    cv2.imwrite(str(folder / 'in.tiff'), np.zeros((16, 16, 3), np.float32))
    return folder / 'in.tiff'


def without_its_end(folder: Path) -> Path:
    """Older OpenCVs make up what is missing."""
    (folder / 'in.jpg').write_bytes(cv2.imencode('.jpg', picture(200, 200, 3))[1].tobytes()[:-2])
    return folder / 'in.jpg'


def bomb(folder: Path) -> Path:
    """A webp of a hundred bytes that claims 16 million pixels a side."""
    canvas = b'RIFF' + (22).to_bytes(4, 'little') + b'WEBPVP8X' + (10).to_bytes(4, 'little') + bytes(4)
    (folder / 'in.webp').write_bytes(canvas + b'\xff' * 6 + bytes(70))
    return folder / 'in.webp'


@pytest.mark.parametrize(
    'source',
    [text_file, empty_file, cut_short, without_its_end, bomb, empty_folder, broken_video, float_image],
)
@pytest.mark.parametrize('out', ['out.png', 'out.mp4', 'out'])
def test_bad_input_is_one_line_and_leaves_nothing(model, tmp_path, capfd, source, out):
    path = source(tmp_path)
    before = sorted(tmp_path.rglob('*'))
    assert run(path, tmp_path / out, '--model', model) == 2
    assert 'error: ' in capfd.readouterr().err
    assert [found for found in sorted(tmp_path.rglob('*')) if found not in before] in ([], [tmp_path / 'out'])
    assert not list(tmp_path.glob('out/*'))


@pytest.mark.parametrize(
    ('out', 'fault'), [('taken.png', 'exists already'), ('out.xyz', r'.xyz'), ('out.mp4', '.mp4')]
)
def test_outputs_that_cannot_be(model, tmp_path, capsys, out, fault):
    cv2.imwrite(str(tmp_path / 'in.png'), picture(16, 16, 3))
    (tmp_path / 'taken.png').write_bytes(b'precious')
    assert run(tmp_path / 'in.png', tmp_path / out, '--model', model) == 2
    assert fault in capsys.readouterr().err
    assert (tmp_path / 'taken.png').read_bytes() == b'precious'
    assert not (tmp_path / 'out.mp4').exists()


def test_an_output_inside_its_own_input(model, tmp_path, capsys):
    cv2.imwrite(str(tmp_path / 'in.png'), picture(16, 16, 3))
    assert run(tmp_path, tmp_path / 'out', '--model', model) == 2
    assert 'inside' in capsys.readouterr().err


def test_nothing_there(model, tmp_path, capsys):
    assert run(tmp_path / 'gone.png', tmp_path / 'out.png', '--model', model) == 2
    assert 'gone.png' in capsys.readouterr().err

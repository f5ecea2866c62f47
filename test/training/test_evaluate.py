"""The command, end to end."""

import csv
import errno
import json
import os
import signal
from contextlib import nullcontext

import cv2
import numpy as np
import pytest
from scenery import write_pairs
from skimage.data import astronaut
from workbench import save_checkpoint

from restore_node.backends.onnxruntime import OnnxRuntimeBackend
from restore_node.messages.frame import Frame, Header
from restore_node.model import load_model
from restore_node.runtime.restore import restore_frame
from training.commands import evaluate
from training.commands.evaluate import main
from training.evaluation.conventions import CONVENTIONS, PLAIN
from training.evaluation.systems import System
from training.networks.registry import build

PSNR_OF_TEN = 28.1308
"""Of an error of ten grey levels everywhere: 20 log10(255 / 10)."""


def write(path, image):
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), image)


def folders(root, **pairs):
    """Write degraded and sharp images, by their names, and return the options that name their folders."""
    write_pairs(root, pairs)
    return ['--degraded', str(root / 'degraded'), '--truth', str(root / 'sharp')]


def sharp(seed, height=45, width=59):
    """A smooth picture of its own for each seed, nowhere near white."""
    coarse = np.random.default_rng(seed).integers(20, 200, (6, 8, 3), dtype=np.uint8)
    return cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC).clip(10, 220)


@pytest.fixture
def untrained(run_values, tmp_path):
    """A checkpoint of a network that changes nothing yet, as all `lite` ones begin."""
    before = {'name': 'gopro', 'data': [{'name': 'GOPRO_Large', 'images': 2103, 'terms': 'CC BY 4.0'}]}
    data = [{'name': 'Rain800', 'images': 700, 'terms': 'not stated'}]
    values, path = run_values | {'name': 'rain800'}, tmp_path / 'checkpoint.pt'
    return save_checkpoint(path, values, build('lite'), data, started_from=[before])


@pytest.fixture
def published(tmp_path):
    """Two pairs of every published set, the degraded ones ten grey levels brighter, as `LAYOUT=FOLDER`."""
    root = tmp_path / 'sets'
    for index in (1, 2):
        truth = sharp(index)
        brighter = truth + 10
        for folder, image in (('sharp', truth), ('blur', brighter), ('blur_gamma', brighter)):
            write(root / f'gopro/test/GOPR{index}/{folder}/000001.png', image)
        write(root / f'rain800/test_syn/{index}.png', np.hstack((truth, brighter)))
        write(root / f'rain100h/rain_data_test_Heavy/norain-00{index}.png', truth)
        write(root / f'rain100h/rain_data_test_Heavy/rain-00{index}.png', brighter)
        write(root / f'rain100l/test/target/{index}.png', truth)
        write(root / f'rain100l/test/input/{index}.png', brighter)
        for kind in 'JR':
            scene = root / f'realblur/RealBlur-{kind}/scene00{index}'
            write(scene / 'gt/gt_1.png', truth)
            write(scene / 'blur/blur_1.png', brighter)
            with (root / f'realblur/RealBlur_{kind}_test_list.txt').open('a') as file:
                paths = [f'RealBlur-{kind}/scene00{index}/{side}/{side}_1.png' for side in ('gt', 'blur')]
                file.write(' '.join(paths) + '\n')
    folders = {'realblur_j': 'realblur', 'realblur_r': 'realblur'}
    names = ('gopro', 'realblur_j', 'realblur_r', 'rain800', 'rain100l', 'rain100h')
    return [f'--data={name}={root / folders.get(name, name)}' for name in names]


def summary(out):
    return json.loads((out / 'summary.json').read_text())


def test_an_identity_scores_what_one_computes_by_hand_on_every_published_set(published, untrained, tmp_path):
    out = tmp_path / 'out'
    assert main(['--model', str(untrained), *published, '--out', str(out), '--device', 'cpu']) == 0
    name = 'rain800 at step 9, trained on GOPRO_Large, then on Rain800'
    found = summary(out)
    assert found['systems'][name]['commit'] == 'c' * 40
    assert [entry['key'] for entry in found['sets']] == [option.split('=')[1] for option in published]
    for entry in found['sets']:
        assert (entry['images'], entry['partial']) == (2, False)
        means = entry['means'][name]
        assert means == entry['means']['unrestored input']
        assert means['rgb']['psnr_db'] == pytest.approx(PSNR_OF_TEN, abs=1e-4)
        assert means['rgb-volume']['psnr_db'] == pytest.approx(PSNR_OF_TEN, abs=1e-4)
        # Ten levels of RGB are 8.6 of luma, rounded to 8 or 9.
        assert 20 * np.log10(255 / 9) < means['luma']['psnr_db'] < 20 * np.log10(255 / 8)
        aligned = entry['key'].startswith('realblur')
        assert set(means) == set(CONVENTIONS if aligned else PLAIN)
        if aligned:
            assert means['rgb-aligned']['psnr_db'] > PSNR_OF_TEN + 3.0

    tables = (out / 'tables.md').read_text()
    titles = [line for line in tables.splitlines() if line.startswith('## ')]
    assert titles == [
        '## Table 2: Deblurring on GOPRO',
        '## Table 3: Deblurring on RealBlur',
        '## Table 4: Deraining',
    ]
    assert 'GOPRO_Large (blur)' in tables
    assert '| the paper, trained on Rain800 only | - | 26.21 / 0.865 | 18.30 / 0.476 | as printed |' in tables
    assert f'| {name} | 28.13' in tables
    with (out / 'images.csv').open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 2 * 2 * (4 * len(PLAIN) + 2 * len(CONVENTIONS))
    assert {'set': 'gopro', 'image': 'GOPR1/000001', 'width': '59', 'height': '45'}.items() <= rows[0].items()


def test_the_shipped_model_runs_on_any_size_and_a_partial_table_says_so(tmp_path, capsys):
    images = {str(index): sharp(index, *size) for index, size in enumerate([(41, 63), (50, 50), (33, 90)])}
    own = folders(tmp_path, **{name: (cv2.blur(image, (5, 5)), image) for name, image in images.items()})
    out = tmp_path / 'out'
    chosen = ['--limit', '2', '--conventions', 'rgb', 'luma', '--device', 'cpu', '--out', str(out)]
    assert main(['--model', 'restore-lite', *own, *chosen]) == 0
    printed = capsys.readouterr().out
    assert 'sharp (PARTIAL)' in printed
    assert 'PARTIAL: 2 of 3 pairs, not to be compared' in printed
    entry = summary(out)['sets'][0]
    assert set(entry['means']['restore-lite']) == {'rgb', 'luma'}
    assert entry['means']['restore-lite'] != entry['means']['unrestored input']
    assert 'BSDS500' in printed


def test_the_gate_publishes_and_saves_what_the_node_does(tmp_path):
    photograph = cv2.resize(astronaut()[..., ::-1], (256, 256), interpolation=cv2.INTER_AREA)
    own = folders(
        tmp_path,
        **{
            'drive/clean': (photograph, photograph),
            'drive/blurred': (cv2.blur(photograph, (1, 9)), photograph),
        },
    )
    out, save, found = tmp_path / 'out', tmp_path / 'saved', {}
    with OnnxRuntimeBackend(load_model('restore-lite'), device='cpu') as backend:
        for name in ('clean', 'blurred'):
            rgb = cv2.imread(str(tmp_path / f'degraded/drive/{name}.png'))[..., ::-1]
            restored = restore_frame(backend, Frame(rgb, 'rgb8', Header(0, 0, '')), 1.0)
            found[name] = rgb, restored.rgb.copy(), restored.score
    between = sum(score for *_, score in found.values()) / 2
    chosen = ['--gate', f'{between}', '--save', str(save), '--out', str(out), '--device', 'cpu']
    assert main(['--model', 'restore-lite', *own, *chosen]) == 0
    for name, (degraded, restored, score) in found.items():
        saved = cv2.imread(str(save / f'drive/{name}.png'))[..., ::-1]
        assert np.array_equal(saved, degraded if score < between else restored)
    (count,) = (n for system, n in summary(out)['sets'][0]['unchanged'].items() if 'gate' in system)
    assert count == 1
    assert 'left 1 of them as they were' in (out / 'tables.md').read_text()


def test_images_of_several_systems_and_sets_are_saved_apart(untrained, tmp_path):
    write(tmp_path / 'degraded/1.jpg', sharp(1))
    write(tmp_path / 'sharp/1.png', sharp(1))
    write(tmp_path / 'drive/2.jpg', sharp(2))
    own = ['--degraded', str(tmp_path / 'degraded'), '--truth', str(tmp_path / 'sharp')]
    models = ['--model', str(untrained), '--model', 'restore-lite', '--device', 'cpu']
    places = ['--save', str(tmp_path / 'saved'), '--out', str(tmp_path / 'out')]
    assert main([*models, *own, '--try', str(tmp_path / 'drive'), *places]) == 0
    files = sorted((tmp_path / 'saved').rglob('*.png'))
    saved = [path.relative_to(tmp_path / 'saved').as_posix().partition('/')[2] for path in files]
    assert saved == ['folders/1.png', 'try/2.jpg.png'] * 2


def test_lpips_stands_beside_the_other_scores(untrained, tmp_path, monkeypatch, refused):
    own = folders(tmp_path, one=(sharp(1) + 10, sharp(1)))
    chosen = ['--model', str(untrained), *own, '--lpips', 'alex', '--device', 'cpu']
    monkeypatch.setenv('TORCH_HOME', str(tmp_path))
    said = refused(main, *chosen, '--out', tmp_path / 'none')
    assert 'the weights of LPIPS with alex are missing' in said
    assert not (tmp_path / 'none').exists()

    def distance(restored, truth):
        return float(np.abs(restored.astype(int) - truth).mean()) / 100

    # The weights are not at hand: something else that tells images apart stands in their place.
    monkeypatch.setattr(evaluate, 'open_lpips', lambda network: distance)
    assert main([*chosen, '--out', str(tmp_path / 'out')]) == 0
    (entry,) = summary(tmp_path / 'out')['sets']
    assert list(entry['lpips'].values()) == [pytest.approx(0.1)] * 2
    tables = (tmp_path / 'out/tables.md').read_text()
    assert '| unrestored input | 0.1000 | LPIPS |' in tables
    assert 'Zhang et al. 2018, alex' in tables
    with (tmp_path / 'out/images.csv').open() as file:
        assert {row['lpips'] for row in csv.DictReader(file)} == {'0.10000'}


def test_an_evaluation_that_is_stopped_keeps_its_scores_and_says_so(tmp_path, capsys, monkeypatch):
    own = folders(tmp_path, **{f'{index:02d}': (sharp(index), sharp(index)) for index in range(12)})
    seen = []

    def restore(name, image):
        seen.append(name)
        if len(seen) == 8:
            signal.raise_signal(signal.SIGTERM)
        return image

    monkeypatch.setattr(evaluate, 'open_system', lambda *_: nullcontext(System('ours', restore)))
    monkeypatch.setattr(os, 'cpu_count', lambda: 2)
    assert main(['--model', 'm', *own, '--out', str(tmp_path / 'out')]) == 130
    printed = capsys.readouterr()
    assert 'PARTIAL: stopped' in printed.out
    assert printed.err == 'interrupted\n'
    entry = summary(tmp_path / 'out')['sets'][0]
    assert (entry['images'], entry['available'], entry['partial']) == (5, 12, True)
    assert 'PARTIAL: 5 of 12 pairs' in (tmp_path / 'out/tables.md').read_text()


@pytest.mark.parametrize(
    ('error', 'said'),
    [
        (OSError(errno.ENOSPC, 'No space left on device'), 'No space left'),
        (MemoryError(), 'memory ran out'),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory"), 'memory ran out'),
    ],
)
def test_a_full_disk_or_memory_is_one_line(tmp_path, refused, monkeypatch, error, said):
    def restore(name, image):
        raise error

    monkeypatch.setattr(evaluate, 'open_system', lambda *_: nullcontext(System('ours', restore)))
    own = folders(tmp_path, one=(sharp(1), sharp(1)))
    assert said in refused(main, '--model', 'm', *own, '--out', tmp_path / 'out')


def test_another_systems_images_are_scored_with_and_without_the_degraded_ones(published, tmp_path):
    theirs = tmp_path / 'their results'
    for index in (1, 2):
        write(theirs / f'GOPR{index}_000001.png', sharp(index) + 5)
    with_input, without = tmp_path / 'with', tmp_path / 'without'
    assert main(['--restored', str(theirs), published[0], '--out', str(with_input)]) == 0
    means = summary(with_input)['sets'][0]['means']
    assert means['unrestored input']['rgb']['psnr_db'] == pytest.approx(PSNR_OF_TEN, abs=1e-4)
    assert means['their results']['rgb']['psnr_db'] == pytest.approx(PSNR_OF_TEN + 6.0206, abs=1e-4)

    for index in (1, 2):
        write(tmp_path / f'truth/GOPR{index}_000001.png', sharp(index))
    assert main(['--restored', str(theirs), '--truth', str(tmp_path / 'truth'), '--out', str(without)]) == 0
    assert list(summary(without)['sets'][0]['means']) == ['their results']
    assert summary(without)['sets'][0]['means']['their results'] == means['their results']


def test_images_without_truth_come_back_side_by_side(untrained, tmp_path, capsys):
    image = sharp(7)
    write(tmp_path / 'drive/front/1.jpg', image)
    write(tmp_path / 'drive/2.png', image)
    out = tmp_path / 'out'
    assert main(['--model', str(untrained), '--try', str(tmp_path / 'drive'), '--out', str(out)]) == 0
    assert sorted(path.relative_to(out).as_posix() for path in out.rglob('*.*')) == [
        'try/2.png',
        'try/front/1.jpg.png',
    ]
    both = cv2.imread(str(out / 'try/2.png'))
    assert both.shape == (45, 59 + 8 + 59, 3)
    assert np.array_equal(both[:, :59], image)
    assert np.array_equal(both[:, 67:], image)


@pytest.mark.parametrize(
    ('arguments', 'reason'),
    [
        (['--data', 'nonesuch=/data'], 'gopro'),
        (['--data', 'gopro'], 'LAYOUT=FOLDER'),
        (['--data', 'gopro={tmp}/empty'], 'test/<sequence>'),
        (['--degraded', '{tmp}/nowhere', '--truth', '{tmp}/nowhere'], 'no folder'),
        (['--degraded', '{tmp}/a', '--truth', '{tmp}/b'], 'partner'),
        (['--degraded', '{tmp}/a', '--truth', '{tmp}/small'], 'unequal size'),
        (['--degraded', '{tmp}/a', '--truth', '{tmp}/a', '--out', '{tmp}/a'], 'exists already'),
        (['--degraded', '{tmp}/a', '--truth', '{tmp}/a', '--tile', '100'], 'size of tiles'),
        (['--degraded', '{tmp}/a', '--truth', '{tmp}/a', '--model', '{model}'], 'different names'),
        (['--degraded', '{tmp}/a', '--truth', '{tmp}/a', '--model', 'nonesuch'], 'nonesuch'),
        (
            ['--degraded', '{tmp}/a', '--truth', '{tmp}/a', '--model', 'restore-lite', '--tile', '256'],
            'checkpoint',
        ),
        (['--try', '{tmp}/empty'], 'no images'),
    ],
)
def test_what_cannot_be_evaluated_is_said_in_one_line(untrained, tmp_path, refused, arguments, reason):
    (tmp_path / 'empty').mkdir()
    write(tmp_path / 'a/1.png', sharp(1))
    write(tmp_path / 'b/2.png', sharp(1))
    write(tmp_path / 'small/1.png', sharp(1)[:20])
    filled = [argument.format(tmp=tmp_path, model=untrained) for argument in arguments]
    out = [] if '--out' in filled else ['--out', str(tmp_path / 'out')]
    assert reason in refused(main, '--model', untrained, *filled, *out)
    assert not (tmp_path / 'out').exists()


@pytest.mark.parametrize(
    'arguments',
    [
        [],
        ['--model', 'm'],
        ['--data', 'gopro=/data'],
        ['--restored', '/r', '--model', 'm', '--data', 'gopro=/data'],
        ['--restored', '/r', '--data', 'gopro=/data', '--data', 'rain800=/data'],
        ['--model', 'm', '--degraded', '/d'],
        ['--model', 'm', '--truth', '/t'],
        ['--model', 'm', '--data', 'gopro=/data', '--limit', '0'],
    ],
)
def test_combinations_that_mean_nothing_are_refused(arguments, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    assert stopped.value.code == 2


def test_tiles_leave_the_scores_as_they_are(untrained, tmp_path):
    own = folders(tmp_path, one=(sharp(1, 280, 300) + 10, sharp(1, 280, 300)))
    out = tmp_path / 'out'
    assert main(['--model', str(untrained), *own, '--tile', '256', '--out', str(out)]) == 0
    means = summary(out)['sets'][0]['means']
    assert len(means) == 2
    assert len({entry['rgb']['psnr_db'] for entry in means.values()}) == 1

"""What the training command refuses, in one line and before anything is written; and how runs are chained."""

from pathlib import Path

import pytest
import yaml
from workbench import trained

from restore_node.common.errors import ConfigError
from training.commands.train import check_network, main
from training.config.run import load_config
from training.networks.registry import build
from training.runs import checkpoint

TINY = {'network': 'paper', 'network_options': {'widths': [4, 4, 8], 'blocks': 1}}

CONFIGS = sorted((Path(__file__).resolve().parents[2] / 'config' / 'train').glob('*.yaml'))


@pytest.mark.parametrize('path', CONFIGS, ids=lambda path: path.stem)
def test_every_shipped_config_fits_its_network(path, monkeypatch, tmp_path):
    monkeypatch.setenv('TORCH_HOME', str(tmp_path))
    config = load_config(path)
    if config.loss.perceptual is None:
        check_network(config)
    else:
        with pytest.raises(ConfigError, match='VGG19 weights of the perceptual loss are missing'):
            check_network(config)


def test_the_paper_s_sets_are_chained_as_in_the_paper():
    by_name = {path.stem: load_config(path) for path in CONFIGS}
    chain = {name: config.start_from for name, config in by_name.items() if config.start_from}
    assert chain == {
        'rain800': 'runs/gopro/checkpoint.pt',
        'rain100h': 'runs/rain800/checkpoint.pt',
        'rain100l': 'runs/rain800/checkpoint.pt',
    }
    for name in ('gopro', 'realblur_j', 'realblur_r', *chain):
        config = by_name[name]
        assert config.name == name
        assert (config.network, config.network_options, config.data.crop_px) == ('paper', {}, 256)
        schedule = config.schedule
        assert (schedule.learning_rate, schedule.final_learning_rate, schedule.decay) == (
            1e-4,
            1e-7,
            'linear',
        )
        assert len(schedule.stages) > 1
        assert schedule.decay_over == 'stage'
        assert schedule.ema_decay == 0.0
        assert schedule.clip_norm is None
        assert config.optimizer.name == 'adam'
        assert config.loss.adversarial.constraint == 'clip'
        assert (config.loss.perceptual.layer, config.loss.perceptual.weight) == ('conv3_3', 100.0)
        assert not config.loss.has_pixel_terms
        assert config.data.sources[0].pairs.flips
        assert config.data.sources[0].pairs.noise > 0.0
    for name in ('gopro', 'lite_gopro'):
        assert by_name[name].data.sources[0].pairs.variant == 'blur'
        assert 'variant: blur\n' in Path(shipped(name)).read_text()


def shipped(name):
    return str(next(path for path in CONFIGS if path.stem == name))


def as_if_published(tmp_path, monkeypatch):
    """Let the weights of VGG19 be found; they are opened when a run begins, which these do not."""
    monkeypatch.setenv('TORCH_HOME', str(tmp_path))
    (tmp_path / 'hub' / 'checkpoints').mkdir(parents=True)
    (tmp_path / 'hub' / 'checkpoints' / 'vgg19-dcbb9e9d.pth').touch()


@pytest.mark.parametrize(
    ('name', 'overrides', 'named'),
    [
        ('gopro', ['data.pairs.root=/nowhere/GOPRO_Large'], '/nowhere/GOPRO_Large'),
        ('rain800', ['start_from=/nowhere/checkpoint.pt'], '/nowhere/checkpoint.pt'),
        ('gopro', ['network_options={widths: [1, 2]}'], 'widths'),
        ('lite_gopro', ['network_options={depth: 3}'], 'unknown option'),
        ('synthetic', ['data.crop_px=128'], 'the critic of loss.adversarial wants 256'),
        ('synthetic', ['schedule.stages=[5, 5]'], 'either steps or stages'),
        ('synthetic', ['schedule.final_learning_rate=1'], 'above learning_rate'),
        ('gopro', ['schedule.max_minutes=5'], 'max_minutes does not go with stages'),
        ('lite_gopro', ['loss={charbonnier: 0}'], 'nothing ties restored to sharp'),
        ('demo', ['devices=3'], 'schedule.batch'),
        ('demo', ['accelerator=cuda', 'devices=8'], 'GPUs of this machine'),
    ],
)
def test_one_line_says_what_is_wrong(tmp_path, monkeypatch, refused, name, overrides, named):
    as_if_published(tmp_path, monkeypatch)
    folder = tmp_path / 'run'
    assert named in refused(main, shipped(name), *overrides, '--folder', folder)
    assert not folder.exists()


def test_weights_of_two_runs_are_traced_through_both(write_config, tmp_path):
    """The chain gopro -> rain800 -> rain100h, with three short runs."""
    before = None
    for name in ('first', 'second', 'third'):
        path = write_config(name=name, schedule={'batch': 2, 'steps': 1})
        weights = [f'start_from={before}'] if before else []
        assert main([path, '--folder', str(tmp_path / name), *weights]) == 0
        before = tmp_path / name / 'checkpoint.pt'
    last = checkpoint.load(before)
    assert [run['name'] for run in last.provenance['started_from']] == ['first', 'second']
    assert [run['steps'] for run in last.provenance['started_from']] == [1, 1]
    assert last.provenance['started_from'][0]['data'][0]['terms'] == 'public domain'
    assert last.config['start_from'] == str(tmp_path / 'second' / 'checkpoint.pt')
    described = yaml.safe_load((tmp_path / 'third' / 'config.yaml').read_text())
    assert described == last.config


@pytest.mark.slow
def test_a_compiled_generator_has_a_plain_checkpoint(run_values, tmp_path):
    saved = trained(run_values | TINY | {'compile': True}, tmp_path / 'run')
    network = build(TINY['network'], **TINY['network_options']).state_dict()
    assert saved.generator[0].keys() == saved.average.keys() == network.keys()
    assert saved.step == 4

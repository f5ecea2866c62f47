"""What a run goes on from, and that it stays the same run."""

import json
import shutil

import pytest
from workbench import assert_same_bits, make_trainer, trained

from restore_node.common.errors import InputError
from training.commands.train import main
from training.config.run import config_values, parse_config
from training.runs import checkpoint
from training.runs.resumption import MAY_CHANGE, differences


def test_a_run_killed_before_its_first_checkpoint_ends_with_the_same_bits(run_values, tmp_path):
    trained(run_values, tmp_path / 'before')
    values = run_values | {'seed': 8, 'start_from': str(tmp_path / 'before' / 'checkpoint.pt')}
    whole = trained(values, tmp_path / 'whole')
    shutil.copytree(tmp_path / 'whole', tmp_path / 'killed')
    (tmp_path / 'killed' / 'checkpoint.pt').unlink()
    with (tmp_path / 'killed' / 'metrics.jsonl').open('a') as file:
        file.write('{"step": 5, "elap')

    killed = trained(values, tmp_path / 'killed', resume=True)
    assert whole.step == 4
    assert_same_bits(killed, whole)
    assert killed.provenance == whole.provenance
    assert killed.provenance['started_from'][0]['seed'] == 3
    lines = [json.loads(line) for line in (tmp_path / 'killed' / 'metrics.jsonl').read_text().splitlines()]
    assert [line['step'] for line in lines if 'loss' in line] == [1, 2, 3, 4]


def test_a_run_killed_while_its_folder_was_made_begins_again(write_config, tmp_path):
    (tmp_path / 'run').mkdir()
    (tmp_path / 'run' / '.config.yaml.part').write_text('na')
    assert main([write_config(), 'schedule.steps=1', '--folder', str(tmp_path / 'run'), '--resume']) == 0
    assert checkpoint.load(tmp_path / 'run' / 'checkpoint.pt').step == 1


@pytest.mark.parametrize('is_there', [False, True], ids=['no folder', 'another folder'])
def test_where_no_run_is_none_is_gone_on_with(write_config, tmp_path, refused, is_there):
    folder = tmp_path / 'elsewhere'
    if is_there:
        folder.mkdir()
        (folder / 'letters.txt').touch()
    said = refused(main, write_config(), '--folder', folder, '--resume')
    assert said.startswith(f'error: no run to go on with in {folder}: want its checkpoint')
    assert folder.exists() == is_there


@pytest.fixture(params=['checkpoint', 'killed before its first'])
def begun(request, write_config, tmp_path):
    """The folder of a run, with a checkpoint and without one."""
    folder = tmp_path / 'run'
    assert main([write_config(), 'schedule.steps=1', '--folder', str(folder)]) == 0
    if request.param != 'checkpoint':
        (folder / 'checkpoint.pt').unlink()
    return folder


def test_another_configuration_is_another_run(begun, write_config, refused):
    files = {path: path.read_bytes() for path in begun.iterdir() if path.is_file()}
    changes = [
        'optimizer={name: muon, betas: [0.5, 0.9]}',
        'seed=4',
        'schedule.batch=4',
        'loss.frequency=0.5',
    ]
    changes += ['data.held_out=[astronaut*]', 'log_seconds=9']
    seen = refused(main, write_config(), *changes, '--folder', begun, '--resume')
    assert seen.startswith(f'error: {begun} is a run of another configuration: got ')
    for difference in (
        'optimizer.name: was "adam", is "muon"',
        'seed: was 3, is 4',
        'schedule.batch: was 2, is 4',
        'data.sources.photographs.photographs.held_out: was ["coffee*"], is ["astronaut*"]',
        'optimizer.betas: was [0.9, 0.999], is [0.5, 0.9]',
        'loss.frequency: was 0.0, is 0.5',
    ):
        assert difference in seen
    assert 'log_seconds' not in seen
    assert f'{begun}/config.yaml' in seen
    assert f'start_from={begun}/checkpoint.pt' in seen
    assert files == {path: path.read_bytes() for path in begun.iterdir() if path.is_file()}


def test_length_place_and_machine_of_a_run_may_change(run_values):
    was = parse_config(run_values | {'loss': {'perceptual': {}}}, 'test')
    assert set(MAY_CHANGE) >= {'schedule.steps', 'data.sources.*.photographs.roots', 'devices'}
    changed = config_values(was)
    changed['schedule'] |= {'steps': 9, 'max_minutes': 3.0}
    changed['data']['workers'] = 2
    changed['data']['sources'][0]['photographs']['roots'] = ['elsewhere']
    changed['loss']['perceptual'] |= {'weights': 'vgg19.pth', 'download': True}
    changed |= {'devices': 2, 'cpu_processes': 2, 'accelerator': 'cpu', 'compile': True, 'log_seconds': 1.0}
    changed['checkpoint']['steps'] = 7
    changed['validation']['kinds'] = ['drops']
    assert differences(was, parse_config(changed, 'test')) == []
    changed['precision'] = 'bf16-mixed'
    assert differences(was, parse_config(changed, 'test')) == ['precision: was "32-true", is "bf16-mixed"']

    pairs = {'layout': 'gopro', 'root': 'here'}
    was, now, other = (
        parse_config(run_values | {'data': {'pairs': pairs | change}}, 'test')
        for change in ({}, {'root': 'there'}, {'variant': 'blur_gamma'})
    )
    assert differences(was, now) == []
    assert differences(was, other) == ['data.sources.gopro.pairs.variant: was "blur", is "blur_gamma"']


def test_the_state_of_other_optimizers_does_not_fit(run_values, tmp_path):
    adam, muon = (
        make_trainer(run_values | {'optimizer': {'name': name}}, tmp_path) for name in ('adam', 'muon')
    )
    for one, other in ((adam, muon), (muon, adam)):
        with pytest.raises(InputError, match='does not fit the optimizers'):
            one.resume(other.checkpoint())

from pathlib import Path

import pytest

pytest.importorskip('pydantic', reason='the training environment is not set up')

from restore_node.errors import ConfigError
from training.config import config_values, load_config, parse_config

CONFIG = Path(__file__).parents[2] / 'config' / 'train' / 'restore_lite.yaml'


def test_shipped_config_loads_and_comes_back_from_plain_values():
    config = load_config(CONFIG)
    assert config.name == 'restore-lite'
    assert parse_config(config_values(config), 'its own values') == config


def test_overrides_reach_nested_keys_with_yaml_values():
    config = load_config(
        CONFIG,
        [
            'schedule.batch=4',
            'data.roots=[a, b]',
            'degradation.blur.extent_px=[1, 2]',
            'schedule.max_minutes=2',
        ],
    )
    assert config.schedule.batch == 4
    assert config.data.roots == ('a', 'b')
    assert config.degradation.blur.extent_px == (1.0, 2.0)
    assert config.schedule.max_minutes == 2.0


def test_all_faults_are_named_at_once():
    with pytest.raises(ConfigError) as caught:
        load_config(
            CONFIG, ['speed=1', 'data.folder=x', 'schedule.batch=0', 'degradation.blur.extent_px=[5, 1]']
        )
    message = str(caught.value)
    assert '\n' not in message
    for part in (
        'speed: unknown key',
        'data.folder: unknown key',
        'schedule.batch',
        'extent_px is [5.0, 1.0]',
    ):
        assert part in message


@pytest.mark.parametrize(
    ('override', 'named'),
    [
        ('schedule.batch', 'key=value'),
        ('=3', 'key=value'),
        ('seed.x=3', 'single value'),
        ('seed=[', 'YAML'),
        ('seed=many', 'many'),
        ('data.crop_px=512', 'crop_px'),
        ('devices=3', 'devices'),
        ('cpu_processes=3', 'cpu_processes'),
        ('degradation.kinds={fog: 1}', 'fog'),
        ('task=paint', 'paint'),
        ('name=../up', '../up'),
    ],
)
def test_impossible_values_are_refused(override, named):
    with pytest.raises(ConfigError) as caught:
        load_config(CONFIG, [override])
    assert named in str(caught.value)


@pytest.mark.parametrize('content', ['- a list', '{', ''])
def test_a_file_that_is_no_mapping_is_refused(tmp_path, content):
    path = tmp_path / 'config.yaml'
    path.write_text(content)
    with pytest.raises(ConfigError, match=r'config\.yaml'):
        load_config(path)


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(ConfigError, match='nowhere'):
        load_config(tmp_path / 'nowhere.yaml')

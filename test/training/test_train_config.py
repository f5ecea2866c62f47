from pathlib import Path

import pytest

from restore_node.common.errors import ConfigError
from training.config.run import config_values, load_config, parse_config

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
    assert config.data.sources[0].photographs.roots == ('a', 'b')
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
        ('optimizer.betas=[1.0, 0.999]', 'optimizer.betas.0: Input should be less than 1, got 1.0'),
        ('optimizer.momentum=1.0', 'optimizer.momentum'),
        ('loss.adversarial={betas: [0.5, 1.0]}', 'loss.adversarial.betas.1'),
        ('schedule.ema_decay=1.0', 'schedule.ema_decay'),
        ('schedule.learning_rate=.inf', 'schedule.learning_rate: Input should be a finite number'),
        ('log_seconds=.nan', 'log_seconds: Input should be a finite number'),
        (
            'degradation.rain.tapered.coverage=[1, .inf]',
            'degradation.rain.tapered.coverage.1: Input should be a finite number',
        ),
        ('degradation.kinds={blur: .nan}', 'degradation.kinds.blur'),
        ('validation.kinds=[fog]', "kinds is ['fog'], want some of clean"),
        ('validation.kinds=[]', 'kinds is [], want some of clean'),
        ('degradation.rain.veil=[0, 2]', 'degradation.rain: veil is [0.0, 2.0], want 0 to 1'),
        ('degradation.rain.lines.brightness=[0, 1]', 'want above 0 to 1'),
        ('degradation.rain.dragged_noise.length_px=[0, 9]', 'want above 0'),
        ('degradation.rain.photographic.layers=[0, 2]', 'layers is [0, 2], want 1 or more'),
        ('degradation.rain.families={hail: 1}', 'families has hail, want only lines'),
        ('degradation.rain.families={lines: 0}', 'one above 0'),
        ('degradation.frame_height=[0, 720]', 'want above 0'),
        ('degradation.reference_height=0', 'want 1 or more'),
        ('degradation.blur.curvature=[0, 1.1]', 'want 0 to 1'),
        ('degradation.blur.anxiety=[0, 2]', 'want 0 to 1'),
        ('degradation.motion.exposure=[0.5, 9]', 'want above 0 to 4'),
        ('degradation.blur.roll_rad=[-0.1, 0.1]', 'want 0 or more'),
        ('degradation.blur.zoom=[-0.1, 0.1]', 'want 0 to 1'),
        ('degradation.lens.beads.opacity=[0, 2]', 'want 0 to 1'),
        ('degradation.lens.sky=[0, 2]', 'want above 0 to 1'),
        ('degradation.lens.blobs.defocus_px=[-1, 2]', 'want 0 or more'),
        ('degradation.sensor.read_noise=[-1, 2]', 'want 0 or more'),
        ('degradation.sensor.shot_noise=[-1, 2]', 'want 0 or more'),
        ('degradation.sensor.jpeg_quality=[50, 101]', 'want 1 to 100'),
        ('degradation.sensor.jpeg_quality=[0, 50]', 'jpeg_quality is [0.0, 50.0], want 1 to 100'),
        ('degradation.sensor.jpeg_share=2.0', 'jpeg_share is 2.0, want 0 to 1'),
        ('degradation.sensor.sharpening_share=1.1', 'sharpening_share is 1.1, want 0 to 1'),
        ('degradation.sensor.gains=[0, 1]', 'gains is [0.0, 1.0], want above 0'),
        ('degradation.sensor.gamma=[2.4, 2]', 'gamma is [2.4, 2.0], want [lowest, highest]'),
        ('degradation.sensor.shrink=[0.9, 1.5]', 'shrink is [0.9, 1.5], want 1 or more'),
        ('degradation.kinds={blur: 0}', 'one above 0'),
        ('degradation.blur.shake_share=1.5', 'shake_share is 1.5, want 0 to 1'),
        ('degradation.blur.farthest=[0, 0.5]', 'farthest is [0.0, 0.5], want above 0 to 1'),
        ('degradation.blur.readout=[0.5, 0.2]', 'readout is [0.5, 0.2], want [lowest, highest]'),
        ('degradation.blur.objects.share=-0.1', 'share is -0.1, want 0 to 1'),
        ('degradation.blur.objects.count=[0, 2]', 'count is [0, 2], want 1 or more'),
        ('degradation.rain.veil=[0.5, 0.1]', 'veil is [0.5, 0.1], want [lowest, highest]'),
        ('degradation.rain.angle_deg=[-91, 0]', 'angle_deg is [-91.0, 0.0], want -90 to 90'),
        ('degradation.rain.screen_share=1.5', 'screen_share is 1.5, want 0 to 1'),
        ('degradation.rain.dragged_noise.fill=[0, 0.5]', 'fill is [0.0, 0.5], want above 0 to 1'),
        ('degradation.rain.dragged_noise.sheets=[0, 2]', 'sheets is [0, 2], want 1 or more'),
        ('degradation.rain.lines.layers=[3, 1]', 'layers is [3, 1], want [lowest, highest]'),
        ('degradation.rain.lines.coverage=[0, 0.1]', 'coverage is [0.0, 0.1], want above 0'),
        ('degradation.lens.families={snow: 1}', 'families has snow, want only refracting'),
        ('degradation.lens.families={beads: 0}', 'one above 0'),
        ('degradation.lens.haze=[0.2, 1.2]', 'haze is [0.2, 1.2], want 0 to 1'),
        ('degradation.lens.refracting.radius_px=[0, 3]', 'radius_px is [0.0, 3.0], want above 0'),
        ('degradation.lens.refracting.horizon=[0.5, .inf]', 'horizon.1: Input should be a finite number'),
        ('degradation.lens.blobs.softness=[0, 1]', 'softness is [0.0, 1.0], want above 0'),
        ('degradation.lens.beads.rim=[0.5, 1.5]', 'rim is [0.5, 1.5], want 0 to 1'),
        ('degradation.lens.beads.fullest=0', 'fullest is 0.0, want above 0'),
        ('degradation.lens.film.trickles=[0, 2]', 'trickles is [0, 2], want 1 or more'),
    ],
)
def test_impossible_values_are_refused(override, named):
    with pytest.raises(ConfigError) as caught:
        load_config(CONFIG, [override])
    assert named in str(caught.value)


@pytest.mark.parametrize(
    ('override', 'reason'),
    [
        (
            'data={pairs: {layout: gopro, root: x}, roots: [x]}',
            'got data: roots and pairs given, want one of',
        ),
        ('data={crop_px: 64}', 'got data: none given, want one of roots, pairs and sources;'),
        ('devices=3', 'got schedule.batch is 8, not a multiple of devices 3;'),
        ('schedule.batch={of: 8}', 'got schedule.batch: Input should be a valid integer;'),
    ],
)
def test_a_fault_is_told_without_the_group_that_it_is_in(override, reason):
    with pytest.raises(ConfigError) as caught:
        load_config(CONFIG, [override])
    assert f'{CONFIG}: {reason}' in str(caught.value)


@pytest.mark.parametrize('content', ['- a list', '{', ''])
def test_a_file_that_is_no_mapping_is_refused(tmp_path, content):
    path = tmp_path / 'config.yaml'
    path.write_text(content)
    with pytest.raises(ConfigError, match=r'config\.yaml'):
        load_config(path)


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(ConfigError, match='nowhere'):
        load_config(tmp_path / 'nowhere.yaml')

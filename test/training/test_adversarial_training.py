"""The generator against a critic: who learns, what is clipped, and what a new stage forgets."""

from functools import partial

import pytest
import torch
from workbench import crops, make_trainer

from restore_node.common.errors import InputError
from training.runs import checkpoint

SMALL = {'network': 'paper', 'network_options': {'widths': [4, 4, 8], 'blocks': 1}}
"""The paper's generator, dropout and all, at a size for tests."""

large_crops = partial(crops, side=256, count=1)


def values(run_values, constraint='penalty', critic_steps=2, **schedule):
    return (
        run_values
        | SMALL
        | {
            'data': run_values['data'] | {'crop_px': 256, 'patch_px': 256},
            'loss': {'adversarial': {'constraint': constraint, 'critic_steps': critic_steps, 'weight': 0.01}},
            'schedule': {'batch': 1, 'warmup_steps': 0, 'clip_norm': None, **schedule},
        }
    )


def train(config_values, folder, resumed=None):
    trained = make_trainer(config_values, folder)
    if resumed:
        trained.resume(resumed)
    trained.fit(large_crops)
    checkpoint.save(trained.checkpoint(), folder / 'checkpoint.pt')
    return checkpoint.load(folder / 'checkpoint.pt')


def weights_of(state):
    return torch.cat([weights.flatten() for weights in state[0].values()])


@pytest.mark.parametrize('precision', ['32-true', 'bf16-mixed'])
@pytest.mark.parametrize('constraint', ['clip', 'penalty'])
def test_both_players_learn(run_values, tmp_path, constraint, precision):
    game = values(run_values, constraint, steps=1) | {'precision': precision}
    before = make_trainer(game, tmp_path).checkpoint()
    first = weights_of(before.generator).clone(), weights_of(before.critic).clone()
    after = train(game, tmp_path)
    for weights in (*after.generator[0].values(), *after.critic[0].values(), *after.average.values()):
        assert weights.dtype == torch.float32
        assert weights.isfinite().all()
    assert not torch.equal(first[0], weights_of(after.generator))
    assert not torch.equal(first[1], weights_of(after.critic))
    clipped = weights_of(after.critic).abs().max() <= 0.01
    assert clipped == (constraint == 'clip')
    assert after.critic[1][0]['state'][0]['step'] == 2
    assert after.generator[1][0]['state'][0]['step'] == 1


@pytest.fixture
def staged(run_values, tmp_path):
    """A run of two stages, and its checkpoint after every step, from the first."""
    config = values(run_values, stages=[1, 2], critic_steps=1)
    whole = make_trainer(config, tmp_path)
    saved = []
    stream = large_crops(0)
    for step in range(3):
        whole._train_step(next(stream))
        checkpoint.save(whole.checkpoint(), tmp_path / f'{step}.pt')
        saved.append(checkpoint.load(tmp_path / f'{step}.pt'))
    return config, saved


def test_a_stage_keeps_the_generator_and_nothing_else(staged):
    _, (one_stage, second, _) = staged
    assert second.generator[1][0]['state'][0]['step'] == 1
    assert second.critic[1][0]['state'][0]['step'] == 1
    # A step of Adam moves no weight farther than its rate of 0.001.
    assert 0.0 < (weights_of(second.generator) - weights_of(one_stage.generator)).abs().max() < 1.5e-3
    assert (weights_of(second.critic) - weights_of(one_stage.critic)).abs().max() > 0.01


@pytest.mark.parametrize('stop', [1, 2], ids=['at the end of a stage', 'within a stage'])
def test_a_resumed_game_ends_with_the_same_bits(staged, tmp_path, stop):
    config, saved = staged
    rest = train(config, tmp_path, resumed=saved[stop - 1])
    whole = saved[-1]
    assert rest.step == whole.step == 3
    for seen, wanted in ((rest.generator, whole.generator), (rest.critic, whole.critic)):
        assert torch.equal(weights_of(seen), weights_of(wanted))
    for name, weights in whole.average.items():
        assert torch.equal(rest.average[name], weights)


def test_a_checkpoint_without_a_critic_does_not_fit_the_game(run_values, tmp_path):
    alone = make_trainer(run_values | SMALL, tmp_path).checkpoint()
    with pytest.raises(InputError, match=r'got no critic, want a critic.*start_from'):
        make_trainer(values(run_values, steps=1), tmp_path).resume(alone)

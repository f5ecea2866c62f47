"""A batch in parts: the same training in less memory; and AdamW, which real recipes of this field use."""

import pytest
import torch
from workbench import trained

from restore_node.common.errors import ConfigError
from training.config.run import OptimizerConfig, parse_config
from training.loop.optimizers import make_optimizers, set_rate


def weights_of(run_values, folder, *, resume=False, **schedule):
    values = run_values | {'schedule': run_values['schedule'] | {'batch': 4, **schedule}}
    return trained(values, folder, resume=resume).generator[0]


def test_parts_of_a_batch_teach_what_the_whole_does_and_resume_to_the_bit(run_values, tmp_path):
    # Muon, whose steps follow the gradient: Adam's first one has full length where it is rounding alone.
    plain = run_values | {'optimizer': {'name': 'muon'}, 'loss': {'mean_square': 1.0}}
    schedule = {'hold': 0.99, 'learning_rate': 1e-4}
    whole = weights_of(plain, tmp_path / 'whole', steps=4, **schedule)
    in_parts = weights_of(plain, tmp_path / 'parts', steps=4, accumulate=4, **schedule)
    for name, weights in whole.items():
        assert torch.allclose(in_parts[name], weights, atol=1e-5), name
    weights_of(plain, tmp_path / 'resumed', steps=2, accumulate=4, **schedule)
    resumed = weights_of(plain, tmp_path / 'resumed', resume=True, steps=4, accumulate=4, **schedule)
    assert all(torch.equal(resumed[name], weights) for name, weights in in_parts.items())


def test_a_batch_divides_into_its_parts(run_values):
    with pytest.raises(ConfigError, match=r'does not divide schedule\.batch'):
        parse_config(run_values | {'schedule': {'batch': 4, 'steps': 1, 'accumulate': 3}}, 'test')
    against_a_critic = {
        'loss': {'adversarial': {}},
        'data': run_values['data'] | {'crop_px': 256, 'patch_px': 256},
    }
    with pytest.raises(ConfigError, match=r'accumulate does not go with loss\.adversarial'):
        parse_config(
            run_values | against_a_critic | {'schedule': {'batch': 4, 'steps': 1, 'accumulate': 2}}, 'test'
        )


def test_adamw_is_pytorch_s():
    torch.manual_seed(0)
    networks = [torch.nn.Conv2d(3, 3, 3) for _ in range(2)]
    networks[1].load_state_dict(networks[0].state_dict())
    config = OptimizerConfig(name='adamw', betas=(0.9, 0.9), weight_decay=0.1)
    ours = make_optimizers(networks[0], config)
    theirs = torch.optim.AdamW(networks[1].parameters(), lr=0.01, betas=(0.9, 0.9), weight_decay=0.1)
    set_rate(ours, 0.01)
    for network, optimizers in zip(networks, (ours, [theirs]), strict=True):
        network(torch.ones(1, 3, 8, 8)).square().sum().backward()
        for optimizer in optimizers:
            optimizer.step()
    assert torch.equal(networks[0].weight, networks[1].weight)

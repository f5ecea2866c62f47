"""A run whose numbers are no longer finite stops, and leaves what is needed to see why."""

import pytest
import torch
from workbench import crops, make_trainer

from training.loop.objectives import ContentObjective
from training.runs.errors import TrainingError


@pytest.fixture
def trainer(run_values, tmp_path):
    return make_trainer(run_values, tmp_path)


@pytest.mark.parametrize('broken', [float('nan'), float('inf')])
def test_a_broken_weight_stops_the_run_before_it_spreads(trainer, tmp_path, monkeypatch, broken):
    step = ContentObjective.step

    def break_at_the_third(objective, degraded, sharp, rate):
        if trainer.checkpoint().step == 2:
            with torch.no_grad():
                next(trainer._generator.module.parameters())[0, 0, 0, 0] = broken
        return step(objective, degraded, sharp, rate)

    monkeypatch.setattr(ContentObjective, 'step', break_at_the_third)
    with pytest.raises(TrainingError, match='broke down at step 2: got loss') as caught:
        trainer.fit(crops)
    (left,) = (tmp_path / 'nan').iterdir()
    assert str(left) in str(caught.value)
    values = torch.load(left, weights_only=True)
    assert values['degraded'].shape == values['sharp'].shape == (2, 3, 64, 64)
    assert values['checkpoint']['step'] == 2
    weights, optimizers = values['checkpoint']['generator']
    # One weight was broken, and none of the others by it.
    assert sum((~torch.isfinite(tensor)).sum() for tensor in weights.values()) == 1
    assert optimizers[0]['state'][0]['step'] == 2


def test_a_breakdown_on_a_full_disk_is_still_told(trainer, tmp_path):
    (tmp_path / 'nan').write_text('no folder')
    trainer._generator.module.register_forward_hook(lambda _module, _inputs, output: output * 1e30)
    with pytest.raises(TrainingError, match=r'broke down at step 0.*could not be kept'):
        trainer.fit(crops)


def test_a_loss_that_is_infinite_while_its_gradient_is_not_stops_it_too(trainer):
    trainer._generator.module.register_forward_hook(lambda _module, _inputs, output: output * 1e30)
    with pytest.raises(TrainingError, match='loss inf'):
        trainer.fit(crops)

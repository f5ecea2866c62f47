"""Rates and stages, by hand."""

import pytest

from training.config.run import ScheduleConfig
from training.loop.schedule import learning_rate, progress, stage_of, stage_starts


def rates(schedule, *steps):
    return [learning_rate(schedule, step, 0.0) for step in steps]


def test_a_cosine_warms_up_then_falls_with_steps_or_time_whichever_is_farther():
    schedule = ScheduleConfig(steps=100, max_minutes=1.0, warmup_steps=9, learning_rate=1e-2)
    assert progress(schedule, step=25, elapsed_s=6.0) == 0.25
    assert progress(schedule, step=25, elapsed_s=45.0) == 0.75
    assert progress(schedule, step=25, elapsed_s=90.0) == 1.0
    assert learning_rate(schedule, 0, 0.0) == pytest.approx(1e-3)
    assert learning_rate(schedule, 50, 0.0) == pytest.approx((1e-2 + schedule.final_learning_rate) / 2)
    assert learning_rate(schedule, 50, 60.0) == pytest.approx(schedule.final_learning_rate)


def test_the_paper_s_rate_is_held_then_falls_linearly():
    schedule = ScheduleConfig(
        steps=100, warmup_steps=0, learning_rate=1e-4, final_learning_rate=1e-7, decay='linear', hold=0.5
    )
    assert rates(schedule, 0, 50) == pytest.approx([1e-4, 1e-4])
    assert rates(schedule, 75, 100) == pytest.approx([(1e-4 + 1e-7) / 2, 1e-7])


@pytest.mark.parametrize(
    ('decay_over', 'wanted'), [('stage', [1.0, 0.5, 1.0, 0.5]), ('run', [1.0, 0.9, 0.8, 0.4])]
)
def test_a_stage_begins_with_the_learning_rate_or_goes_on(decay_over, wanted):
    schedule = ScheduleConfig(
        stages=(20, 80),
        warmup_steps=0,
        learning_rate=1.0,
        final_learning_rate=1e-9,
        decay='linear',
        decay_over=decay_over,
    )
    assert rates(schedule, 0, 10, 20, 60) == pytest.approx(wanted, abs=1e-6)


def test_every_stage_warms_up():
    schedule = ScheduleConfig(stages=(20, 80), warmup_steps=4, learning_rate=1.0, final_learning_rate=1.0)
    assert rates(schedule, 0, 3, 4, 19) == pytest.approx([0.2, 0.8, 1.0, 1.0])
    assert rates(schedule, 20, 23, 24) == pytest.approx([0.2, 0.8, 1.0])


def test_stages_lie_end_to_end():
    schedule = ScheduleConfig(stages=(20, 80, 5))
    assert schedule.total_steps == 105
    assert stage_starts(schedule) == (0, 20, 100)
    assert [stage_of(schedule, step) for step in (0, 19, 20, 99, 100, 104)] == [0, 0, 1, 1, 2, 2]
    assert stage_starts(ScheduleConfig(steps=7)) == (0,)

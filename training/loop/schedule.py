"""How far a run is, in which stage, and how fast it learns there: pure functions of step and time."""

import math
from itertools import accumulate

from training.config.run import ScheduleConfig


def progress(schedule: ScheduleConfig, step: int, elapsed_s: float) -> float:
    """How far a run is, 0..1: by steps, or by time where that is farther."""
    by_time = elapsed_s / (60.0 * schedule.max_minutes) if schedule.max_minutes else 0.0
    return min(1.0, max(step / schedule.total_steps, by_time))


def stage_starts(schedule: ScheduleConfig) -> tuple[int, ...]:
    """The first step of every stage of the incremental training strategy (paper, section 4.1)."""
    return (0, *accumulate(schedule.stages[:-1]))


def stage_of(schedule: ScheduleConfig, step: int) -> int:
    """The stage that a step belongs to, from 0."""
    return sum(start <= step for start in stage_starts(schedule)) - 1


def learning_rate(schedule: ScheduleConfig, step: int, elapsed_s: float) -> float:
    """The rate of a step: held at first, then decaying by a cosine or linearly; rising over the warm-up.

    Every stage begins with optimizers that know nothing yet, so every stage has a warm-up of its own.
    """
    stage = stage_of(schedule, step)
    into_stage = step - stage_starts(schedule)[stage]
    done = progress(schedule, step, elapsed_s)
    if schedule.decay_over == 'stage' and schedule.stages:
        done = into_stage / schedule.stages[stage]
    decaying = max(0.0, done - schedule.hold) / (1.0 - schedule.hold)
    left = 1.0 - decaying if schedule.decay == 'linear' else (1.0 + math.cos(math.pi * decaying)) / 2.0
    rate = schedule.final_learning_rate + (schedule.learning_rate - schedule.final_learning_rate) * left
    return rate * min(1.0, (into_stage + 1) / (schedule.warmup_steps + 1))

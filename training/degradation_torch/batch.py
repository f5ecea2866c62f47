"""Degrade a batch of sharp crops at once: `training.degradation.degrade.degrade` for many, on any device."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from lightning_fabric.utilities import move_data_to_device
from torch import Tensor

from training.degradation.degrade import Degradation
from training.degradation_torch.exposure import Movement, blur, plan_movement, with_objects
from training.degradation_torch.lens_drops import WetLenses, add_drops, plan_drops
from training.degradation_torch.linear_light import to_display, to_linear
from training.degradation_torch.rain import Rainfall, add_rain, plan_rain
from training.degradation_torch.sensor import Sensors, expose, plan_sensors


class Plan(NamedTuple):
    """All that is reckoned on the CPU before a batch is degraded; a worker of a loader can make it."""

    movement: Movement | None
    rainfall: Rainfall | None
    lenses: WetLenses | None
    sensors: Sensors


def plan_batch(degradations: Sequence[Degradation], height: int, width: int) -> Plan:
    """Poses, streaks, drops and noise levels of a batch of images of one size, as tensors on the CPU."""
    return Plan(
        movement=plan_movement(degradations, height, width),
        rainfall=plan_rain(degradations),
        lenses=plan_drops(degradations),
        sensors=plan_sensors(degradations),
    )


def degrade_batch(
    sharp: Tensor, degradations: Sequence[Degradation] | Plan, *, noise: Tensor | None = None
) -> Tensor:
    """Apply a degradation to each image of a batch.

    Args:
        sharp: uint8 [N, 3, H, W] RGB, 0..255, on any device.
        degradations: one for each image, or their plan (made by a loader's worker, say).
        noise: float32 [N, 3, H, W], standard normal, see `expose`; None draws it on the device.

    Returns:
        uint8 [N, 3, H, W] RGB on the device of `sharp`. What a restoration should make of it: `truth_batch`.

    Raises:
        ValueError: the numbers or shapes do not fit.
    """
    plan = _planned(sharp, degradations)
    if noise is not None and noise.shape != sharp.shape:
        raise ValueError(f'noise has the shape {list(noise.shape)}, want {list(sharp.shape)} as sharp has')
    with torch.no_grad():
        light = to_linear(sharp)
        if plan.movement is not None:
            light = blur(light, plan.movement)
        if plan.rainfall is not None:
            light = add_rain(light, plan.rainfall)
        if plan.lenses is not None:
            light = add_drops(light, plan.lenses)
        return expose(to_display(light), plan.sensors, noise)


def truth_batch(sharp: Tensor, degradations: Sequence[Degradation] | Plan) -> Tensor:
    """The sharp, dry frames in the middle of the exposures: uint8 [N, 3, H, W] RGB, in and out.

    This is `sharp` itself where no things move by themselves.

    Raises:
        ValueError: the numbers do not fit.
    """
    plan = _planned(sharp, degradations)
    if plan.movement is None or not plan.movement.things:
        return sharp
    with torch.no_grad():
        return to_display(with_objects(to_linear(sharp), plan.movement))


def _planned(sharp: Tensor, degradations: Sequence[Degradation] | Plan) -> Plan:
    if sharp.ndim != 4 or sharp.shape[1] != 3 or sharp.dtype != torch.uint8:
        raise ValueError(f'sharp is {sharp.dtype} {list(sharp.shape)}, want uint8 [N, 3, H, W]')
    plan = degradations
    if not isinstance(plan, Plan):
        plan = plan_batch(plan, *sharp.shape[2:])
    if len(plan.sensors.seeds) != len(sharp):
        raise ValueError(f'{len(plan.sensors.seeds)} degradations for {len(sharp)} images, want one for each')
    return move_data_to_device(plan, sharp.device)

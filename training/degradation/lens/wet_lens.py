"""All the water on one lens: drawn, rendered once for an image size, and applied to any number of frames."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.degradation.bounds import Range, choose, happens, log_uniform, uniform, whole
from training.degradation.lens.drops import DropLayer, Drops, add_drops, render_drops
from training.degradation.lens.film import Film, Smear, Trickle, add_film, thickness_of
from training.degradation.lens.ranges import DropFamilyRanges, FilmRanges, LensRanges
from training.degradation.veil import Veil, add_veil, draw_veil

Floats = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class WetLens:
    """The water on one lens, from back to front: a haze over all of it, trickles and smear, drops."""

    haze: Veil | None
    film: Film | None
    families: tuple[Drops, ...]


@dataclass(frozen=True, eq=False)
class RenderedLens:
    """A wet lens for one image size: thickness of the film, float32 [H, W], and layers of each family."""

    lens: WetLens
    thickness: Floats | None
    layers: tuple[tuple[DropLayer, ...], ...]


def render_lens(lens: WetLens, height: int, width: int) -> RenderedLens:
    """What of a lens is the same for every frame of a size."""
    thickness = None if lens.film is None else thickness_of(lens.film, height, width)
    layers = tuple(render_drops(family, height, width) for family in lens.families)
    return RenderedLens(lens, thickness, layers)


def add_lens(light: Floats, rendered: RenderedLens) -> Floats:
    """The picture through a wet lens: float32 [H, W, 3], linear light, of the size it was rendered for."""
    lens = rendered.lens
    if lens.haze is not None:
        light = add_veil(light, lens.haze)
    if lens.film is not None and rendered.thickness is not None:
        light = add_film(light, lens.film, rendered.thickness)
    for family, layers in zip(lens.families, rendered.layers, strict=True):
        light = add_drops(light, layers, defocus_px=family.defocus_px)
    return light


def draw_lens(
    ranges: LensRanges, height: int, width: int, rng: np.random.Generator, *, scale: float = 1.0
) -> WetLens:
    """Water on the lens before an image of so many pixels.

    `scale` is the height of the frame that the image is a part of, over the one that the ranges are for.
    """
    sky = uniform(rng, ranges.sky)
    chosen = [choose(rng, ranges.families)]
    if happens(rng, ranges.second_share):
        chosen.append(choose(rng, ranges.families))
    families = tuple(
        draw_drops(getattr(ranges, family), height, width, rng, sky=sky, scale=scale) for family in chosen
    )
    film = _draw_film(ranges.film, height, width, rng, scale) if happens(rng, ranges.film.share) else None
    haze = None
    if happens(rng, ranges.haze_share):
        share = uniform(rng, ranges.haze)
        haze = draw_veil(rng, share=share, light=sky, nearest=rng.random(), by_position=False)
    return WetLens(haze, film, families)


def draw_drops(
    ranges: DropFamilyRanges,
    height: int,
    width: int,
    rng: np.random.Generator,
    *,
    sky: float,
    scale: float = 1.0,
) -> Drops:
    """Drops of one family anywhere on an image, at least one; all see one sky, or none does."""
    smallest, largest = ranges.radius_px
    # Drops of one shower are alike: the largest, and how far they are out of focus, are the frame's own.
    largest = max(log_uniform(rng, ranges.radius_px), 1.5 * smallest)
    softness = uniform(rng, ranges.softness)
    if not happens(rng, ranges.sky_share):
        sky = 0.0
    # Of radii whose logarithms are drawn uniformly; a soft edge reaches beyond the radius.
    mean_square = (largest**2 - smallest**2) / (2.0 * np.log(largest / smallest))
    most = ranges.fullest / (np.pi * mean_square * (1.0 + softness / 2.0) ** 2)
    per_pixel = min(log_uniform(rng, ranges.per_megapixel) / 1e6, most)
    count = max(1, int(rng.poisson(per_pixel * height * width / scale**2)))

    def each(bounds: Range) -> NDArray[np.float64]:
        return rng.uniform(*bounds, size=count)

    return Drops(
        x=each((0.0, width)),
        y=each((0.0, height)),
        radius_px=np.exp(each((np.log(smallest), np.log(largest)))) * scale,
        stretch=each(ranges.stretch),
        ripple_2=each((0.0, 0.12)),
        ripple_3=each((0.0, 0.08)),
        phase_2=each((0.0, 2.0 * np.pi)),
        phase_3=each((0.0, 2.0 * np.pi)),
        shrink=each(ranges.shrink),
        softness=softness * each((0.7, 1.3)),
        opacity=each(ranges.opacity),
        shade=each(ranges.shade),
        sky=sky * each((0.7, 1.0)),
        horizon=each(ranges.horizon),
        rim=each(ranges.rim),
        highlight=sky * each(ranges.highlight),
        defocus_px=uniform(rng, ranges.defocus_px) * scale,
    )


def _draw_film(ranges: FilmRanges, height: int, width: int, rng: np.random.Generator, scale: float) -> Film:
    wide = ranges.width_px[0] * scale, ranges.width_px[1] * scale
    trickles = tuple(
        _draw_trickle(height, width, log_uniform(rng, wide), rng) for _ in range(whole(rng, ranges.trickles))
    )
    smear = None
    if happens(rng, ranges.smear_share):
        # The pivot is below the screen, on either side of the camera.
        smear = Smear(
            x=rng.uniform(-1.0, 2.0) * width,
            y=height + rng.uniform(0.3, 1.5) * 360.0 * scale,
            spacing_px=log_uniform(rng, ranges.spacing_px) * scale,
            strength=uniform(rng, ranges.strength),
            seed=int(rng.integers(2**31)),
        )
        trickles = () if rng.random() < 0.5 else trickles
    return Film(
        trickles,
        smear,
        bend_px=uniform(rng, ranges.bend_px) * scale,
        blur_px=uniform(rng, ranges.blur_px) * scale,
        scatter=uniform(rng, ranges.scatter),
    )


def _draw_trickle(height: int, width: int, width_px: float, rng: np.random.Generator) -> Trickle:
    """A path from somewhere down, that wanders a little and now and then turns aside."""
    top = rng.uniform(-0.5, 0.6) * height
    length = rng.uniform(0.3, 1.2) * height
    steps = max(3, int(length / (2.0 * width_px)))
    aside = np.cumsum(rng.normal(0.0, 0.5, steps) * (rng.random(steps) < 0.6)) * width_px
    down = top + length * np.arange(steps) / (steps - 1)
    points = zip((rng.uniform(0.0, width) + aside).tolist(), down.tolist(), strict=True)
    return Trickle(tuple(points), width_px)

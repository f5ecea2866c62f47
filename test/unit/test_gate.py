"""What counts as a change."""

from __future__ import annotations

import numpy as np
import pytest

from restore_node.runtime.restore import BLOCK, change_score

GREY = np.full((20 * BLOCK, 20 * BLOCK, 3), 128, np.uint8)  # 400 blocks


def changed(blocks: int, by: int = 40) -> np.ndarray:
    """Grey, with this many blocks changed."""
    image = GREY.copy()
    for index in range(blocks):
        row, column = (index // 20) * BLOCK, (index % 20) * BLOCK
        image[row : row + BLOCK, column : column + BLOCK] += np.uint8(by)
    return image


@pytest.mark.parametrize('by', [0, 1, 10, 100])
def test_even_change_scores_its_size_in_either_direction(by: int) -> None:
    brighter = GREY + np.uint8(by)
    assert change_score(GREY, brighter) == change_score(brighter, GREY) == by


def test_local_change_counts_and_a_glint_does_not() -> None:
    assert change_score(GREY, changed(11)) == 0  # within the tolerated 3 %
    assert change_score(GREY, changed(16)) == pytest.approx(40)


def test_one_changed_block_counts_in_a_small_image() -> None:
    small = (slice(0, 4 * BLOCK), slice(0, 4 * BLOCK))
    assert change_score(GREY[small], changed(1)[small]) > 20


def test_change_of_fractions_of_a_grey_level_counts() -> None:
    sparse = GREY.copy()
    sparse[::2, ::2] += 1
    assert change_score(GREY, sparse) == pytest.approx(0.25)


def test_noise_averages_out_and_a_smear_does_not() -> None:
    noise = np.random.default_rng(0).normal(0, 3, GREY.shape).round().astype(int)
    noisy = (GREY + noise).clip(0, 255).astype(np.uint8)
    assert change_score(GREY, noisy) < 3
    assert change_score(GREY, changed(20)) > 10 * change_score(GREY, noisy)


@pytest.mark.parametrize('size', [(1, 1), (3, 500), (BLOCK - 1, BLOCK + 1), (37, 53)])
def test_any_size_is_scored(size: tuple[int, int]) -> None:
    image = np.zeros((*size, 3), np.uint8)
    assert change_score(image, image + np.uint8(7)) == pytest.approx(7)

"""Clips to learn from: what moves, what is cut, what is drawn again."""

from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_tweedie.training.clips import Clips, _moved, _path, read_stacks
from napari_tweedie.training.synthetic import Even


@pytest.fixture
def stack(rng: np.random.Generator) -> np.ndarray:
    return rng.random((9, 40, 50)).astype(np.float32)


def test_whole_pixels_of_motion_are_displacements_of_pixels(rng: np.random.Generator) -> None:
    image, path = rng.random((80, 80)), np.array([[0, 0], [3, -5]])
    still, moved = _moved(image, path, np.zeros((2, 2, 32, 32)))
    np.testing.assert_allclose(still, image[24:56, 24:56], atol=1e-6)
    np.testing.assert_allclose(moved, image[21:53, 29:61], atol=1e-6)


def test_the_middle_frame_is_where_motion_is_counted_from(rng: np.random.Generator) -> None:
    path = _path(7, 2.0, rng)
    assert (path[3] == 0).all()
    assert np.abs(np.diff(path, axis=0)).max() > 0.1


@pytest.mark.parametrize("seed", range(12))
def test_every_clip_is_finite_and_the_same_from_the_same_seed(seed: int) -> None:
    clips = Clips([Even(1.0)])
    first, again = (clips.draw(5, 40, np.random.default_rng(seed)) for _ in range(2))
    assert first.shape == (5, 40, 40)
    assert np.isfinite(first).all()
    assert np.abs(first).max() < 20
    np.testing.assert_array_equal(first, again)


def test_clips_of_stacks_are_parts_of_them(stack: np.ndarray, rng: np.random.Generator) -> None:
    clip = Clips([Even(1.0)], [stack], share=1.0).draw(7, 32, rng)
    values = set(stack.ravel().tolist())
    assert set(clip.astype(np.float32).ravel().tolist()) <= values


def test_stacks_that_are_too_small_are_passed_over(stack: np.ndarray) -> None:
    clips = [Clips([Even(1.0)], stacks, share=1.0).draw(7, 48, np.random.default_rng(3)) for stacks in ([stack], [])]
    np.testing.assert_array_equal(*clips)


def test_stacks_are_read_from_a_folder_and_single_images_are_none(stack: np.ndarray, tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "one.tif", stack[0])
    with pytest.raises(FileNotFoundError, match="no stack"):
        read_stacks(tmp_path)
    tifffile.imwrite(tmp_path / "nine.tif", 100 * stack)
    (found,) = read_stacks(tmp_path)
    assert found.shape == stack.shape
    np.testing.assert_allclose(np.percentile(found, (0.1, 99.9)), (0, 1), atol=1e-3)

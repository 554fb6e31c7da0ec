"""Is only that computed which is looked at, with the pixels of the whole run, in bounded memory?"""

import dask.array as da
import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from napari_tweedie.engine import last, run
from napari_tweedie.large.lazy_array import OnDemand, lazy, lazy_levels
from napari_tweedie.recipe import Recipe

pytestmark = pytest.mark.slow

QUICK = Recipe(
    job="restore",
    degradation={"name": "gaussian-blur", "std": 0.5},
    solver={"name": "tikhonov", "weight": 0.05},
    tile=64,
)  # fmt: skip


@pytest.fixture
def computed(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, ...]]:
    """The corners of the regions computed so far."""
    corners: list[tuple[int, ...]] = []
    honest = OnDemand._computed

    def watched(self: OnDemand, region: tuple[slice, ...]) -> np.ndarray:
        corners.append(tuple(at.start for at in region))
        return honest(self, region)

    monkeypatch.setattr(OnDemand, "_computed", watched)
    return corners


def test_the_pixels_are_those_of_the_whole_run(rng: np.random.Generator) -> None:
    image = rng.random((3, 100, 150)).astype(np.float32)
    (expected,) = last(run(QUICK.model_copy(update={"tile": 0}), image)).images.values()
    result = lazy(QUICK, image)
    assert (result.shape, result.dtype) == (expected.shape, expected.dtype)
    np.testing.assert_allclose(result.compute(), expected, atol=5e-3)
    np.testing.assert_array_equal(result[1, 20:90, 60:].compute(), result.compute()[1, 20:90, 60:])
    np.testing.assert_array_equal(result[:, 99, 3].compute(), result.compute()[:, 99, 3])


def test_only_what_is_looked_at_is_computed(rng: np.random.Generator, computed: list[tuple[int, ...]]) -> None:
    result = lazy(QUICK, rng.random((5, 128, 192)).astype(np.float32))
    assert result.numblocks == (5, 1, 1)  # dask needs a second to go through a million chunks
    assert computed == []
    result[3, 70:100, 10:60].compute()
    assert computed == [(3, 64, 0)]
    result[3, 70:100, 10:70].compute()
    assert sorted(computed) == [(3, 64, 0), (3, 64, 64)]


def test_the_cache_is_bounded_and_keeps_the_last(rng: np.random.Generator, computed: list[tuple[int, ...]]) -> None:
    result = lazy(QUICK, rng.random((9, 64, 64)).astype(np.float32), cache=3 * 64 * 64 * 4)
    for plane in (0, 1, 2, 3, 2, 3, 1, 0):
        result[plane].compute()
    assert [corner[0] for corner in computed] == [0, 1, 2, 3, 0]


def test_a_terabyte_opens_without_being_read(computed: list[tuple[int, ...]]) -> None:
    read = []

    def noise(block_id: tuple[int, ...]) -> np.ndarray:
        read.append(block_id)
        return np.random.default_rng(block_id[0]).random((1, 1024, 1024), dtype=np.float32)

    chunks = ((1,) * 2**18, (1024,), (1024,))
    image = da.map_blocks(noise, chunks=chunks, dtype=np.float32, meta=np.empty((0, 0, 0), np.float32))
    assert image.nbytes == 2**40
    result = lazy(QUICK.model_copy(update={"tile": 1024}), image)
    assert read == []
    plane = result[123456].compute()
    assert plane.shape == (1024, 1024)
    assert {corner[0] for corner in computed} == {123456}
    assert len(set(read)) < 40


def test_levels_are_denoised_at_their_own_noise(rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch) -> None:
    """A coarser level of a given noise level has less noise, and is not smoothed as if it had all of it."""
    y, x = np.mgrid[:128, :128]
    clean = 0.5 + 0.3 * np.sin(x / 3) * np.cos(y / 4)
    fine = (clean + rng.normal(0, 0.1, clean.shape)).astype(np.float32)
    coarse, truth = (image.reshape(64, 2, 64, 2).mean((1, 3)) for image in (fine, clean))
    first, second = lazy_levels(Recipe(noise={"sigma": 0.1}), [fine, coarse])
    assert (first.shape, second.shape) == ((128, 128), (64, 64))
    (fine_in_tiles, _) = lazy_levels(Recipe(tile=64), [fine, coarse])
    assert fine_in_tiles.numblocks == (2, 2)  # a viewer shows parts of a level
    assert np.std(second.compute() - truth) < 0.8 * np.std(coarse - truth)
    too_much = lazy(Recipe(noise={"sigma": 0.1}), coarse).compute()
    assert np.std(second.compute() - truth) < np.std(too_much - truth)
    with pytest.raises(ValueError, match="only denoising"):
        lazy_levels(QUICK, [fine, coarse])


def test_memory_is_given_back_as_regions_leave_the_cache() -> None:
    result = OnDemand(QUICK, np.zeros((4, 64, 64), np.float32), cache=1)
    for plane in range(4):
        result[plane]
    assert len(result._kept) == 1


def test_errors_are_told_where_somebody_listens_and_raised_otherwise() -> None:
    image = np.full((2, 32, 32), np.nan, np.float32)
    told: list[Exception] = []
    assert np.isnan(lazy(QUICK, image, failed=told.append).compute()).all()
    assert "no numbers" in str(told[0])
    with pytest.raises(ValueError, match="no numbers"):
        lazy(QUICK, image).compute()


def test_frames_help_each_other_in_regions_as_in_memory(rng: np.random.Generator) -> None:
    """Also at both ends, where a region sees as many frames as one in the middle."""
    field = gaussian_filter(rng.normal(size=(64, 64)), 2)
    frames = (100 + 20 * field / field.std() + rng.normal(0, 15, (9, 64, 64))).astype(np.float32)
    recipe = Recipe(axes="tyx", denoiser="unet-small", noise={"name": "gaussian", "sigma": 15})
    whole = last(run(recipe, frames)).image
    looked_at = lazy(recipe, frames)
    for frame in (0, 4, 8):
        shown = np.asarray(looked_at[frame])
        assert np.sqrt(np.mean((shown - whole[frame]) ** 2)) < 0.2

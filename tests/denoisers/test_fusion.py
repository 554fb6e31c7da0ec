import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from napari_tweedie import denoisers
from napari_tweedie.denoisers.fusion import brightness, fuse
from napari_tweedie.denoisers.mapped import Mapped

SIGMA = 0.1


@pytest.fixture
def texture(rng: np.random.Generator) -> torch.Tensor:
    """A plane (1, 128, 128) whose patches are all different."""
    field = gaussian_filter(rng.normal(size=(128, 128)), 3)
    return torch.from_numpy(0.5 + field / field.std() * 0.3).float()[None]


def noisy(planes: list[torch.Tensor], seed: int = 0) -> torch.Tensor:
    stack = torch.stack(planes)
    return stack + SIGMA * torch.randn(stack.shape, generator=torch.Generator().manual_seed(seed))


def test_frames_of_a_still_scene_are_averaged_and_the_map_tells_the_noise_that_is_left(texture: torch.Tensor) -> None:
    clean = torch.stack([texture] * 5)
    fused = fuse(noisy([texture] * 5), clean, torch.full((5,), SIGMA), 2)
    assert float((fused.plane - texture).std()) == pytest.approx(float(fused.level.mean()), rel=0.05)
    assert float(fused.level.mean()) == pytest.approx(SIGMA / 5**0.5, rel=0.15)


def test_what_moved_is_found(texture: torch.Tensor) -> None:
    moved = texture.roll((3, -5), (1, 2))
    planes = [texture, moved]
    fused = fuse(noisy(planes), torch.stack(planes), torch.full((2,), SIGMA), 0)
    inside = (..., slice(16, -16), slice(16, -16))
    assert float(fused.level[inside].mean()) < 0.8 * SIGMA
    assert float((fused.plane - texture)[inside].std()) == pytest.approx(SIGMA / 2**0.5, rel=0.1)


def test_an_unrelated_frame_leaves_a_frame_as_it_is(texture: torch.Tensor) -> None:
    planes = [texture, texture.flip(1, 2) + 0.5]
    measured = noisy(planes)
    fused = fuse(measured, torch.stack(planes), torch.full((2,), SIGMA), 0)
    assert float((fused.plane - measured[:1]).abs().mean()) < 0.02 * SIGMA
    assert float(fused.level.mean()) > 0.97 * SIGMA


def test_a_copy_of_a_frame_is_no_second_measurement(texture: torch.Tensor) -> None:
    measured = noisy([texture]).repeat(3, 1, 1, 1)
    level = fuse(measured, torch.stack([texture] * 3), torch.full((3,), SIGMA), 1).level
    torch.testing.assert_close(level, torch.full_like(level, SIGMA))


def test_noisier_frames_count_less(texture: torch.Tensor) -> None:
    """Of two frames with the variances 1 and 4 the mean of least variance has the variance 4 / 5."""
    level = fuse(noisy([texture] * 2), torch.stack([texture] * 2), torch.tensor([SIGMA, 2 * SIGMA]), 0).level
    assert float(level.median()) == pytest.approx(SIGMA * 0.8**0.5, rel=0.02)


def test_large_planes_are_fused_tile_by_tile_to_the_same(texture: torch.Tensor, monkeypatch: pytest.MonkeyPatch) -> None:
    planes = [texture, texture.roll(2, 2)]
    arguments = (noisy(planes), torch.stack(planes), torch.full((2,), SIGMA), 0)
    whole = fuse(*arguments)
    monkeypatch.setattr("napari_tweedie.denoisers.fusion.TILE", 64)
    tiled = fuse(*arguments)
    for part, expected in [*((getattr(each, name) for each in (tiled, whole)) for name in ("plane", "level"))]:
        torch.testing.assert_close(part, expected, rtol=1e-4, atol=1e-5)
    for name in ("noisy", "clean", "weight"):
        part, expected = (getattr(each.beside, name) for each in (tiled, whole))
        torch.testing.assert_close(part, expected, rtol=1e-4, atol=1e-4)


def test_brightness_is_a_line_that_a_flash_does_not_change(texture: torch.Tensor) -> None:
    faded = (texture - 0.1) / 1.6
    faded[:, 20:40, 20:40] += 3
    a, b = brightness(faded, texture)
    assert (a, b) == (pytest.approx(1.6, rel=1e-3), pytest.approx(0.1, abs=1e-3))


def test_a_denoiser_of_one_level_takes_maps(texture: torch.Tensor) -> None:
    """Where the level is that of one side of a plane, the result is that of this level there."""
    alone = denoisers.load("gaussian", std=0.3)
    level = torch.where(torch.arange(128) < 64, 0.05, 0.2).expand(1, 1, 128, 128)
    found = Mapped(denoiser=alone)(texture[None], level)
    torch.testing.assert_close(found[..., :64], alone(texture[None], 0.05)[..., :64])
    torch.testing.assert_close(found[..., 64:], alone(texture[None], 0.2)[..., 64:])

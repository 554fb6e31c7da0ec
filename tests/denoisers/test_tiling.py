import numpy as np
import pytest
import torch

from napari_tweedie import denoisers
from napari_tweedie.core.cancellation import cancellable
from napari_tweedie.core.results import Cancelled
from napari_tweedie.denoisers.levels import levels_of_autocovariance
from napari_tweedie.denoisers.tiling import Tiled, Volume


def test_tiled_network_has_no_seams(generator: torch.Generator) -> None:
    """The largest difference to the untiled result, on random content, is below a thousandth of the noise level."""
    unet = denoisers.load("unet-small", precision="float32")
    x = torch.rand((1, 1, 300, 280), generator=generator)
    sigma = 0.1
    tiled = Tiled(unet, 128, unet.halo)(x, sigma)
    assert (tiled - unet(x, sigma)).abs().max() < 1e-3 * sigma


@pytest.mark.parametrize("shape", [(3, 1, 20, 33), (1, 2, 64, 10), (5, 1, 7, 7), (1, 1, 4, 20, 33)])
def test_every_pixel_is_done_once(shape: tuple[int, ...], generator: torch.Generator) -> None:
    x = torch.rand(shape, generator=generator)
    levels = torch.rand(shape[0], generator=generator)
    tiled = Tiled(lambda x, sigma: x + sigma.view(-1, *[1] * (x.ndim - 1)), 16, 3)
    torch.testing.assert_close(tiled(x, levels), x + levels.view(-1, *[1] * (x.ndim - 1)))


def test_tiles_tell_the_share_and_stop_on_request() -> None:
    answers = iter([False, False, False, True])
    steps = cancellable(Tiled(lambda x, _: x, 8, 0).tile_by_tile(torch.zeros(1, 1, 16, 24), 0.1), lambda: next(answers))
    np.testing.assert_allclose([next(steps)[0] for _ in range(3)], [1 / 6, 2 / 6, 3 / 6])
    with pytest.raises(Cancelled):
        next(steps)


def test_a_volume_is_the_mean_of_three_directions(generator: torch.Generator) -> None:
    """A filter along X only, applied plane by plane, must reach X twice and Y once, never Z alone."""

    def next_column(x: torch.Tensor, _: object) -> torch.Tensor:
        return x.roll(1, dims=-1)

    x = torch.rand((2, 1, 5, 6, 7), generator=generator)
    volume = Volume(Tiled(next_column, 64, 0))(x, 0.1)
    torch.testing.assert_close(volume, (2 * x.roll(1, dims=4) + x.roll(1, dims=3)) / 3)


def test_planes_that_lie_further_apart_count_more_than_the_directions_across_them(generator: torch.Generator) -> None:
    x = torch.rand((1, 1, 5, 6, 7), generator=generator)
    volume = Volume(Tiled(lambda x, _: x.roll(1, dims=-2), 64, 0), aspect=4.0)(x, 0.1)
    torch.testing.assert_close(volume, (10 * x.roll(1, dims=3) + 2 * x.roll(1, dims=2)) / 12)
    finer = Volume(Tiled(lambda x, _: x.roll(1, dims=-2), 64, 0), aspect=0.25)(x, 0.1)
    torch.testing.assert_close(finer, (x.roll(1, dims=3) + 2 * x.roll(1, dims=2)) / 3)


def test_a_single_plane_is_not_averaged_with_lines(generator: torch.Generator) -> None:
    x = torch.rand((1, 1, 1, 6, 7), generator=generator)
    volume = Volume(Tiled(lambda x, _: x.roll(1, dims=-1), 64, 0))(x, 0.1)
    torch.testing.assert_close(volume, x.roll(1, dims=4))


@pytest.mark.parametrize("scales", [1, 10])
def test_maps_of_noise_levels_are_cut_with_the_image(scales: int, generator: torch.Generator) -> None:
    x, level = torch.rand((2, 3, 20, 33), generator=generator), torch.rand((2, scales, 20, 33), generator=generator)
    tiled = Tiled(lambda x, sigma: x + sigma.mean(1, keepdim=True), 16, 3)
    torch.testing.assert_close(tiled(x, level), x + level.mean(1, keepdim=True))
    lines = level[:1, :, :1]  # the same in every row and sample
    torch.testing.assert_close(tiled(x, lines), x + lines.mean(1, keepdim=True))


def test_tiles_of_a_network_with_a_map_have_no_seams(generator: torch.Generator) -> None:
    unet = denoisers.load("unet-small", precision="float32")
    x, level = torch.rand((1, 1, 200, 168), generator=generator), 0.05 + 0.1 * torch.rand((1, 1, 200, 168), generator=generator)
    tiled = Tiled(unet, 96, unet.halo)(x, level)
    assert (tiled - unet(x, level)).abs().max() < 1e-3 * 0.1


def test_maps_of_volumes_follow_the_directions(generator: torch.Generator) -> None:
    x, level = (torch.rand((2, 2, 5, 6, 7), generator=generator) for _ in range(2))
    volume = Volume(Tiled(lambda x, sigma: x + sigma, 4, 0))(x, level[:, :1])
    torch.testing.assert_close(volume, x + level[:, :1])


def test_noise_that_correlates_along_the_rows_of_a_stack_is_white_across_its_planes() -> None:
    """Rows along Y and along Z are independent, so means over them tell what means over columns do."""
    line = np.zeros((1, 15))
    line[0, 6:9] = 0.5, 1.0, 0.5
    levels = torch.from_numpy(levels_of_autocovariance(line)).float().view(1, 10, 1, 1, 1)
    seen = []
    Volume(Tiled(lambda x, sigma: seen.append(sigma[0].flatten()) or x, 64, 0))(torch.zeros(1, 1, 4, 4, 4), levels)
    of_planes, across_y, across_x = seen
    torch.testing.assert_close(of_planes, levels.flatten())
    torch.testing.assert_close(across_y, levels.flatten())
    torch.testing.assert_close(across_x, torch.ones(10))


@pytest.mark.parametrize("aspect", [1.0, 3.0])
def test_the_directions_of_a_volume_add_up_to_it(aspect: float, generator: torch.Generator) -> None:
    volume = Volume(Tiled(denoisers.load("tikhonov"), 64, 8), aspect)
    x = torch.randn((1, 1, 6, 10, 12), generator=generator)
    parts = sum(weight * volume.along(x, 0.5, axis) for axis, weight in volume.directions(x).items())
    torch.testing.assert_close(parts, volume(x, 0.5))

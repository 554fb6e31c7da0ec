"""The network that mends fused planes: what it may not depend on, and what it may not change."""

import pytest
import torch

from napari_tweedie import denoisers
from napari_tweedie.denoisers.denoiser import Denoiser
from napari_tweedie.denoisers.fusion import Fused, fuse
from napari_tweedie.denoisers.fusion_network import FusionNetwork, missing
from napari_tweedie.denoisers.mending import mended_by
from napari_tweedie.denoisers.network import STACK, load_fusion, weights_file
from napari_tweedie.denoisers.tiling import exhaust

SIGMA = 0.1


def stirred(generator: torch.Generator) -> FusionNetwork:
    """A network of random weights, none of them zero."""
    network = FusionNetwork(["one", "other"], 6, (8, 12, 16))
    for weight in network.parameters():
        weight.data = 0.1 * torch.randn(weight.shape, generator=generator)
    return network.eval().requires_grad_(False)


def planes(generator: torch.Generator, count: int = 4, side: int = 48, scale: float = 1.0) -> tuple[Fused, torch.Tensor]:
    """Fused planes of a scene that moves, and what the first was denoised to."""
    scene = torch.nn.functional.avg_pool2d(torch.rand((1, side, side), generator=generator), 5, 1, 2)
    clean = torch.stack([scene.roll(n, 1) for n in range(count)])
    noisy = clean + SIGMA * torch.randn(clean.shape, generator=generator)
    alone = clean + 0.2 * SIGMA * torch.randn(clean.shape, generator=generator)
    result = clean[:1] + 0.1 * SIGMA * torch.randn(clean[:1].shape, generator=generator)
    fused = fuse(scale * noisy, scale * alone, torch.full((count,), scale * SIGMA), 0)
    return fused, scale * result


def test_one_that_has_learnt_nothing_adds_nothing(generator: torch.Generator) -> None:
    fused, result = planes(generator)
    network = FusionNetwork(["one"]).requires_grad_(False)
    assert float(missing(network, 0, fused, result).abs().max()) == 0
    torch.testing.assert_close(exhaust(mended_by(network, 0, fused, result, 64)), result)


def test_what_it_adds_follows_the_scale_of_the_image(generator: torch.Generator) -> None:
    """Added times the noise level is homogeneous if what is added, in noise levels, is the same."""
    network, state = stirred(generator), generator.get_state()
    one = missing(network, 1, *planes(generator))
    generator.set_state(state)
    torch.testing.assert_close(missing(network, 1, *planes(generator, scale=1000.0)), one, rtol=1e-2, atol=1e-3)
    assert float(one.std()) > 1e-3


def test_neighbours_have_no_order(generator: torch.Generator) -> None:
    network = stirred(generator)
    own, beside = torch.randn((1, 14, 32, 32), generator=generator), torch.randn((1, 5, 3, 32, 32), generator=generator)
    facts, kinds = 1 + torch.rand((1, 5, 2), generator=generator), torch.tensor([2])
    order = [3, 0, 4, 2, 1]
    one, other = network(own, beside, facts, kinds), network(own, beside[:, order], facts[:, order], kinds)
    assert float(one.std()) > 1e-3
    assert float((one - other).abs().max()) < 1e-4 * float(one.std())


def test_one_that_is_left_out_might_as_well_not_be_there(generator: torch.Generator) -> None:
    network = stirred(generator)
    own, beside = torch.randn((1, 14, 32, 32), generator=generator), torch.rand((1, 3, 3, 32, 32), generator=generator)
    facts, kinds = 1 + torch.rand((1, 3, 2), generator=generator), torch.tensor([0])
    beside[:, 1, 2] = -1
    without = network(own, beside[:, ::2], facts[:, ::2], kinds)
    torch.testing.assert_close(network(own, beside, facts, kinds), without, rtol=1e-4, atol=1e-5)
    beside[:, 1, 2] = 1
    assert float((network(own, beside, facts, kinds) - without).abs().max()) > 1e-3


def test_a_level_that_is_the_same_everywhere_cannot_be_added(generator: torch.Generator) -> None:
    """So that the light of a region, and its trace, stay those of the average."""
    network = FusionNetwork(["one"])
    network.tail.bias.data[0] = 3.0
    fused, result = planes(generator)
    assert float(missing(network.requires_grad_(False), 0, fused, result).abs().max()) < 1e-5


@pytest.mark.parametrize("tile", [64, 96])
def test_tiles_give_what_the_whole_gives(generator: torch.Generator, tile: int) -> None:
    network = stirred(generator)
    fused, result = planes(generator, side=232)
    whole = exhaust(mended_by(network, 0, fused, result, 232))
    added = float((whole - result).std())
    assert added > 1e-3 * SIGMA
    assert float((exhaust(mended_by(network, 0, fused, result, tile)) - whole).abs().max()) < 1e-3 * added


def test_a_plane_without_neighbours_stays_as_it_is(generator: torch.Generator) -> None:
    fused, result = planes(generator, count=1)
    assert exhaust(mended_by(stirred(generator), 0, fused, result, 64)).equal(result)


def test_the_bundled_one_knows_all_denoisers_that_say_so() -> None:
    known = load_fusion(weights_file(STACK), torch.device("cpu")).denoisers
    methods = [denoisers.registry.method(name) for name in denoisers.names()]
    assert {method.name for method in methods if issubclass(method, Denoiser) and method.knows_fusion} == set(known)

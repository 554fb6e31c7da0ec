import json
from collections.abc import Callable

import numpy as np
import pytest
import torch

from napari_tweedie import denoisers
from napari_tweedie.analysis.decomposition import PRESETS, Bands, Decomposition, preset, recombine

FIELD = denoisers.load("gaussian", std=0.3, slope=2)


def take_apart(method: Decomposition, x: torch.Tensor, noise_level: float = 0.05) -> list[Bands]:
    return list(method(x, method.denoisers_for(FIELD), noise_level))


@pytest.fixture
def x(scene: np.ndarray, generator: torch.Generator) -> torch.Tensor:
    clean = torch.from_numpy(scene).float()[None, None]
    return clean + 0.05 * torch.randn(clean.shape, generator=generator)


@pytest.mark.parametrize("ladder", ["constant", "geometric"])
def test_the_bands_of_a_linear_denoiser_are_known(ladder: str, x: torch.Tensor) -> None:
    """In the Fourier basis f_k multiplies by S / (S + σ_k²), so that every band is a product of such factors times x."""
    method = Decomposition(levels=3, ladder=ladder, ratio=2)
    result = take_apart(method, x)[-1]
    spectrum = FIELD.spectrum(x).double().numpy()
    remains = np.fft.rfft2(x[0, 0].double().numpy())
    ratio = 2 if ladder == "geometric" else 1
    for k in range(3):
        next_one = remains * spectrum / (spectrum + (0.05 * ratio**k) ** 2)
        expected = np.fft.irfft2(remains - next_one, s=x.shape[2:])
        np.testing.assert_allclose(result.bands[k, 0, 0], expected, atol=2e-6)
        remains = next_one
    np.testing.assert_allclose(result.base[0, 0], np.fft.irfft2(remains, s=x.shape[2:]), atol=2e-6)
    assert result.sigmas == pytest.approx([0.05 * ratio**k for k in range(3)])


@pytest.mark.parametrize("levels", [1, 4, 12])
def test_the_reconstruction_is_exact_after_every_level(levels: int, x: torch.Tensor) -> None:
    states = take_apart(Decomposition(levels=levels), x)
    assert [state.level for state in states] == list(range(1, levels + 1))
    for state in states:
        assert state.bands.shape == (state.level, *x.shape)
        again = recombine(state.bands, state.base, [1.0] * (state.level + 1))
        assert float((again - x).abs().max()) <= 1e-5 * float(x.max() - x.min())
        assert state.error <= 1e-5


@pytest.mark.slow
def test_a_learned_denoiser_is_exact_too(x: torch.Tensor) -> None:
    unet = denoisers.load("unet-small", precision="float32")
    method = Decomposition(levels=2)
    x = x[..., :32, :32]
    states = list(method(x, method.denoisers_for(unet), 0.05))
    torch.testing.assert_close(states[1].base, unet(unet(x, 0.05), 0.1))
    assert states[-1].error <= 1e-6


def test_every_level_has_its_denoiser_and_its_strength(x: torch.Tensor) -> None:
    weak = {"name": "gaussian", "std": 2.0, "slope": 2.0}
    method = Decomposition(levels=2, ladder="list", strengths=(0.3, 0.1), denoisers=(FIELD, weak))
    base = take_apart(method, x)[-1].base
    torch.testing.assert_close(base, denoisers.load(**weak)(FIELD(x, 0.3), 0.1))


def test_an_image_without_noise_is_taken_apart_all_the_same(x: torch.Tensor) -> None:
    assert take_apart(Decomposition(levels=1), x, noise_level=0.0)[-1].bands.abs().max() > 0


def test_a_denoiser_that_fails_is_not_taken_for_exact(x: torch.Tensor) -> None:
    broken: Callable[[torch.Tensor, object], torch.Tensor] = lambda x, sigma: x / 0  # noqa: E731
    with pytest.raises(ValueError, match="do not add up"):
        list(Decomposition(levels=1)(x, [broken], 0.1))


def test_it_survives_json() -> None:
    method = Decomposition(levels=2, ladder="list", strengths=(0.1, 0.2), denoisers=("unet", {"name": "gaussian", "std": 0.5}))
    described = json.loads(json.dumps(method.describe()))
    described.pop("name")
    assert Decomposition(**described) == method


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"ladder": "list", "strengths": (0.1,)}, "strengths must be 4"),
        ({"ladder": "list", "strengths": (0.1, 0.1, 0, 0.1)}, "must be > 0"),
        ({"denoisers": ("unet",)}, "denoisers must be 4"),
        ({"levels": 0}, "greater than or equal to 1"),
    ],
)
def test_what_does_not_fit_is_refused(wrong: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Decomposition(**{"levels": 4, **wrong})


@pytest.mark.parametrize("levels", [1, 2, 5])
@pytest.mark.parametrize("name", PRESETS)
def test_presets_have_a_weight_a_band_and_keep_the_base(name: str, levels: int) -> None:
    weights = preset(name, levels)
    assert len(weights) == levels + 1
    assert weights[-1] == 1


def test_presets_do_what_they_say(x: torch.Tensor) -> None:
    state = take_apart(Decomposition(levels=4), x)[-1]
    made = {name: recombine(state.bands.numpy(), state.base.numpy(), preset(name, 4)) for name in PRESETS}
    roughness = {name: float(np.square(np.diff(image, axis=-1)).sum()) for name, image in made.items()}
    assert roughness["background"] < roughness["suppress texture"] < roughness["unchanged"] < roughness["boost detail"]
    assert roughness["background"] < roughness["soften"] < roughness["unchanged"]
    np.testing.assert_allclose(made["unchanged"], x, atol=1e-5)
    np.testing.assert_array_equal(made["background"], state.base)


def test_wrong_weights_and_presets_are_refused() -> None:
    with pytest.raises(ValueError, match="weights must be 3"):
        recombine(np.zeros((2, 4, 4)), np.zeros((4, 4)), [1, 1])
    with pytest.raises(ValueError, match="there are: unchanged"):
        preset("vivid", 3)

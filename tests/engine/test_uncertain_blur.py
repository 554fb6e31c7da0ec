"""Do samples vary as much as a blur of uncertain width says?"""

import numpy as np
import pytest
import torch

import napari_tweedie as nt
from napari_tweedie import degradations
from napari_tweedie.degradations.linear_algebra import fourier_filter

SIDE, STD, UNCERTAINTY, NOISE, PRIOR = 20, 1.5, 0.3, 0.04, {"name": "gaussian", "std": 0.5, "slope": 2.0}
BLUR = {"name": "gaussian-blur", "std": STD, "boundary": "circular"}


def posterior(y: np.ndarray, std: float, spectrum: np.ndarray) -> tuple[np.ndarray, float]:
    """Mean of every pixel, and variance of each, by the Wiener filter: prior and blur are diagonal in frequencies."""
    impulse = torch.zeros(1, 1, SIDE, SIDE)
    impulse[0, 0, 0, 0] = 1
    h = np.fft.fft2(degradations.load("gaussian-blur", std=std, boundary="circular")(impulse)[0, 0].numpy())
    gain = spectrum * h.conj() / (spectrum * np.abs(h) ** 2 + NOISE**2)
    return np.fft.ifft2(gain * np.fft.fft2(y)).real, float(np.mean(spectrum * NOISE**2 / (spectrum * np.abs(h) ** 2 + NOISE**2)))


@pytest.mark.parametrize("uncertainty", [0.0, UNCERTAINTY])
def test_the_variance_is_that_within_and_between_the_widths(uncertainty: float) -> None:
    """Of a Gaussian field the posterior is known for every width; of an uncertain one it is their mixture."""
    field = nt.denoisers.load(**PRIOR)
    generator = torch.Generator().manual_seed(2)
    white = torch.randn((1, 1, SIDE, SIDE), generator=generator)
    clean = fourier_filter(white, field.spectrum(white).sqrt())
    blurred = degradations.load(**BLUR)(clean)[0, 0].numpy()
    y = blurred + NOISE * np.random.default_rng(3).standard_normal((SIDE, SIDE))
    low, high = np.percentile(y, (0.1, 99.9))
    y = (y - low) / (high - low)  # so that its range is what the engine works in
    scale = 1 / (high - low)
    field = nt.denoisers.load(**{**PRIOR, "std": 0.5 * scale})
    count = 160
    result = nt.sample(
        y * 100, {**BLUR, "uncertainty": uncertainty}, samples=count, denoiser=field, sigma=100 * NOISE * scale, outliers="keep"
    )
    impulse = torch.zeros(1, 1, SIDE, SIDE)
    impulse[0, 0, 0, 0] = 1
    spectrum = np.fft.fft2(fourier_filter(impulse, field.spectrum(impulse))[0, 0].numpy()).real / scale**2
    nodes, weights = np.polynomial.hermite_e.hermegauss(9)
    pairs = [posterior(y / scale, STD * np.exp(uncertainty * z), spectrum) for z in nodes]
    share = weights / weights.sum()
    means = np.array([mean for mean, _ in pairs])
    mean = np.tensordot(share, means, 1)
    between = np.tensordot(share, (means - mean) ** 2, 1).mean() * scale**2
    within = share @ np.array([variance for _, variance in pairs]) * scale**2
    assert (between > 0.3 * within) == (uncertainty > 0)
    samples = result.images["samples"] / 100
    assert samples.var(0).mean() == pytest.approx(within + between, rel=0.1)
    assert np.corrcoef(result.image.ravel(), mean.ravel())[0, 1] > 0.99


@pytest.mark.parametrize(
    "blur",
    [
        degradations.load("gaussian-blur", std=2.0, uncertainty=0.2),
        degradations.load("microscope-psf", pixel=60.0, uncertainty=0.2),
        degradations.load("downsample", factor=2) @ degradations.load("gaussian-blur", std=2.0, uncertainty=0.2),
    ],
    ids=lambda blur: blur.name,
)
@pytest.mark.parametrize("z", [-1.0, 1.0])
def test_a_drawn_kernel_is_wider_by_its_factor(blur: degradations.Degradation, z: float) -> None:
    def width(degradation: degradations.Degradation) -> float:
        kernel = getattr(degradation, "inner", degradation).kernel(2)
        profile = kernel.sum(0)
        return float(np.sqrt((profile * (np.arange(len(profile)) - len(profile) // 2) ** 2).sum()))

    drawn = blur.drawn(z)
    assert blur.is_uncertain
    assert not drawn.is_uncertain
    assert width(drawn) / width(blur) == pytest.approx(np.exp(0.2 * z), rel=0.06)
    inner = getattr(drawn, "inner", drawn)
    assert inner.kernel(2).sum() == pytest.approx(1)


def test_a_sample_is_the_same_however_many_are_drawn(scene: np.ndarray) -> None:
    """Each has the width of its own number."""
    y = 200 * scene[:32, :32] + np.random.default_rng(0).normal(0, 5, (32, 32))
    given = {"denoiser": "unet-small", "sigma": 5.0, "std": 1.0, "uncertainty": 0.2, "seed": 3}
    four, two = (nt.sample(y, "gaussian-blur", samples=count, **given).images["samples"] for count in (4, 2))
    np.testing.assert_allclose(four[:2], two, atol=0.5)
    assert np.abs(four[2] - four[0]).mean() > 0.5

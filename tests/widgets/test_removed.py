import numpy as np
import pytest

from napari_tweedie.widgets.parts.removed import removed


@pytest.mark.parametrize(
    "noise",
    [{"name": "gaussian", "sigma": 4.0}, {"name": "poisson", "gain": 2.0, "offset": 10.0, "read_noise": 3.0, "told": "photons"}],
)
def test_removed_noise_is_standard_normal_in_noise_levels(noise: dict[str, object], rng: np.random.Generator) -> None:
    clean = np.linspace(50, 500, 200 * 300).reshape(200, 300)
    counted = 2.0 * rng.poisson((clean - 10) / 2.0) + 10 + rng.normal(0, 3, clean.shape)
    noisy = counted if noise["name"] == "poisson" else clean + rng.normal(0, 4, clean.shape)
    found = removed(noisy, clean, noise)
    assert found.std() == pytest.approx(1, abs=0.02)
    noisy[0] = np.nan
    assert removed(noisy, clean, noise).size == clean.size - 300

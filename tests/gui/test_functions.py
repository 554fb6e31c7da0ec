import numpy as np
import pytest
from magicgui import magicgui
from napari.viewer import Viewer

import napari_tweedie as nt
from napari_tweedie.widgets import functions

SMALL = "unet-small"


@pytest.fixture
def noisy(rng: np.random.Generator) -> np.ndarray:
    y, x = np.mgrid[:48, :40]
    return (100 + 40.0 * (np.hypot(y - 20, x - 18) < 12) + rng.normal(0, 6, (48, 40))).astype(np.float32)


def test_every_function_gives_what_its_job_gives(noisy: np.ndarray) -> None:
    labels = np.zeros(noisy.shape, int)
    labels[10:14, 10:14] = 3
    psf = np.ones((3, 3)) / 9
    expected = {
        "denoise": (nt.denoise(noisy, SMALL).image, {}),
        "deblur_gaussian": (nt.restore(noisy, "gaussian-blur", denoiser=SMALL, std=1).image, {"std": 1.0}),
        "deblur": (nt.restore(noisy, "psf-blur", denoiser=SMALL, psf=psf).image, {"psf": psf}),
        "fill_in": (nt.restore(noisy, "mask", denoiser=SMALL, mask=labels > 0).image, {"missing": labels}),
        "upsample": (nt.restore(noisy, "downsample", denoiser=SMALL, factor=2).image, {"factor": 2}),
        "smooth_base": (nt.decompose(noisy, 3, SMALL).image, {"levels": 3}),
        "posterior_std": (nt.denoise(noisy, SMALL, std=True).std, {}),
    }
    for name, (result, said) in expected.items():
        np.testing.assert_array_equal(getattr(functions, name)(noisy, denoiser=SMALL, **said), result, err_msg=name)
    public = {name for name, made in vars(functions).items() if getattr(made, "__module__", "") == functions.__name__}
    assert {name for name in public if not name.startswith("_")} == set(expected)


def test_magicgui_makes_a_dock_of_a_function_whose_result_is_a_layer(viewer: Viewer, noisy: np.ndarray) -> None:
    layer = viewer.add_image(noisy)
    form = magicgui(functions.denoise)
    viewer.window.add_dock_widget(form)
    form.denoiser.value = SMALL
    assert form.image.value is layer.data
    form()
    assert len(viewer.layers) == 2
    np.testing.assert_array_equal(viewer.layers[1].data, nt.denoise(noisy, SMALL).image)

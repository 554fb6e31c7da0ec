import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter
from skimage.data import shepp_logan_phantom
from skimage.transform import iradon, radon, resize

from napari_tweedie import degradations


def as_tensor(image: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(image.astype(np.float32))[None, None]


@pytest.mark.parametrize(("size", "angles", "limit"), [(64, 40, 180.0), (65, 23, 180.0), (50, 30, 75.0)])
def test_projections_agree_with_scikit_image(size: int, angles: int, limit: float, rng: np.random.Generator) -> None:
    y, x = np.indices((size, size)) - size // 2
    image = gaussian_filter(rng.random((size, size)), 2) * (np.hypot(y, x) < size // 2 - 1)
    operator = degradations.load("radon", angles=angles, limit=limit)
    expected = radon(image, theta=np.linspace(0, limit, angles, endpoint=False), circle=True)
    np.testing.assert_allclose(operator(as_tensor(image))[0, 0], expected, atol=1e-4 * expected.max())


def test_the_start_is_as_good_as_filtered_back_projection_of_scikit_image() -> None:
    image = resize(shepp_logan_phantom(), (128, 128))
    operator = degradations.load("radon", angles=90)
    y = operator(as_tensor(image))
    theirs = iradon(y[0, 0].numpy().astype(float), theta=operator.theta(), circle=True)
    rows, columns = np.indices(image.shape) - 64
    inside = np.hypot(rows, columns) < 62
    ours, theirs = (np.sqrt(np.mean((result - image)[inside] ** 2)) for result in (operator.start(y)[0, 0].numpy(), theirs))
    assert ours < 1.05 * theirs


def test_many_projections_are_taken_in_portions(monkeypatch: pytest.MonkeyPatch, generator: torch.Generator) -> None:
    operator = degradations.load("radon", angles=7)
    x = torch.rand((2, 1, 16, 16), generator=generator)
    y, back = operator(x), operator.adjoint(operator(x))
    monkeypatch.setattr("napari_tweedie.degradations.rays.SAMPLES_AT_ONCE", 3 * 16**2)
    torch.testing.assert_close(operator(x), y)
    torch.testing.assert_close(operator.adjoint(y), back)


def test_the_adjoint_works_where_gradients_are_off() -> None:
    operator = degradations.load("radon", angles=4)
    with torch.no_grad():
        assert operator.adjoint(torch.ones(1, 1, 8, 4)).requires_grad is False


def test_what_cannot_be_projected_is_named() -> None:
    operator = degradations.load("radon", angles=4)
    with pytest.raises(ValueError, match="square images"):
        operator(torch.zeros(1, 1, 8, 9))
    with pytest.raises(ValueError, match="has 5 columns, but angles is 4"):
        operator.adjoint(torch.zeros(1, 1, 8, 5))
    with pytest.raises(ValueError, match="grows with the image"):
        operator.norm()

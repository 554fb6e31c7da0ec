"""What a scan of k-space tells of its sampling, coils, phase and conventions, and what is refused."""

import numpy as np
import pytest
import torch

from napari_tweedie import degradations
from napari_tweedie.degradations import coils
from napari_tweedie.degradations.complex_fourier import ComplexFourier

SIZE = 64
MASK = degradations.load("fourier-mask", acceleration=2.0, centre=0.25).mask((SIZE, SIZE))


def ellipses() -> np.ndarray:
    """A magnitude image: an ellipse off the middle, so that no turn leaves it as it is, with others in it."""
    y, x = np.mgrid[:SIZE, :SIZE] - SIZE // 2
    image = 1.0 * (((y - 3) / 24) ** 2 + ((x + 2) / 18) ** 2 < 1)
    for cy, cx, ry, rx, level in ((-6, 4, 8, 5, 0.6), (10, -6, 5, 7, -0.5), (3, 6, 3, 3, 0.8)):
        image += level * (((y - cy) / ry) ** 2 + ((x - cx) / rx) ** 2 < 1)
    return image


def smooth_phase() -> np.ndarray:
    y, x = np.mgrid[:SIZE, :SIZE] / SIZE - 0.5
    return np.exp(1j * (1.0 + 2 * y - 3 * x + 4 * y * x))


def birdcage(count: int = 4) -> np.ndarray:
    """Sensitivities of coils around the image, each with a phase of its own."""
    y, x = np.mgrid[:SIZE, :SIZE] / SIZE - 0.5
    maps = []
    for angle in 2 * np.pi * (np.arange(count) + 0.2) / count:
        distance = (y - 0.6 * np.sin(angle)) ** 2 + (x - 0.6 * np.cos(angle)) ** 2
        maps.append(np.exp(-2 * distance + 1j * (angle + 2 * x * np.sin(angle) - y)))
    return np.stack(maps)


def scan(image: np.ndarray, maps: np.ndarray | None = None) -> np.ndarray:
    return coils.transformed((image if maps is None else image * maps).reshape(-1, SIZE, SIZE)) * MASK


def as_channels(spectrum: np.ndarray) -> torch.Tensor:
    return torch.view_as_real(torch.from_numpy(spectrum.astype(np.complex64))).movedim(-1, 1).flatten(0, 1)[None]


def fitted(spectrum: np.ndarray, **parameters: object) -> degradations.Degradation:
    return degradations.load("fourier-mask", **parameters).fitted(as_channels(spectrum))


def test_the_operator_of_a_complex_image_is_the_spectrum_of_what_the_coils_see(rng: np.random.Generator) -> None:
    maps = rng.normal(size=(3, 12, 10)) + 1j * rng.normal(size=(3, 12, 10))
    mask = rng.random((12, 10)) < 0.6
    operator = ComplexFourier.of(torch.from_numpy(maps), torch.zeros(12, 10), torch.from_numpy(mask))
    image = rng.normal(size=(12, 10)) + 1j * rng.normal(size=(12, 10))
    x = torch.from_numpy(np.stack([image.real, image.imag])[None].astype(np.float32))
    seen = np.fft.fftshift(np.fft.fft2(np.fft.ifftshift(maps * image, axes=(1, 2)), norm="ortho"), axes=(1, 2)) * mask
    torch.testing.assert_close(operator(x), as_channels(seen), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(("first", "corner"), [((), ()), ((-2,), ()), ((-2, -1), (-1,)), ((), (-2, -1))])
def test_its_adjoint_norm_and_prox_are_those_of_a_matrix(
    first: tuple[int, ...], corner: tuple[int, ...], rng: np.random.Generator
) -> None:
    maps = torch.from_numpy((rng.normal(size=(2, 4, 6)) + 1j * rng.normal(size=(2, 4, 6))).astype(np.complex64))
    mask = torch.from_numpy(rng.random((4, 6)) < 0.6)
    operator = ComplexFourier.of(maps, torch.zeros(4, 6), mask, (), first, corner)
    matrix = torch.stack([operator(unit.view(1, 2, 4, 6)).flatten() for unit in torch.eye(48)], 1)
    y = torch.from_numpy(rng.normal(size=(1, 4, 4, 6)).astype(np.float32))
    z = torch.from_numpy(rng.normal(size=(1, 2, 4, 6)).astype(np.float32))
    torch.testing.assert_close(operator.adjoint(y).flatten(), matrix.T @ y.flatten(), atol=1e-4, rtol=1e-4)
    assert float(torch.linalg.matrix_norm(matrix, 2)) <= 1.001 * operator.norm()
    solved = torch.linalg.solve(matrix.T @ matrix + 0.3 * torch.eye(48), matrix.T @ y.flatten() + 0.3 * z.flatten())
    torch.testing.assert_close(operator.prox(z, y, 0.3).flatten(), solved, atol=1e-3, rtol=1e-3)


def test_the_fully_measured_middle_is_found() -> None:
    mask = np.zeros((40, 50), bool)
    mask[17:24] = True
    mask[::7] = True
    assert coils.fully_measured(mask) == (3, coils.WIDEST)
    mask[20, 25] = False
    assert coils.fully_measured(mask) == (-1, -1)


def test_estimated_sensitivities_explain_the_full_images_of_the_coils() -> None:
    image = ellipses() * smooth_phase()
    operator = fitted(scan(image, birdcage()))
    assert isinstance(operator, ComplexFourier)
    found, seen = operator._sensitivity.numpy(), image * birdcage()
    inside = ellipses() > 0
    np.testing.assert_allclose(np.linalg.norm(found, axis=0), 1, atol=1e-4)
    combined = (found.conj() * seen).sum(0)
    assert np.linalg.norm((seen - found * combined)[:, inside]) < 0.1 * np.linalg.norm(seen[:, inside])
    assert np.linalg.norm(combined.imag[inside]) < 0.15 * np.linalg.norm(combined[inside])  # no phase is left but at edges


@pytest.mark.parametrize("reference", [False, True])
def test_given_sensitivities_keep_the_magnitude_and_the_phase_of_the_object(reference: bool) -> None:
    maps, image = birdcage(), ellipses() * smooth_phase()
    of_first = np.exp(1j * np.angle(maps[:1]))
    given = maps / of_first if reference else maps  # relative to the first coil, as some programs give them
    operator = fitted(scan(image, maps), sensitivity=given, phase="keep")
    x = operator.start(as_channels(scan(image, maps)))
    true = image * of_first[0] if reference else image
    ideal = torch.from_numpy(np.stack([true.real, true.imag])[None].astype(np.float32))
    turned = ComplexFourier.of(torch.from_numpy(given.astype(np.complex64)), torch.zeros(SIZE, SIZE), torch.from_numpy(MASK))
    inside = ellipses() > 0.9
    plain = turned.start(turned(ideal))
    torch.testing.assert_close(operator.shown(x), turned.shown(plain), atol=1e-4, rtol=1e-4)
    difference = (operator.phase_of(x) - turned.phase_of(plain))[0, 0].numpy()[inside]
    assert np.abs(np.angle(np.exp(1j * difference))).max() < 1e-3


@pytest.mark.parametrize("axes", [(-2,), (-1,), (-2, -1)])
def test_a_zero_frequency_that_is_first_is_found_and_told(axes: tuple[int, ...]) -> None:
    spectrum = scan(ellipses() * smooth_phase(), birdcage())
    plain, rolled = fitted(spectrum), fitted(np.fft.ifftshift(spectrum, axes=axes))
    y = as_channels(spectrum)
    rolled_y = as_channels(np.fft.ifftshift(spectrum, axes=axes))
    torch.testing.assert_close(rolled.shown(rolled.start(rolled_y)), plain.shown(plain.start(y)), atol=1e-4, rtol=1e-4)
    told = [note for note in rolled.notes(2) if "zero frequency" in note]
    assert len(told) == len(axes)
    assert not [note for note in plain.notes(2) if "zero frequency" in note]


def test_an_image_whose_middle_is_at_its_first_pixel_is_moved_to_the_middle() -> None:
    image = ellipses() * smooth_phase()
    spectrum = np.fft.fftshift(np.fft.fft2(image, norm="ortho"))[None] * MASK
    operator = fitted(spectrum)
    shown = operator.shown(operator.start(as_channels(spectrum)))[0, 0].numpy()
    assert np.corrcoef(shown.ravel(), ellipses().ravel())[0, 1] > 0.95
    assert any("moved to the middle" in note for note in operator.notes(2))


@pytest.mark.parametrize(
    ("turn", "told"),
    [
        (lambda maps: maps.conj(), "conjugate"),
        (lambda maps: np.roll(maps[:, ::-1], 1, 1), "Y reversed"),
        (lambda maps: np.roll(maps[:, ::-1, ::-1], (1, 1), (1, 2)).conj(), "Y and X reversed, their conjugate taken"),
        (lambda maps: maps.swapaxes(1, 2), "Y and X exchanged"),
    ],
)
def test_sensitivities_that_are_turned_or_conjugate_are_turned_back(turn: object, told: str) -> None:
    image, maps = ellipses() * smooth_phase(), birdcage()
    spectrum = scan(image, maps)
    operator = fitted(spectrum, sensitivity=turn(maps))  # type: ignore[operator]
    assert any(told in note for note in operator.notes(2))
    np.testing.assert_allclose(operator._sensitivity.abs().numpy(), np.abs(maps), atol=1e-5)  # type: ignore[attr-defined]


def test_sensitivities_of_another_scan_are_refused_with_the_share_that_they_explain() -> None:
    image, maps = ellipses() * smooth_phase(), birdcage()
    with pytest.raises(ValueError, match=r"explain \d+% of what the coils see.*order of the coils"):
        fitted(scan(image, maps), sensitivity=maps[[2, 0, 3, 1]])


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"sampling": np.ones((3, 4))}, r"sampling has shape \(3, 4\), the measurement \(64, 64\)"),
        ({"sampling": np.zeros((64, 64))}, "says that nothing was measured"),
        ({"sensitivity": np.ones((3, 64, 64))}, "the measurement 4 coils"),
        ({"sensitivity": np.ones((4, 32, 64))}, "resample them to its pixels"),
        ({"sensitivity": np.zeros((4, 64, 64))}, "zero everywhere"),
        ({"phase": "none"}, "several coils needs their sensitivity"),
    ],
)
def test_arrays_that_do_not_fit_are_named(parameters: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        fitted(scan(ellipses() * smooth_phase(), birdcage()), **parameters)


def test_a_middle_that_was_not_measured_is_named() -> None:
    spectrum = scan(ellipses() * smooth_phase())
    spectrum[:, SIZE // 2] = 0
    with pytest.raises(ValueError, match=r"middle of k-space, of which 5 × 5 points must be measured"):
        fitted(spectrum)


def test_measured_is_what_is_not_zero_or_what_sampling_says() -> None:
    spectrum = scan(ellipses() * smooth_phase(), birdcage())
    y = as_channels(spectrum)
    np.testing.assert_array_equal(fitted(spectrum).observed(y)[0, 0].numpy(), MASK)
    fewer = MASK.copy()
    fewer[::2, 40:] = False
    operator = fitted(spectrum, sampling=fewer)
    np.testing.assert_array_equal(operator.observed(y)[0, 0].numpy(), fewer)
    assert any(f"{int((MASK & ~fewer).sum())} frequencies" in note for note in operator.notes(2))


def test_a_real_image_needs_no_phase() -> None:
    spectrum = scan(ellipses())
    assert fitted(spectrum).name == "fourier-mask"
    assert fitted(spectrum, phase="keep").name == "complex-fourier"
    assert fitted(scan(ellipses() * smooth_phase())).name == "complex-fourier"


@pytest.mark.parametrize("first", [False, True])
def test_the_noise_level_is_that_of_either_part(first: bool, rng: np.random.Generator) -> None:
    noise = (rng.normal(0, 0.05, (4, SIZE, SIZE)) + 1j * rng.normal(0, 0.05, (4, SIZE, SIZE))) * MASK
    spectrum = scan(ellipses() * smooth_phase(), birdcage()) + noise
    spectrum = np.fft.ifftshift(spectrum, axes=(1, 2)) if first else spectrum
    assert degradations.load("fourier-mask").noise_level(as_channels(spectrum)) == pytest.approx(0.05, rel=0.2)

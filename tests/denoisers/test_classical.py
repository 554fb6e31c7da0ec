"""What each classical denoiser says it computes, checked against something independent."""

import numpy as np
import pytest
import pywt
import torch
from scipy.fft import dctn
from scipy.ndimage import gaussian_filter
from skimage.restoration import denoise_tv_chambolle

from napari_tweedie import denoisers
from napari_tweedie.denoisers import bm3d, diffusion, graph, wavelet
from napari_tweedie.denoisers.dictionary import coefficients, fold, learn, overcomplete_cosines, pursue, unfold
from napari_tweedie.denoisers.linear import Heat, Laplacian, Smoothing, Tikhonov, cosine_transform
from napari_tweedie.denoisers.total_variation import divergence, gradient, minimise


def second_differences(n: int) -> np.ndarray:
    """Return −DᵀD of the forward differences D of n pixels: the Laplacian with a reflecting border."""
    d = np.diff(np.eye(n), axis=0)
    return -d.T @ d


@pytest.mark.parametrize("shape", [(5, 8), (3, 4, 6)])
def test_the_cosine_transform_is_that_of_scipy(shape: tuple[int, ...], generator: torch.Generator) -> None:
    x = torch.randn((2, *shape), generator=generator)
    expected = dctn(x.numpy(), axes=range(1, x.ndim), norm="ortho")
    np.testing.assert_allclose(cosine_transform(x), expected, atol=1e-5)
    torch.testing.assert_close(cosine_transform(cosine_transform(x), inverse=True), x, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("denoiser", "power"), [(Tikhonov(), 1), (Laplacian(), 2)])
def test_smoothness_is_a_dense_solve(denoiser: Smoothing, power: int, generator: torch.Generator) -> None:
    x = torch.randn((1, 6, 9), generator=generator)
    strength = float(denoiser.best_strength(x)[0])
    laplacian = np.kron(second_differences(6), np.eye(9)) + np.kron(np.eye(6), second_differences(9))
    expected = np.linalg.solve(np.eye(54) + strength * np.linalg.matrix_power(-laplacian, power), x.numpy().ravel())
    np.testing.assert_allclose(denoiser.clean(x).ravel(), expected, atol=1e-4)


@pytest.mark.parametrize("time", [0.5, 2.0, 12.5])
def test_heat_is_a_gaussian_of_std_root_2t(time: float, generator: torch.Generator) -> None:
    x = torch.randn((1, 40, 33), generator=generator)
    expected = gaussian_filter(x[0].double().numpy(), np.sqrt(2 * time), mode="reflect", truncate=12)
    np.testing.assert_allclose(Heat().diffuse(x, time)[0], expected, atol=2e-2 if time < 1 else 1e-5)


def test_the_strength_has_the_least_error_of_all(scene: np.ndarray, generator: torch.Generator) -> None:
    """The error at the estimated strength is within 2 % of the least error that the truth would choose."""
    clean = torch.from_numpy(scene).float()[None] * 10
    x = clean + torch.randn(clean.shape, generator=generator)
    x, clean = x - x.mean(), clean - x.mean()
    for denoiser in (Tikhonov(), Laplacian(), Heat()):
        symbol, spectrum = denoiser.symbol_of(x), cosine_transform(x)
        strengths = torch.logspace(-3, 3, 100)
        images = [cosine_transform(denoiser.transfer(symbol, s) * spectrum, inverse=True) for s in strengths]
        least = min(float((image - clean).square().mean()) for image in images)
        assert float((denoiser.clean(x) - clean).square().mean()) < 1.02 * least


@pytest.mark.parametrize("shape", [(6, 7), (4, 5, 6)])
def test_the_divergence_is_minus_the_adjoint_of_the_gradient(shape: tuple[int, ...], generator: torch.Generator) -> None:
    u = torch.randn((2, *shape), generator=generator)
    p = torch.randn((len(shape), 2, *shape), generator=generator)
    torch.testing.assert_close((gradient(u) * p).sum(), -(u * divergence(p)).sum(), rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("shape", [(1, 64, 96), (2, 8, 16, 24)])
def test_total_variation_reaches_its_minimum(shape: tuple[int, ...], scene: np.ndarray, generator: torch.Generator) -> None:
    """The duality gap, which bounds the distance to the minimum, is below a thousandth of the objective."""
    clean = torch.from_numpy(np.resize(scene, shape)).float() * 10
    x, strength = clean + torch.randn(shape, generator=generator), torch.tensor(0.8)
    u, p = minimise(x, strength, 200)
    assert float(p.square().sum(0).max()) <= 1 + 1e-5
    primal = 0.5 * (u - x).square().sum() + strength * gradient(u).square().sum(0).sqrt().sum()
    dual = 0.5 * x.square().sum() - 0.5 * (x + strength * divergence(p)).square().sum()
    assert 0 <= float(primal - dual) < 1e-3 * float(primal)


def test_total_variation_is_that_of_scikit_image(scene: np.ndarray, rng: np.random.Generator) -> None:
    x = scene[:32, :48] + rng.normal(0, 0.1, (32, 48))
    expected = denoise_tv_chambolle(x, weight=0.08, eps=1e-9, max_num_iter=3000)
    result = minimise(torch.from_numpy(x).float()[None], torch.tensor(0.08), 500)[0][0]
    np.testing.assert_allclose(result, expected, atol=2e-3)


def test_diffusion_without_edges_is_heat(generator: torch.Generator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(diffusion, "EDGE", 1e6)
    smooth = Heat().diffuse(torch.randn((1, 32, 32), generator=generator), 8.0)
    u = smooth
    for _ in range(20):
        u = diffusion.step(u)
    torch.testing.assert_close(u, Heat().diffuse(smooth, 20 / 5), rtol=0, atol=1e-3)


def test_diffusion_keeps_an_edge_that_heat_blurs(generator: torch.Generator) -> None:
    edge = torch.zeros(1, 1, 32, 32)
    edge[..., 16:] = 1
    noisy = edge + 0.1 * torch.randn(edge.shape, generator=generator)
    kept, blurred = (denoisers.load(name)(noisy, 0.1) for name in ("perona-malik", "heat"))
    assert float((kept - edge).square().mean()) < 0.5 * float((blurred - edge).square().mean())


def test_wavelet_coefficients_come_back_where_nothing_is_shrunk(
    rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wavelet, "shrink", lambda band, window: band)
    for shape in ((20, 33), (5, 9, 12)):
        x = rng.normal(size=shape).astype(np.float32)
        np.testing.assert_allclose(wavelet.Wavelet().clean_array(x), x, atol=1e-5)


def test_white_noise_has_level_1_in_every_wavelet_subband(rng: np.random.Generator) -> None:
    """This is what the shrinkage takes for granted of PyWavelets."""
    scales = pywt.swtn(rng.normal(size=(256, 256)), wavelet.WAVELET, wavelet.LEVELS[2], trim_approx=True)[1:]
    for band in (band for scale in scales for band in scale.values()):
        assert np.std(band) == pytest.approx(1, rel=0.1)


def test_wavelets_shrink_as_wiener_would(rng: np.random.Generator) -> None:
    """A subband of known variance, seen through a window that is all of it."""
    signal = 20 * rng.normal(size=(64, 64))
    band = signal + rng.normal(size=(64, 64))
    np.testing.assert_allclose(wavelet.shrink(band, 63), band * 400 / 401, rtol=2e-3)
    assert np.abs(wavelet.shrink(rng.normal(size=(64, 64)), 33)).max() == 0


@pytest.mark.parametrize("shape", [(1, 1), (9, 20), (4, 5, 9)])
def test_patches_cover_the_image_and_fold_back(shape: tuple[int, ...], generator: torch.Generator) -> None:
    image = torch.randn(shape, generator=generator)
    patches, places = unfold(image, 4, stride=2)
    torch.testing.assert_close(fold(patches, places, image), image)
    some, _ = unfold(image, 4, stride=1, most=10)
    assert 1 <= len(some) <= 10


@pytest.mark.parametrize("axes", [2, 3])
def test_cosine_atoms_have_unit_norm_and_mean_0(axes: int) -> None:
    atoms = overcomplete_cosines(axes)
    torch.testing.assert_close(atoms.norm(dim=1), torch.ones(len(atoms)))
    assert atoms.sum(1).abs().max() < 1e-4


def test_pursuit_finds_the_atoms_of_a_sparse_signal(generator: torch.Generator) -> None:
    """Random atoms are nearly orthogonal: three of them, of any size above the noise, are found exactly."""
    atoms = torch.nn.functional.normalize(torch.randn((100, 64), generator=generator), dim=1)
    truth = torch.stack([torch.randperm(100, generator=generator)[:3] for _ in range(40)])
    signals = 100 * atoms[truth].sum(1) + torch.randn((40, 64), generator=generator)
    residual, chosen, used = pursue(signals, atoms)
    assert (residual.square().mean(1) < 1.3).all()
    codes = coefficients(signals - residual, atoms, chosen, used)
    torch.testing.assert_close(codes @ atoms, signals - residual, rtol=1e-3, atol=1e-2)
    found = [set(row.nonzero()[:, 0].tolist()) == set(atoms) for row, atoms in zip(codes, truth.tolist(), strict=True)]
    assert sum(found) >= 36


def test_pursuit_leaves_a_residual_orthogonal_to_its_atoms(generator: torch.Generator) -> None:
    atoms = overcomplete_cosines(2)
    signals = 5 * atoms[::40].sum(0) + torch.randn((20, 64), generator=generator)
    residual, chosen, used = pursue(signals, atoms)
    products = torch.einsum("psn,pn->ps", atoms[chosen], residual) * used
    assert products.abs().max() < 1e-3


def test_learned_atoms_are_nearer_to_those_that_made_the_signals(generator: torch.Generator) -> None:
    """Two hidden atoms a signal: learning starts near them, and with single pixels to explain the rest."""
    hidden = torch.nn.functional.normalize(torch.randn((40, 64), generator=generator), dim=1)
    picks = torch.stack([torch.randperm(40, generator=generator)[:2] for _ in range(600)])
    signals = 20 * hidden[picks].sum(1) + torch.randn((600, 64), generator=generator)
    disturbed = torch.nn.functional.normalize(hidden + 0.5 * torch.randn((40, 64), generator=generator) / 8, dim=1)
    start = torch.cat([disturbed, torch.eye(64)])
    learned = learn(start, signals)
    before, after = (1 - (hidden * atoms[:40]).sum(1).mean() for atoms in (start, learned))
    assert after < 0.1 * before
    assert pursue(signals, learned)[2].sum(1).float().mean() < 2.5 < pursue(signals, start)[2].sum(1).float().mean()


def test_the_graph_laplacian_is_symmetric_and_solved_exactly(rng: np.random.Generator, generator: torch.Generator) -> None:
    x = 3 * torch.randn((1, 6, 7), generator=generator)
    links = list(graph.similar(x))
    matrix = graph.laplacian(torch.eye(42).view(42, 6, 7), [(o, w.expand(42, -1, -1)) for o, w in links]).view(42, 42).double()
    torch.testing.assert_close(matrix, matrix.T)
    assert matrix.sum(0).abs().max() < 1e-4
    assert torch.linalg.eigvalsh(matrix).min() > -1e-5
    expected = torch.linalg.solve(torch.eye(42) + graph.STRENGTH * matrix, x.view(42).double())
    torch.testing.assert_close(graph.GraphLaplacian().clean(x).view(42).double(), expected, rtol=0, atol=1e-3)


def test_links_join_pixels_in_reach_whose_surroundings_are_alike() -> None:
    x = torch.zeros(1, 12, 12)
    x[..., 6:] = 100
    links = dict(graph.similar(x))
    assert set(links) == {(y, x) for y in range(4) for x in range(-3, 4) if (y, x) > (0, 0)}
    assert links[0, 1][0, 6, 2] > 0.99
    assert links[3, 0][0, 6, 5] > 0.99
    assert links[0, 1][0, 6, 5] < 1e-3
    assert links[3, 0][0, 9:].abs().max() == 0


def test_bm3d_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bm3d, "find_spec", lambda package: None)
    with pytest.raises(ValueError, match=r'non-commercial use only: pip install "napari-tweedie\[bm3d\]"'):
        denoisers.load("bm3d")(torch.zeros(1, 1, 8, 8), 0.1)

"""Is a network shown what a denoiser would see, and is no file of the user's overwritten?"""

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open
from scipy.ndimage import gaussian_filter, gaussian_filter1d

import napari_tweedie as nt
from napari_tweedie.denoisers import own_networks
from napari_tweedie.denoisers.file import File
from napari_tweedie.engine.learning import MAX_BLOCKS, Source, examples_of, learn_from, resolved, view
from napari_tweedie.engine.learning_session import Session, sources_of
from napari_tweedie.engine.learnt_files import unused, write_learnt
from napari_tweedie.recipe import Recipe
from napari_tweedie.training.learning import Learning
from napari_tweedie.training.tiles import Example

pytestmark = pytest.mark.slow

CPU = torch.device("cpu")
SURE, PAIRS = Learning(objective="sure"), Learning(objective="noise2noise")
QUICK = {"start": "unet-small", "steps": 40, "patch": 32, "learning_rate": 1e-3}


@pytest.fixture
def lattice() -> np.ndarray:
    """A pattern of the finest detail, which no network that is bundled has met."""
    y, x = np.mgrid[:96, :96]
    return 500 + 100 * np.sin(1.3 * x + 0.5 * y) * np.sin(1.3 * y - 0.5 * x)


def examples(source: Source, settings: Learning = SURE) -> list[Example]:
    return list(examples_of(source, settings, CPU))


def test_blocks_of_a_stack_represent_it_in_units_of_its_range(rng: np.random.Generator) -> None:
    image = 1000 + 50 * rng.random((40, 64, 64)) + rng.normal(0, 5, (40, 64, 64))
    blocks = examples(Source(image, Recipe(axes="tyx", noise={"sigma": 5.0})))
    low, high = np.percentile(image, (0.1, 99.9))
    assert len(blocks) == MAX_BLOCKS
    for block in blocks:
        assert tuple(block.noisy.shape) == (1, 1, 64, 64)
        assert block.sigma == pytest.approx(5 / (high - low), rel=0.05)
    np.testing.assert_allclose(blocks[0].noisy[0, 0], (image[0] - low) / (high - low), atol=0.1)


def test_counts_that_were_cut_off_at_zero_are_learnt_from_with_less_noise_there(rng: np.random.Generator) -> None:
    clean = np.repeat([0.0, 60.0], 128)[:, None] * np.ones(256)
    noisy = np.maximum(clean + rng.normal(0, 5, clean.shape), 0).astype(np.float32)
    (found,) = examples(Source(noisy, Recipe(axes="yx", noise={"sigma": 5.0})))
    assert found.levels is not None
    dark, bright = found.levels[0, 0, :112], found.levels[0, 0, 144:]
    assert float(dark.mean()) == pytest.approx((0.5 - 1 / (2 * np.pi)) ** 0.5 * found.sigma, rel=0.08)
    assert float(bright.mean()) == pytest.approx(found.sigma, rel=0.02)
    (even,) = examples(Source(noisy + 100 + rng.normal(0, 50, clean.shape), Recipe(axes="yx", noise={"sigma": 50.0})))
    assert even.levels is None


def test_photon_noise_is_made_the_same_everywhere(rng: np.random.Generator) -> None:
    clean = np.repeat([40.0, 400.0], 128)[:, None] * np.ones(256)
    noise = {"name": "poisson", "gain": 1.0, "offset": 0.0, "read_noise": 0.0}
    source = Source(rng.poisson(clean).astype(np.float32), Recipe(axes="yx", noise=noise), 3 * clean + 100)
    (found,) = examples(source, PAIRS)
    assert found.partner is not None
    for half in (slice(None, 120), slice(136, None)):
        noise_of = (found.noisy - found.partner)[0, 0, half]
        assert float(noise_of.std()) == pytest.approx(found.sigma, rel=0.05)
        assert float(noise_of.mean()) == pytest.approx(0, abs=0.03 * found.sigma)  # the target is the mean of what is seen
    assert found.partner_sigma == 0


def test_the_next_frame_stands_for_a_second_recording(rng: np.random.Generator) -> None:
    """Of the last frame, that before; a frame that has faded is brought to the same brightness."""
    scene = gaussian_filter(rng.normal(0, 1, (64, 64)), 3)
    stack = 100 + 50 * scene / scene.std() * np.array([1.0, 0.8, 0.64])[:, None, None] + rng.normal(0, 2, (3, 64, 64))
    found = examples(Source(stack, Recipe(axes="tyx", noise={"sigma": 2.0})), PAIRS)
    for example, other in zip(found, (1, 2, 1), strict=True):
        difference = example.partner - example.noisy
        assert float(difference.std()) < 2.5 * example.sigma
        assert float(difference.std()) > example.sigma, other
        assert 0.7 * example.sigma < example.partner_sigma < 1.4 * example.sigma


def test_clean_images_get_the_noise_that_is_given(lattice: np.ndarray) -> None:
    known = Source(lattice, Recipe(axes="yx", noise={"sigma": 40.0}), name="lattice")
    clean = Learning(objective="clean")
    (found,) = examples(known, clean)
    assert found.partner is not None
    scale = found.sigma / 40
    assert float((found.noisy - found.partner).std()) == pytest.approx(40 * scale, rel=0.03)
    assert float(found.partner.std()) == pytest.approx(lattice.std() * scale, rel=1e-3)
    with pytest.raises(ValueError, match="give its level"):
        examples(Source(lattice, Recipe(axes="yx")), clean)


def test_what_is_learnt_from_a_clean_image_removes_noise_from_another(
    lattice: np.ndarray, rng: np.random.Generator, tmp_path: Path
) -> None:
    path = tmp_path / "lattice.safetensors"
    made = nt.learn(lattice, path, objective="clean", sigma=60, **QUICK)
    assert made.path is not None
    other = lattice.T[::-1]
    noisy = other + rng.normal(0, 60, other.shape)
    before, after = (nt.denoise(noisy, f, sigma=60).image for f in ("unet-small", {"name": "file", "path": str(path)}))
    assert np.square(after - other).mean() < 0.8 * np.square(before - other).mean()


def test_what_cannot_be_paired_is_named(rng: np.random.Generator) -> None:
    image = gaussian_filter(rng.normal(0, 1, (64, 64)), 2) * 100
    noise = {"sigma": 1.0}
    with pytest.raises(ValueError, match="no repeats, frames or planes of at least two"):
        examples(Source(image, Recipe(axes="yx", noise=noise)), PAIRS)
    with pytest.raises(ValueError, match=r"lies -3.\d pixels along y and \+0.0 along x.*register them first"):
        examples(Source(image, Recipe(axes="yx", noise=noise), np.roll(image, 3, 0)), PAIRS)
    with pytest.raises(ValueError, match="every image needs a target"):
        sources_of([image, image], [image])


def test_the_objective_follows_the_noise_and_what_there_is(lattice: np.ndarray, rng: np.random.Generator) -> None:
    source = Source(lattice, Recipe(axes="yx", noise={"sigma": 40.0}))
    assert resolved(Learning(), [source]).objective.name == "recorrupted2recorrupted"
    assert resolved(Learning(), [Source(lattice, source.recipe, lattice)]).objective.name == "noise2noise"
    assert resolved(Learning(objective="noise2void"), [source]).objective.name == "noise2void"


def test_the_non_local_network_refuses_to_learn_from_correlated_noise(rng: np.random.Generator, lattice: np.ndarray) -> None:
    image = lattice + 20 * gaussian_filter(rng.standard_normal(lattice.shape), 1.0)
    source = Source(image, Recipe(axes="yx", noise={"name": "gaussian", "correlated": True}))
    with pytest.raises(ValueError, match="lidia learns from white noise alone, and this is correlated: start from unet"):
        next(learn_from([source], Learning(objective="sure", start="lidia"), "cpu"))


def test_the_non_local_network_is_adapted_and_its_file_says_what_it_is(
    rng: np.random.Generator, lattice: np.ndarray, tmp_path: Path
) -> None:
    image = lattice + rng.normal(0, 30, lattice.shape)
    settings = Learning(objective="sure", start="lidia", steps=10, batch=2, patch=32, learning_rate=2e-3)
    *_, state = learn_from([Source(image, Recipe(axes="yx", noise={"sigma": 30.0}))], settings, "cpu")
    path = tmp_path / "lattice.safetensors"
    write_learnt(state, path, settings, ["lattice"], 1.0)
    assert "non-local network, width 64, 2 pairs of layers a scale, 57,218 parameters" in path.with_suffix(".md").read_text()
    before, after = (nt.denoise(image, one, sigma=30).image for one in ("lidia", {"name": "file", "path": str(path)}))
    assert np.mean((after - lattice) ** 2) < 0.95 * np.mean((before - lattice) ** 2)


def test_correlated_noise_is_learnt_from_and_removed_in_one_call(
    lattice: np.ndarray, rng: np.random.Generator, tmp_path: Path
) -> None:
    noise = gaussian_filter1d(rng.normal(0, 1, lattice.shape), 1, axis=1)
    image = lattice + 40 * noise / noise.std()
    source = Source(image, Recipe(axes="yx", noise={"name": "gaussian", "correlated": True}))
    *_, state = learn_from([source], Learning(objective="sure", **QUICK), "cpu")
    assert state.network is not None
    assert state.network.levels == 10
    path = tmp_path / "lattice.safetensors"
    write_learnt(state, path, Learning(objective="sure", **QUICK), ["lattice"], 1.0)
    learnt = File(path=path)
    assert learnt.knows_correlation
    before, after = (nt.denoise(image, f, noise=source.recipe.noise, outliers="keep").image for f in ("unet-small", learnt))
    assert np.square(after - lattice).mean() < 0.6 * np.square(before - lattice).mean()


@pytest.mark.parametrize("objective", ["regression", "indi"])
def test_a_restorer_learns_to_undo_what_its_pairs_show(
    lattice: np.ndarray, rng: np.random.Generator, tmp_path: Path, objective: str
) -> None:
    """What a blur has taken away comes back; more passes give another result than one."""
    truth = lattice + 2000 * gaussian_filter(rng.normal(0, 1, lattice.shape), 6)
    blurred = [gaussian_filter(truth, 0.8) + rng.normal(0, 5, lattice.shape) for _ in range(2)]
    made = nt.learn(blurred[0], tmp_path / "r.safetensors", targets=truth, objective=objective, sigma=5.0, **QUICK)
    assert made.gain > 1
    assert "to turn the images named below into their targets" in (tmp_path / "r.md").read_text()
    one, several = (
        nt.denoise(blurred[1], {"name": "file", "path": str(made.path), "passes": passes}, sigma=5.0, outliers="keep").image
        for passes in (1, 4)
    )
    assert np.square(one - truth).mean() < 0.6 * np.square(blurred[1] - truth).mean()
    assert np.abs(several - one).max() > 1


def test_a_sampler_learns_from_pairs_is_calibrated_and_draws(
    lattice: np.ndarray, rng: np.random.Generator, tmp_path: Path
) -> None:
    """Its interval holds about as many pixels of another image as it says."""
    truth = lattice + 2000 * gaussian_filter(rng.normal(0, 1, lattice.shape), 6)
    noisy = [truth + rng.normal(0, 40, lattice.shape) for _ in range(2)]
    settings = {**QUICK, "steps": 60, "patience": 0}
    made = nt.learn(noisy[0], tmp_path / "s.safetensors", targets=truth, objective="pscgan", sigma=40.0, **settings)
    assert "a trained sampler; its score" in made.text
    card = (tmp_path / "s.md").read_text()
    assert "times as wide as they spread" in card
    assert "--sampler trained" in card
    found = nt.sample(noisy[1], sampler={"name": "trained", "path": str(made.path)}, sigma=40.0, outliers="keep")
    held = np.mean((truth >= found.images["lower 90 %"]) & (truth <= found.images["upper 90 %"]))
    assert 0.8 < held < 0.97
    assert np.square(found.image - truth).mean() < 0.5 * np.square(noisy[1] - truth).mean()
    with pytest.raises(ValueError, match="samples are learnt by unet and unet-small"):
        nt.learn(noisy[0], tmp_path / "t.safetensors", targets=truth, objective="pscgan", sigma=40.0, start="csc")


def test_learning_from_an_image_writes_a_network_with_a_card_that_any_recipe_finds(
    lattice: np.ndarray, rng: np.random.Generator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(own_networks.VARIABLE, str(tmp_path))
    image, steps = lattice + rng.normal(0, 40, lattice.shape), []
    made = nt.learn(image, tmp_path / "lattice.safetensors", sigma=40.0, progress=lambda state: steps.append(state.step), **QUICK)
    assert made.path == tmp_path / "lattice.safetensors"
    assert made.gain > 2
    assert steps[-1] == 40
    with safe_open(made.path, "pt") as file:
        assert '"name": "recorrupted2recorrupted"' in file.metadata()["learning"]
    card = made.path.with_suffix(".md").read_text()
    assert f"{made.gain:.2f} dB better" in card
    assert "unet-small" in card
    assert not made.path.with_suffix(".resume").exists()
    found = nt.denoise(image, {"name": "file", "path": str(made.path)}, sigma=40.0, outliers="keep")
    assert np.square(found.image - lattice).mean() < 0.35 * 40**2
    recipe = Recipe.model_validate(found.provenance["recipe"])
    made.path.rename(tmp_path / "renamed.safetensors")
    again = nt.run(recipe, image)
    np.testing.assert_array_equal(again.image, found.image)
    assert recipe.denoiser.sha256[:12] in card
    (tmp_path / "renamed.safetensors").unlink()
    with pytest.raises(ValueError, match=f"no learnt network with the hash {recipe.denoiser.sha256[:12]}"):
        nt.run(recipe, image)


def test_nothing_is_written_where_nothing_is_better(rng: np.random.Generator, tmp_path: Path) -> None:
    made = nt.learn(rng.normal(0, 1, (64, 64)), tmp_path / "n.safetensors", start="unet-small", steps=1, learning_rate=1e-6)
    assert made.path is None
    assert "no network was better" in made.text
    assert list(tmp_path.iterdir()) == []


def test_what_is_seen_while_it_learns_is_the_denoised_image(lattice: np.ndarray, rng: np.random.Generator) -> None:
    recipe = Recipe(axes="yx", noise={"sigma": 40.0})
    still = Learning(objective="sure", start="unet-small", steps=1, learning_rate=1e-6)
    state = next(learn_from([Source(lattice + rng.normal(0, 40, lattice.shape), recipe)], still, "cpu"))
    image = lattice + rng.normal(0, 40, lattice.shape)
    expected = nt.denoise(image, {"name": "unet-small", "precision": "float32"}, sigma=40.0).image
    np.testing.assert_allclose(view(state, image, recipe), expected, atol=0.1)


def test_a_session_says_how_long_it_takes_and_ends_in_time(lattice: np.ndarray, tmp_path: Path) -> None:
    source = Source(lattice, Recipe(axes="yx", noise={"sigma": 40.0}))
    session = Session([source], Learning(**{**QUICK, "steps": 100_000}), tmp_path / "n.safetensors", minutes=1e-4, device="cpu")
    assert len(list(session.states())) == 1
    assert session.seconds_left() <= 0
    assert (tmp_path / "n.resume").exists()
    with pytest.raises(ValueError, match=r"written as \.safetensors"):
        Session([source], Learning(), tmp_path / "n.pt")


def test_a_file_that_exists_is_left_alone(tmp_path: Path) -> None:
    wanted = tmp_path / "cells.safetensors"
    assert unused(wanted) == wanted
    wanted.touch()
    (tmp_path / "cells-2.safetensors").touch()
    assert unused(wanted) == tmp_path / "cells-3.safetensors"

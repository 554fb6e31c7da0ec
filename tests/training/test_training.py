import csv
import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from skimage import io

from napari_tweedie.denoisers.network import load_network
from napari_tweedie.images.files import write
from napari_tweedie.training.data import Images, Source, draw_batch, read_folder
from napari_tweedie.training.export import write_weights
from napari_tweedie.training.loop import Training, _first_network, train
from napari_tweedie.training.losses import draw_noise_level, weighted_squared_error
from napari_tweedie.training.optimiser import step_together
from napari_tweedie.training.packing import pack, unpack
from napari_tweedie.training.synthetic import Synthetic

SMALL = {"widths": (16, 16), "blocks": 1, "batch": 4, "patch": 16, "large_patch": 32}


@pytest.fixture
def sources(scene: np.ndarray) -> list[Source]:
    image = scene.astype(np.float32)
    return [Images([image, image[::2, ::2]], 0.4), Images([image], 0.4, microscope=True), Synthetic(0.2)]


@pytest.mark.slow
def test_training_lowers_the_loss(sources: list[Source], tmp_path: Path) -> None:
    train(Training(steps=120, **SMALL), sources, tmp_path, torch.device("cpu"), every=20)
    losses = [float(line.split('"loss": ')[1].split(",")[0]) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert len(losses) == 6
    assert losses[-1] < 0.7 * losses[0]


def _whole_and_resumed(
    settings: Training, sources: list[Source], folder: Path, monkeypatch: pytest.MonkeyPatch, every: int
) -> torch.nn.Module:
    """Train in one go; check that a run that was cut off and resumed ends as that."""
    whole = train(settings, sources, folder / "whole", torch.device("cpu"), every=every)
    with monkeypatch.context() as patch:
        patch.setattr("napari_tweedie.training.loop.weighted_squared_error", _fails_at(5))
        with pytest.raises(KeyboardInterrupt):
            train(settings, sources, folder / "parts", torch.device("cpu"), every=every)
    resumed = train(settings, sources, folder / "parts", torch.device("cpu"), every=every)
    for one, other in zip(whole.parameters(), resumed.parameters(), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-7)
    return whole


def test_a_resumed_run_equals_an_uninterrupted_one(
    sources: list[Source], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Training(steps=8, **SMALL)
    _whole_and_resumed(settings, sources, tmp_path, monkeypatch, every=4)


def _fails_at(step: int) -> object:
    calls = []

    def loss(*arguments: torch.Tensor) -> torch.Tensor:
        calls.append(1)
        if len(calls) > step:
            raise KeyboardInterrupt
        return weighted_squared_error(*arguments)

    return loss


def test_exported_weights_are_loaded_back(sources: list[Source], tmp_path: Path) -> None:
    settings = Training(steps=2, **SMALL)
    network = train(settings, sources, tmp_path, torch.device("cpu"))
    write_weights(network, tmp_path / "net.safetensors", training=settings.model_dump_json())
    loaded = load_network(tmp_path / "net.safetensors", torch.device("cpu"))
    x = torch.rand(1, 1, 16, 16)
    torch.testing.assert_close(loaded(x, torch.tensor([0.1])), network(x, torch.tensor([0.1])), rtol=2e-2, atol=1e-3)


def test_training_starts_from_given_weights(sources: list[Source], tmp_path: Path) -> None:
    settings = Training(steps=2, **SMALL)
    first = train(settings, sources, tmp_path / "first", torch.device("cpu"))
    path = tmp_path / "first.safetensors"
    write_weights(first, path)
    still = settings.model_copy(update={"learning_rate": 1e-12})
    second = train(still, sources, tmp_path / "second", torch.device("cpu"), start=path)
    for one, other in zip(first.parameters(), second.parameters(), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-6)
    other_widths = settings.model_copy(update={"widths": (16, 32)})
    with pytest.raises(ValueError, match="holds widths"):
        train(other_widths, sources, tmp_path / "third", torch.device("cpu"), start=path)


def test_the_non_local_network_is_trained_resumed_and_loaded_back(
    sources: list[Source], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A step has two losses, that of the guide and that of the result."""
    settings = Training(architecture="lidia", widths=(16,), blocks=1, steps=4, batch=1, patch=32, large_patch=32)
    whole = _whole_and_resumed(settings, sources, tmp_path, monkeypatch, every=2)
    path = tmp_path / "net.safetensors"
    write_weights(whole, path)
    loaded, x = load_network(path, torch.device("cpu")), torch.rand(1, 1, 16, 16)
    torch.testing.assert_close(loaded(x, torch.tensor([0.1])), whole(x, torch.tensor([0.1])), rtol=2e-2, atol=2e-3)
    still = settings.model_copy(update={"learning_rate": 1e-12})
    again = train(still, sources, tmp_path / "again", torch.device("cpu"), start=path)
    for one, other in zip(whole.parameters(), again.parameters(), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-4)
    with pytest.raises(ValueError, match="holds the architecture lidia"):
        train(Training(steps=1, **SMALL), sources, tmp_path / "other", torch.device("cpu"), start=path)


@pytest.mark.parametrize("architecture", ["csc", "deep-ksvd"])
def test_networks_of_sparse_coding_are_trained_resumed_and_loaded_back(
    architecture: str, sources: list[Source], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Training(architecture=architecture, widths=(16,), blocks=1, steps=6, batch=1, patch=32, large_patch=32)
    whole = _whole_and_resumed(settings, sources, tmp_path, monkeypatch, every=2)
    path = tmp_path / "net.safetensors"
    write_weights(whole, path)
    loaded, x = load_network(path, torch.device("cpu")), torch.rand(1, 1, 16, 16)
    torch.testing.assert_close(loaded(x, torch.tensor([0.1])), whole(x, torch.tensor([0.1])), rtol=2e-2, atol=2e-3)
    with pytest.raises(ValueError, match=f"holds the architecture {architecture}"):
        train(Training(steps=1, **SMALL), sources, tmp_path / "other", torch.device("cpu"), start=path)


@pytest.mark.parametrize("wrong", [{"widths": (16, 16)}, {"widths": (16,), "levels": True}])
def test_the_non_local_network_has_one_width_and_one_level(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="lidia has one width"):
        Training(architecture="lidia", **wrong)


def test_weights_for_white_noise_grow_into_ones_for_any(sources: list[Source], tmp_path: Path) -> None:
    """What they were trained for they do as before; then batches of every kind of noise teach them more."""
    path = tmp_path / "white.safetensors"
    white = train(Training(steps=2, **SMALL), sources, tmp_path / "white", torch.device("cpu"))
    write_weights(white, path)
    every = Training(steps=1, learning_rate=1e-12, levels=True, coloured=0.4, uneven=0.3, photons=0.3, **SMALL)
    grown = train(every, sources, tmp_path / "still", torch.device("cpu"), start=path)
    x, sigma = torch.rand(2, 1, 16, 16), torch.tensor([0.1, 0.3])
    torch.testing.assert_close(grown(x, sigma), white(x, sigma), rtol=2e-2, atol=1e-3)
    fast = every.model_copy(update={"steps": 20, "learning_rate": 1e-2})
    moved = train(fast, sources, tmp_path / "any", torch.device("cpu"), start=path)
    write_weights(moved, tmp_path / "any.safetensors")
    loaded = load_network(tmp_path / "any.safetensors", torch.device("cpu"))
    assert loaded.levels == 10
    levels = torch.rand(2, 10, 1, 1)
    torch.testing.assert_close(loaded(x, levels), moved(x, levels), rtol=5e-2, atol=5e-3)
    assert (loaded(x, levels) - loaded(x, levels.flip(1))).abs().max() > 0  # scales are told apart now


def test_kinds_of_noise_come_in_their_shares() -> None:
    settings = Training(coloured=0.3, uneven=0.2, photons=0.1)
    rng = np.random.default_rng(0)
    names = [settings.noise(rng).__name__ for _ in range(4000)]
    for name, share in (("coloured", 0.3), ("uneven", 0.2), ("photons", 0.1), ("white", 0.4)):
        assert names.count(name) / 4000 == pytest.approx(share, abs=0.03)


def test_nothing_to_train_on_is_refused() -> None:
    with pytest.raises(ValueError, match="nothing to train on"):
        draw_batch([Synthetic(0.0)], 1, 16, np.random.default_rng(0))


def test_only_files_with_an_accepted_licence_are_read(tmp_path: Path) -> None:
    folder = tmp_path / "cells"
    folder.mkdir()
    for name in ("a", "b"):
        io.imsave(folder / f"{name}.png", np.full((8, 8), 255 if name == "a" else 0, np.uint8), check_contrast=False)
    with (tmp_path / "MANIFEST.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("file", "licence_class"), ("cells/a.png", "open"), ("cells/b.png", "NC")])
    (image,) = read_folder(folder, frozenset({"open"}))
    assert image.mean() == 1
    with pytest.raises(FileNotFoundError, match="no image with a licence among"):
        read_folder(folder, frozenset({"research"}))


def test_batches_are_seeded_and_of_the_asked_size(sources: list[Source]) -> None:
    first, second = (draw_batch(sources, 6, 80, np.random.default_rng(1)) for _ in range(2))
    assert first.shape == (6, 1, 80, 80)
    np.testing.assert_array_equal(first, second)
    assert np.isfinite(first).all()


def test_noise_levels_cover_zero_to_one() -> None:
    rng = np.random.default_rng(0)
    levels = np.array([draw_noise_level(rng) for _ in range(10_000)])
    assert 0 <= levels.min() < 0.001
    assert 0.99 < levels.max() <= 1
    assert (levels < 75 / 255).mean() == pytest.approx(0.85, abs=0.02)


def test_the_loss_weighs_samples_by_their_noise() -> None:
    clean = torch.zeros(2, 1, 4, 4)
    error = torch.full((2, 1, 4, 4), 0.1)
    one, other = (weighted_squared_error(error[:1], clean[:1], torch.tensor([sigma])) for sigma in (0.05, 0.5))
    both = weighted_squared_error(error, clean, torch.tensor([0.05, 0.5]))
    torch.testing.assert_close(both, (one + other) / 2)
    assert one > 10 * other


def test_packed_images_are_read_back(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    coarse = (rng.integers(0, 256, (40, 30)) / 255).astype(np.float32)
    fine = rng.normal(0.5, 0.2, (20, 300)).astype(np.float32)
    side = pack({"photographs": [coarse], "microscopy-0": [fine, coarse]}, tmp_path / "images.zip")
    groups = unpack(tmp_path / "images.zip")
    assert side == 1024
    assert {name: len(images) for name, images in groups.items()} == {"photographs": 1, "microscopy-0": 2}
    np.testing.assert_allclose(groups["photographs"][0], coarse, rtol=0, atol=1e-6)
    np.testing.assert_allclose(groups["microscopy-0"][0], fine, rtol=0, atol=3e-5)


def test_images_are_cut_until_they_fit(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (700, 700)).astype(np.float32) / 255
    assert pack({"photographs": [noise]}, tmp_path / "images.zip", limit=0.2) == 416
    assert (tmp_path / "images.zip").stat().st_size < 200_000
    (image,) = unpack(tmp_path / "images.zip")["photographs"]
    np.testing.assert_array_equal(image, noise[142:558, 142:558])
    with pytest.raises(ValueError, match=r"do not fit into 0\.001 MB"):
        pack({"photographs": [noise]}, tmp_path / "images.zip", limit=0.001)


@pytest.mark.parametrize("nesterov", [True, False])
def test_matrices_of_a_shape_move_together_as_they_do_alone(nesterov: bool) -> None:
    """The step of torch's own Muon is the oracle."""
    generator = torch.Generator().manual_seed(0)
    shapes = [(16, 144), (16, 144), (32, 16), (16, 144)]
    first = [torch.nn.Parameter(torch.randn(shape, generator=generator)) for shape in shapes]
    second = [torch.nn.Parameter(weight.detach().clone()) for weight in first]
    alone, together = (
        torch.optim.Muon(weights, lr=0.02, weight_decay=0.0, nesterov=nesterov, adjust_lr_fn="match_rms_adamw")
        for weights in (first, second)
    )
    for _ in range(3):
        for weight, twin in zip(first, second, strict=True):
            weight.grad = torch.randn(weight.shape, generator=generator)
            twin.grad = weight.grad.clone()
        alone.step()
        step_together(together)
    for weight, twin in zip(first, second, strict=True):
        torch.testing.assert_close(weight, twin, rtol=1e-2, atol=1e-3)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_gpu_trains_compiled_and_in_half_precision(sources: list[Source], tmp_path: Path) -> None:
    settings = Training(steps=60, levels=True, coloured=0.3, uneven=0.3, precision="bfloat16", compile=True, workers=2, **SMALL)
    train(settings, sources, tmp_path, torch.device("cuda"), every=20)
    losses = [json.loads(line)["loss"] for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert losses[-1] < losses[0]


def test_batches_prepared_ahead_are_the_same(sources: list[Source], tmp_path: Path) -> None:
    settings = Training(steps=4, coloured=0.5, uneven=0.5, **SMALL)
    one = train(settings, sources, tmp_path / "one", torch.device("cpu"))
    other = train(settings.model_copy(update={"workers": 2}), sources, tmp_path / "other", torch.device("cpu"))
    for here, there in zip(one.parameters(), other.parameters(), strict=True):
        torch.testing.assert_close(here, there, rtol=1e-5, atol=1e-7)


def test_images_to_train_on_may_be_colour_flat_stacks_or_files_of_any_kind(tmp_path: Path) -> None:
    grey, colour = np.arange(48, dtype=np.uint8).reshape(6, 8), np.full((6, 8, 3), (10, 20, 60), np.uint8)
    io.imsave(tmp_path / "a.png", grey, check_contrast=False)
    io.imsave(tmp_path / "b.png", colour, check_contrast=False)
    write(tmp_path / "c.tif", np.full((2, 6, 8), 7.5, np.float32), "tyx")
    a, b, c, d = read_folder(tmp_path, frozenset())
    np.testing.assert_allclose(a, grey / 255, atol=1e-6)
    np.testing.assert_allclose(b, np.full((6, 8), 30 / 255), atol=1e-6)
    np.testing.assert_array_equal([c, d], np.zeros((2, 6, 8)))


@pytest.mark.parametrize("content", [b"no image", b"", b"II*\x00\x08\x00\x00\x00\xff\xff"])
def test_a_damaged_image_to_train_on_is_named(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.tif").write_bytes(content)
    with pytest.raises(ValueError, match=r"a\.tif cannot be read as an image"):
        read_folder(tmp_path, frozenset())


def test_missing_pixels_to_train_on_are_named(tmp_path: Path) -> None:
    write(tmp_path / "a.tif", np.array([[1, np.nan], [2, 3]], np.float32), "yx")
    with pytest.raises(ValueError, match=r"a\.tif holds pixels that are no numbers: leave it out"):
        read_folder(tmp_path, frozenset())


@pytest.mark.parametrize("content", [b"no archive", b""])
def test_an_archive_that_pack_did_not_write_is_named(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(content)
    with zipfile.ZipFile(tmp_path / "b.zip", "w") as archive:
        archive.writestr("medical/0.png", content or b"x")
    for name in ("a.zip", "b.zip"):
        with pytest.raises(ValueError, match=rf"{name} holds no images as `pack` writes them"):
            unpack(tmp_path / name)


def test_weights_to_begin_with_that_are_none_are_refused_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "text.safetensors").write_bytes(b"no weights at all")
    with pytest.raises(ValueError, match="holds no weights of this plugin's networks"):
        _first_network(Training(), tmp_path / "text.safetensors")


def test_a_checkpoint_that_is_none_is_named(sources: list[Source], tmp_path: Path) -> None:
    settings = Training(steps=1, **SMALL)
    for content in (b"no checkpoint", b""):
        (tmp_path / "checkpoint.pt").write_bytes(content)
        with pytest.raises(ValueError, match=r"checkpoint.pt is no checkpoint of this network"):
            train(settings, sources, tmp_path, torch.device("cpu"))
    (tmp_path / "checkpoint.pt").unlink()
    train(settings, sources, tmp_path, torch.device("cpu"))
    with pytest.raises(ValueError, match="no checkpoint of this network"):
        train(settings.model_copy(update={"widths": (32, 32)}), sources, tmp_path, torch.device("cpu"))

"""Commands that train networks, and adapt one to an image."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.progress import track

if TYPE_CHECKING:
    from napari_tweedie.training.data import Images, Source

LICENCES = ("open", "repo-open", "research")

Folders = Annotated[list[Path], typer.Option(exists=True, file_okay=False, help="Folder of images; may be given again.")]
Start = Annotated[Path | None, typer.Option("--from", exists=True, help="Weights to start from: safetensors of `train`.")]
Settings = Annotated[str, typer.Option(help="JSON of the settings that differ from their defaults.")]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1, mps.")]


def train(
    out: Annotated[Path, typer.Argument(help="Folder of checkpoint, log, settings and, at the end, weights.safetensors.")],
    photographs: Folders = [],
    microscopy: Folders = [],
    medical: Folders = [],
    synthetic: Annotated[float, typer.Option(min=0, max=1, help="Share of drawn images in every batch.")] = 0.0,
    licence: Annotated[list[str], typer.Option(help="Licence classes of MANIFEST.csv to accept.")] = [*LICENCES],
    start: Start = None,
    settings: Settings = "{}",
    device: Device = "auto",
) -> None:
    """Train a network from folders of images and drawn ones; the same command goes on after an interruption."""
    from napari_tweedie.core import device as devices
    from napari_tweedie.training.data import Images, read_folder
    from napari_tweedie.training.export import write_weights
    from napari_tweedie.training.loop import Training
    from napari_tweedie.training.loop import train as run
    from napari_tweedie.training.synthetic import Synthetic

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    training = Training.model_validate_json(settings)
    out.mkdir(parents=True, exist_ok=True)
    (out / "settings.json").write_text(training.model_dump_json(indent=2))

    def images(folders: list[Path], share: float, microscope: bool = True) -> Images:
        found = [image for folder in folders for image in read_folder(folder, frozenset(licence))]
        return Images(found, share * (1 - synthetic) if found else 0.0, microscope)

    sources: list[Source] = [images(photographs, 0.65, microscope=False), images(medical, 0.10)]
    sources += [images([folder], 0.25 / len(microscopy)) for folder in microscopy]
    network = run(training, [*sources, Synthetic(synthetic)], out, devices.pick(device), start=start)
    write_weights(network, out / "weights.safetensors", training=training.model_dump_json())


def adapt(
    image: Annotated[Path, typer.Argument(help="Noisy image: TIFF, OME-TIFF, PNG or JPEG.")],
    weights: Annotated[Path, typer.Argument(help="safetensors to write.")],
    sigma: Annotated[float | None, typer.Option(help="Noise level in grey levels; estimated if left out.")] = None,
    start: Start = None,
    settings: Settings = "{}",
    device: Device = "auto",
) -> None:
    """Adapt a network to the noise and the structures of an image, without a clean one."""
    from napari_tweedie.engine.adaptation import START, adapt_to, save_adapted
    from napari_tweedie.images.files import read
    from napari_tweedie.recipe.recipe import Recipe
    from napari_tweedie.training.adapt import Adaptation

    if weights.suffix != ".safetensors":
        raise ValueError(f"weights are written as .safetensors (got {weights.name})")
    adaptation = Adaptation.model_validate_json(settings)
    picture, source = read(image), start or START
    recipe = Recipe(axes=picture.axes, noise={} if sigma is None else {"sigma": sigma}, device=device)
    states = adapt_to(picture.data, recipe, adaptation, source)
    for state in track(states, f"adapt to {image.name}", total=adaptation.steps, transient=True):
        last = state
    save_adapted(last, weights, adaptation, source)
    typer.echo(f"{image.name}: {last.gain:.2f} dB better, estimated on pixels held out" if last.gain else
               f"{image.name}: no network was better beyond doubt; {weights.name} holds the one before")  # fmt: skip

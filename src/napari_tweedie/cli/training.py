"""Commands that train networks, and adapt one to an image."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.progress import track

if TYPE_CHECKING:
    from napari_tweedie.training.data import Image, Source

LICENCES = ("open", "repo-open", "research")
SHARES = {"photographs": 0.65, "microscopy": 0.25, "medical": 0.10}
"""Of what is drawn from images; the folders of micrographs count alike."""

Folders = Annotated[list[Path], typer.Option(exists=True, file_okay=False, help="Folder of images; may be given again.")]
Licences = Annotated[list[str], typer.Option(help="Licence classes of MANIFEST.csv to accept.")]
Start = Annotated[Path | None, typer.Option("--from", exists=True, help="Weights to start from: safetensors of `train`.")]
Settings = Annotated[str, typer.Option(help="JSON of the settings that differ from their defaults.")]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1, mps.")]


def train(
    out: Annotated[Path, typer.Argument(help="Folder of checkpoint, log, settings and, at the end, weights.safetensors.")],
    photographs: Folders = [],
    microscopy: Folders = [],
    medical: Folders = [],
    packed: Annotated[Path | None, typer.Option(exists=True, help="A file of `pack`, in place of folders.")] = None,
    synthetic: Annotated[float, typer.Option(min=0, max=1, help="Share of drawn images in every batch.")] = 0.0,
    licence: Licences = [*LICENCES],
    start: Start = None,
    settings: Settings = "{}",
    device: Device = "auto",
) -> None:
    """Train a network from images and drawn ones; the same command goes on after an interruption."""
    from napari_tweedie.core import device as devices
    from napari_tweedie.training.data import Images
    from napari_tweedie.training.export import write_weights
    from napari_tweedie.training.loop import Training
    from napari_tweedie.training.loop import train as run
    from napari_tweedie.training.packing import unpack
    from napari_tweedie.training.synthetic import Synthetic

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    training = Training.model_validate_json(settings)
    out.mkdir(parents=True, exist_ok=True)
    (out / "settings.json").write_text(training.model_dump_json(indent=2))
    groups = unpack(packed) if packed else _groups(photographs, microscopy, medical, licence)
    sources: list[Source] = [Synthetic(synthetic)]
    for kind, share in SHARES.items():
        names = [name for name in groups if name.startswith(kind)]
        sources += [Images(groups[n], share * (1 - synthetic) / len(names), kind != "photographs") for n in names]
    network = run(training, sources, out, devices.pick(device), start=start)
    write_weights(network, out / "weights.safetensors", training=training.model_dump_json())


def pack(
    out: Annotated[Path, typer.Argument(help="The file to write, .zip.")],
    photographs: Folders = [],
    microscopy: Folders = [],
    medical: Folders = [],
    licence: Licences = [*LICENCES],
    limit: Annotated[float, typer.Option(min=1, help="Size in MB that the file stays below.")] = 60.0,
) -> None:
    """Put the images of a training run into one file, to train on another machine."""
    from napari_tweedie.training.packing import pack as write

    groups = _groups(photographs, microscopy, medical, licence)
    side = write(groups, out, limit)
    typer.echo(f"{out.name}: {sum(map(len, groups.values()))} images, the middle {side} × {side} pixels of larger ones")


def _groups(photographs: list[Path], microscopy: list[Path], medical: list[Path], licence: list[str]) -> dict[str, list[Image]]:
    """Return images by group: all photographs, all medical ones, and every folder of micrographs, which count alike."""
    from napari_tweedie.training.data import read_folder

    folders = {"photographs": photographs, "medical": medical}
    folders |= {f"microscopy-{number}": [folder] for number, folder in enumerate(microscopy)}
    return {
        name: [image for folder in found for image in read_folder(folder, frozenset(licence))]
        for name, found in folders.items()
        if found
    }


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

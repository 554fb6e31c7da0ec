"""Commands that train networks, and adapt one to an image."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.progress import Progress

if TYPE_CHECKING:
    from pydantic import BaseModel

    from napari_tweedie.training.data import Image, Images
    from napari_tweedie.training.synthetic import Synthetic

LICENCES = ("open", "repo-open", "research")
SHARES = {"photographs": 0.65, "microscopy": 0.25, "medical": 0.10}
"""Of what is drawn from images; the folders of micrographs count alike."""

Out = Annotated[Path, typer.Argument(help="Folder of checkpoint, log, settings and, at the end, weights.safetensors.")]
Folders = Annotated[list[Path], typer.Option(exists=True, file_okay=False, help="Folder of images; may be given again.")]
Licences = Annotated[list[str], typer.Option(help="Licence classes of MANIFEST.csv to accept.")]
Packed = Annotated[Path | None, typer.Option(exists=True, help="A file of `pack`, in place of folders.")]
Drawn = Annotated[float, typer.Option(min=0, max=1, help="Share of drawn images in every batch.")]
Start = Annotated[Path | None, typer.Option("--from", exists=True, help="Weights to start from: safetensors of `train`.")]
Settings = Annotated[str, typer.Option(help="JSON of the settings that differ from their defaults.")]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1, mps.")]


def train(
    out: Out,
    photographs: Folders = [],
    microscopy: Folders = [],
    medical: Folders = [],
    packed: Packed = None,
    synthetic: Drawn = 0.0,
    licence: Licences = [*LICENCES],
    start: Start = None,
    settings: Settings = "{}",
    device: Device = "auto",
) -> None:
    """Train a network from images and drawn ones; the same command goes on after an interruption."""
    from napari_tweedie.core import device as devices
    from napari_tweedie.core.sentences import sentences
    from napari_tweedie.training.export import write_weights
    from napari_tweedie.training.loop import Training
    from napari_tweedie.training.loop import train as run

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    with sentences():
        training = Training.model_validate_json(settings)
    sources = sources_of(packed, photographs, microscopy, medical, licence, synthetic)
    place = devices.pick(device)
    begun(out, training)
    network = run(training, sources, out, place, start=start)
    write_weights(network, out / "weights.safetensors", training=training.model_dump_json())


def unroll(
    out: Out,
    photographs: Folders = [],
    microscopy: Folders = [],
    medical: Folders = [],
    packed: Packed = None,
    synthetic: Drawn = 0.0,
    licence: Licences = [*LICENCES],
    settings: Settings = '{"degradation": {"name": "gaussian-blur"}}',
    device: Device = "auto",
) -> None:
    """Train the solver `unrolled` for a degradation, from clean images; the same command goes on after an interruption."""
    from napari_tweedie.core import device as devices
    from napari_tweedie.core.sentences import sentences
    from napari_tweedie.training.export import write_weights
    from napari_tweedie.training.unrolling import Unrolling, train_unrolled

    with sentences():
        chosen = Unrolling.model_validate_json(settings)
    sources = sources_of(packed, photographs, microscopy, medical, licence, synthetic)
    place = devices.pick(device)
    begun(out, chosen)
    with Progress(transient=True) as bar:
        task = bar.add_task(f"train for {chosen.degradation.name}", total=chosen.steps)
        network, schedule = train_unrolled(chosen, sources, out, place, lambda step, loss: bar.update(task, completed=step))
    write_weights(network, out / "weights.safetensors", unrolled=schedule.described(), training=chosen.model_dump_json())
    typer.echo(f"{out / 'weights.safetensors'}: {chosen.turns} turns, trained for {chosen.degradation.name}")


def begun(out: Path, settings: BaseModel) -> None:
    """Make the folder of a training, and write its settings there."""
    from napari_tweedie.images.files import made_folder

    made_folder(out)
    (out / "settings.json").write_text(settings.model_dump_json(indent=2))


def sources_of(
    packed: Path | None,
    photographs: list[Path],
    microscopy: list[Path],
    medical: list[Path],
    licence: list[str],
    synthetic: float,
    shares: Mapping[str, float] = SHARES,
) -> list[Images | Synthetic]:
    """Return where patches come from, with their shares: those given are of what is drawn from images."""
    from napari_tweedie.training.data import Images
    from napari_tweedie.training.packing import unpack
    from napari_tweedie.training.synthetic import Synthetic

    if packed and (photographs or microscopy or medical):
        raise ValueError(f"--packed {packed} is in place of folders of images: give the one or the others")
    groups = _groups(photographs, microscopy, medical, licence) | (unpack(packed) if packed else {})
    sources: list[Images | Synthetic] = [Synthetic(synthetic)]
    for kind, share in shares.items():
        names = [name for name in groups if name.startswith(kind)]
        sources += [Images(groups[n], share * (1 - synthetic) / len(names), kind != "photographs") for n in names]
    if not groups and not synthetic > 0:
        raise ValueError("there is nothing to train from: give folders of images, --packed, or --synthetic above 0")
    return sources


def pack(
    out: Annotated[Path, typer.Argument(help="The file to write, .zip.")],
    photographs: Folders = [],
    microscopy: Folders = [],
    medical: Folders = [],
    licence: Licences = [*LICENCES],
    limit: Annotated[float, typer.Option(min=1, help="Size in MB that the file stays below.")] = 60.0,
) -> None:
    """Put the images of a training run into one file, to train on another machine."""
    from napari_tweedie.images.files import check_place
    from napari_tweedie.training.packing import pack as write

    check_place(out, ".zip")
    groups = _groups(photographs, microscopy, medical, licence)
    side = write(groups, out, limit)
    typer.echo(f"{out.name}: {sum(map(len, groups.values()))} images, the middle {side} × {side} pixels of larger ones")


def _groups(photographs: list[Path], microscopy: list[Path], medical: list[Path], licence: list[str]) -> dict[str, list[Image]]:
    """Return images by group: all photographs, all medical ones, and every folder of micrographs, which count alike."""
    from napari_tweedie.training.data import check_licences, read_folder

    check_licences(licence, [*photographs, *microscopy, *medical], LICENCES)
    folders = {"photographs": photographs, "medical": medical}
    folders |= {f"microscopy-{number}": [folder] for number, folder in enumerate(microscopy)}
    return {
        name: [image for folder in found for image in read_folder(folder, frozenset(licence))]
        for name, found in folders.items()
        if found
    }


def adapt(
    images: Annotated[list[Path], typer.Argument(help="Noisy images, TIFF, OME-Zarr, PNG or JPEG, or folders of them.")],
    weights: Annotated[Path, typer.Argument(help="safetensors to write; a model card comes beside it.")],
    targets: Annotated[
        Path | None, typer.Option(help="Folder of targets, in the order of the images' names; or one file.")
    ] = None,
    objective: Annotated[str, typer.Option(help="auto, or an objective that `list` names.")] = "auto",
    begin: Annotated[
        str, typer.Option("--start", help="unet, unet-small, lidia, csc, deep-ksvd, or fresh: one that knows nothing yet.")
    ] = "unet",
    sigma: Annotated[float | None, typer.Option(help="Noise level in grey levels; estimated if left out.")] = None,
    minutes: Annotated[float, typer.Option(min=0, help="Longest time to take; 0: no limit.")] = 0.0,
    start: Start = None,
    settings: Settings = "{}",
    device: Device = "auto",
) -> None:
    """Learn from noisy images, with no clean one; the same command goes on after an interruption."""
    from napari_tweedie.engine.learning_session import Session, sources_of
    from napari_tweedie.training.learning import Learning

    given = {"objective": objective, "start": begin, **({} if start is None else {"weights": start}), **parsed(settings)}
    found = [path for image in images for path in _images(image)]
    others = None if targets is None else _images(targets)
    known: dict[str, Any] = {} if sigma is None else {"noise": {"name": "gaussian", "sigma": sigma}}
    session = Session(sources_of(found, others, device=device, **known), Learning(**given), weights, minutes, device)
    with Progress(transient=True) as bar:
        task = bar.add_task(f"learn from {len(found)} images" if len(found) > 1 else f"learn from {found[0].name}")
        for state in session.states():
            bar.update(task, completed=state.step, total=state.total)
    typer.echo(session.store().text)


def package(
    image: Annotated[Path, typer.Argument(exists=True, help="An image with the noise that the package is for.")],
    out: Annotated[Path, typer.Argument(help="The package to write, .zip.")],
    denoiser: Annotated[str, typer.Option(help="unet, unet-small, or weights that were learnt, .safetensors.")] = "unet",
    sigma: Annotated[float | None, typer.Option(help="Noise level in grey levels; measured if left out.")] = None,
    name: Annotated[str, typer.Option(help="What it is called; that of the file if left out.")] = "",
    author: Annotated[str, typer.Option(help="Who made it.")] = "",
    licence: Annotated[str, typer.Option(help="Licence of learnt weights, such as CC-BY-4.0.")] = "",
) -> None:
    """Write a network as a bioimage.io package, for other programs."""
    from napari_tweedie.engine.packages import write_package

    write_package(image, out, denoiser, sigma=sigma, name=name, author=author, licence=licence)
    typer.echo(f"{out.name}: {denoiser}, at the noise of {image.name}")


def parsed(settings: str) -> dict[str, Any]:
    """Return settings given as JSON.

    Raises
    ------
    ValueError
        If it is no JSON, or no object.
    """
    try:
        found = json.loads(settings)
    except ValueError as error:
        raise ValueError(f'settings are JSON such as {{"steps": 800}}: {error}') from None
    if not isinstance(found, dict):
        raise ValueError(f'settings are a JSON object such as {{"steps": 800}} (got {settings})')
    return found


def _images(path: Path) -> list[Path]:
    """Return the images of a folder in the order of their names, or a file or OME-Zarr alone."""
    if not path.is_dir() or path.suffix == ".zarr":
        return [path]
    from napari_tweedie.files.batch import find

    return find(str(path))

"""Train a network from folders of images: ``python -m napari_tweedie.training --help``."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Annotated

import torch
import typer

from napari_tweedie.training.data import Image, Source, read_folder
from napari_tweedie.training.export import write_weights
from napari_tweedie.training.loop import Training, train

LICENCES = ("open", "repo-open", "research")
Folders = Annotated[list[Path], typer.Option(exists=True, file_okay=False)]


def main(
    out: Annotated[Path, typer.Argument(help="Folder of checkpoint, log, settings and, at the end, weights.safetensors.")],
    photographs: Folders,
    microscopy: Folders,
    medical: Folders,
    licence: Annotated[list[str], typer.Option(help="Licence classes of MANIFEST.csv to accept.")] = [*LICENCES],
    settings: Annotated[str, typer.Option(help="JSON of the settings that differ from their defaults.")] = "{}",
    device: Annotated[str, typer.Option(help="cpu, cuda or mps.")] = "cpu",
) -> None:
    """Train a denoiser; run the same command again to go on after an interruption."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    training = Training.model_validate_json(settings)
    out.mkdir(parents=True, exist_ok=True)
    (out / "settings.json").write_text(training.model_dump_json(indent=2))

    def images(folders: list[Path]) -> list[Image]:
        return [image for folder in folders for image in read_folder(folder, frozenset(licence))]

    sources = [
        Source(images(photographs), share=0.70),
        Source(images(microscopy), share=0.20, microscope=True),
        Source(images(medical), share=0.10, microscope=True),
    ]
    network = train(training, sources, out, torch.device(device))
    write_weights(network, training, out / "weights.safetensors")


typer.run(main)

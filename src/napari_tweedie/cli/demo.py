"""Command that shows what the program can do on its own samples."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from napari_tweedie.cli.terminal import out, run_with_bar


def demo(
    folder: Annotated[Path, typer.Argument(help="Where layers and the screenshot are written.")] = Path("demo"),
    close: Annotated[bool, typer.Option(help="Close napari after the screenshot.")] = False,
) -> None:
    """Denoise, deblur and inpaint the sample images, write the layers, and show them in napari."""
    from importlib.resources import as_file, files

    from napari_tweedie.files.run_to_file import write_result
    from napari_tweedie.images.files import made_folder, read
    from napari_tweedie.widgets.demo_figure import JOBS, show

    made_folder(folder)
    shown = []
    with as_file(files("napari_tweedie") / "sample_data") as samples:
        for job in JOBS:
            source = read(samples / f"{job.sample}.tif")
            inputs = {name: read(samples / f"{file}.tif").data for name, file in job.inputs.items()}
            result = run_with_bar(job.recipe, source, **inputs)
            write_result(result, source, folder / f"{job.sample}_{job.result}.tif")
            shown.append((source, next(iter(result.images.values()))))
    screenshot = show(shown, folder / "screenshot.png", close)
    out.print(f"layers and {screenshot} are in {folder}/", highlight=False)

"""How are the same jobs run from a terminal?"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from pydantic import ValidationError
from rich.console import Console
from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar
from rich.table import Table

from napari_tweedie import cli_training, degradations, denoisers, solvers
from napari_tweedie.method import Input, explain
from napari_tweedie.recipe import Recipe

if TYPE_CHECKING:
    from napari_tweedie.engine import Result
    from napari_tweedie.images.files import Picture

app = typer.Typer(
    help="Denoise and restore images with a denoiser as the model of what images look like.",
    no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False,
)  # fmt: skip
app.command()(cli_training.train)
app.command()(cli_training.adapt)
out = Console()
err = Console(stderr=True)

In = Annotated[Path, typer.Argument(help="Image to read: TIFF, OME-TIFF, PNG or JPEG.")]
Out = Annotated[Path, typer.Argument(help="OME-TIFF to write; it must not be the image itself.")]
Sigma = Annotated[float | None, typer.Option(help="Noise level in grey levels; estimated from the image if left out.")]
Set = Annotated[
    list[str], typer.Option("--set", metavar="PART.FIELD=VALUE", help="Set any field of the recipe, as `list` shows them.")
]
Volume = Annotated[bool, typer.Option(help="Treat Z as depth (3-D) rather than plane by plane.")]
Degradation = Annotated[str, typer.Option(help="What happened to the image, a name from `list`.")]
Psf = Annotated[Path | None, typer.Option(help="Image of the point-spread function, for psf-blur.")]
Mask = Annotated[Path | None, typer.Option(help="Image that is not zero at missing pixels, for mask.")]


@app.command("list")
def list_methods() -> None:
    """Show every denoiser, degradation and solver with its parameters."""
    for registry in (denoisers.registry, degradations.registry, solvers.registry):
        table = Table("name", "parameter", "default", "meaning", title=f"{registry.kind}s", title_justify="left")
        for name in registry.names():
            method: type[Any] = registry.method(name)
            table.add_row(f"[bold]{name}[/bold]", "", "", method.title)
            for field, info in method.model_fields.items():
                unit = method.hint(field, "unit")
                meaning = f"{info.description}{f' ({unit})' if unit else ''}"
                table.add_row("", field, "" if info.is_required() else _short(info.default), meaning)
        out.print(table)


@app.command()
def denoise(
    image: In, result: Out, denoiser: Annotated[str, typer.Option(help="A name from `list`.")] = "unet",
    sigma: Sigma = None, volume: Volume = False, set_: Set = [],
) -> None:  # fmt: skip
    """Remove noise from an image."""
    _run({"job": "denoise", "denoiser": denoiser, "noise": _noise(sigma), "volume": volume}, set_, image, result)


@app.command()
def restore(
    image: In, result: Out, degradation: Degradation = "identity",
    solver: Annotated[str, typer.Option(help="A name from `list`.")] = "hqs",
    sigma: Sigma = None, psf: Psf = None, mask: Mask = None, volume: Volume = False, set_: Set = [],
) -> None:  # fmt: skip
    """Undo a known degradation: blur, missing pixels, low resolution."""
    recipe = {"job": "restore", "degradation": degradation, "solver": solver, "noise": _noise(sigma), "volume": volume}
    _run(recipe, set_, image, result, psf=psf, mask=mask)


@app.command()
def degrade(
    image: In, result: Out, degradation: Degradation = "identity",
    sigma: Annotated[float | None, typer.Option(help="Gaussian noise to add, in grey levels.")] = None,
    seed: Annotated[int, typer.Option(help="Seed of the noise.")] = 0,
    psf: Psf = None, mask: Mask = None, volume: Volume = False, set_: Set = [],
) -> None:  # fmt: skip
    """Simulate a measurement of a clean image."""
    recipe = {"job": "degrade", "degradation": degradation, "noise": _noise(sigma), "seed": seed, "volume": volume}
    _run(recipe, set_, image, result, psf=psf, mask=mask)


@app.command()
def run(
    recipe: Annotated[Path, typer.Argument(help="JSON of a recipe, or an image that this program wrote.")],
    image: In, result: Out, psf: Psf = None, mask: Mask = None,
) -> None:  # fmt: skip
    """Run a stored recipe, or that of an earlier result, on an image."""
    from napari_tweedie.images.files import read

    stored = json.loads(recipe.read_text()) if recipe.suffix == ".json" else read(recipe).metadata.get("recipe")
    if stored is None:
        raise ValueError(f"{recipe} holds no recipe: it was not written by napari-tweedie")
    _run(stored, [], image, result, psf=psf, mask=mask)


@app.command()
def demo(
    folder: Annotated[Path, typer.Argument(help="Where layers and the screenshot are written.")] = Path("demo"),
    close: Annotated[bool, typer.Option(help="Close napari after the screenshot.")] = False,
) -> None:
    """Denoise, deblur and inpaint the sample images, write the layers, and show them in napari."""
    from importlib.resources import as_file, files

    from napari_tweedie.images.files import read
    from napari_tweedie.widgets.demo import JOBS, show

    folder.mkdir(parents=True, exist_ok=True)
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


def _run(recipe: dict[str, Any], settings: list[str], image: Path, result: Path, **arrays: Path | None) -> None:
    from napari_tweedie.images.files import read

    if result.resolve() == image.resolve():
        raise ValueError(f"{result} is the image itself: choose another name for the result")
    source = read(image)
    recipe |= _sizes(source)
    for setting in settings:
        _apply(setting, recipe)
    for name, path in arrays.items():
        if path is not None:
            picture = read(path)
            given = Input.of(picture.data, path.name, picture.nanometres())
            recipe["degradation"] = {**_as_dict(recipe["degradation"]), name: given}
    recipe.setdefault("axes", source.axes)
    write_result(run_with_bar(Recipe(**recipe), source), source, result)


def _sizes(source: Picture) -> dict[str, Any]:
    """Return what a file says of its pixels, as fields of a recipe."""
    sizes = {axis: size for axis, size in zip(source.axes, source.spacing, strict=True) if axis in "zyx"}
    known = source.unit != "pixel" or len(set(sizes.values())) > 1
    return {"spacing": tuple(sizes[axis] for axis in "zyx" if axis in sizes), "unit": source.unit} if known else {}


def _noise(sigma: float | None) -> dict[str, Any]:
    return {} if sigma is None else {"sigma": sigma}


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _as_dict(part: str | dict[str, Any]) -> dict[str, Any]:
    return {"name": part} if isinstance(part, str) else part


def _apply(setting: str, recipe: dict[str, Any]) -> None:
    """Put ``part.field=value`` or ``field=value`` into a recipe."""
    path, equals, text = setting.partition("=")
    if not equals:
        raise ValueError(f"--set {setting}: write part.field=value, for example degradation.std=2")
    try:
        value = json.loads(text)
    except json.JSONDecodeError:
        value = text
    part, dot, field = path.partition(".")
    if not dot:
        recipe[part] = value
        return
    default = {"denoiser": "unet", "degradation": "identity", "solver": "hqs", "noise": {}}.get(part)
    if default is None:
        raise ValueError(f"--set {setting}: {part} is not one of denoiser, degradation, solver, noise")
    recipe[part] = {**_as_dict(recipe.get(part, default)), field: value}


def run_with_bar(recipe: Recipe, picture: Picture, **inputs: Any) -> Result:
    """Run a recipe on a picture with a progress bar in the terminal."""
    from napari_tweedie import engine

    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[stage]}"), TimeRemainingColumn())
    with Bar(*columns, console=err, transient=True) as bar:
        task = bar.add_task(f"{recipe.job} {picture.name}", total=1.0, stage="")
        steps = engine.run(recipe, picture.data, **inputs)
        while True:
            try:
                step = next(steps)
            except StopIteration as end:
                result: Result = end.value
                break
            if isinstance(step, engine.Progress):
                bar.update(task, completed=step.share, stage=step.stage)
    facts = result.provenance
    levels = ", ".join(f"{level:.4g}" for level in facts["noise_levels"])
    err.print(f"{picture.name}: σ = {levels or '-'} · {facts['seconds']} s on {facts['device']}", highlight=False)
    for note in result.notes:
        err.print(f"[yellow]{note}[/yellow]")
    return result


def write_result(result: Result, source: Picture, path: Path) -> None:
    """Write the image of a result with the axes and the pixel size that follow from its source, and with its recipe."""
    from napari_tweedie.images.files import write

    (image,) = result.images.values()
    axes, sizes = source.axes[-len(result.zoom) :], source.spacing[-len(result.zoom) :]
    spacing = tuple(size / zoom for size, zoom in zip(sizes, result.zoom, strict=True))
    if image.ndim > len(axes):  # components of a measurement
        axes, spacing = f"q{axes}", (1.0, *spacing)
    write(path, image, axes, spacing, source.unit, result.provenance)


def main() -> None:
    """Run the command line; expected failures are one line, not a traceback."""
    try:
        app()
    except ValidationError as error:
        sys.exit(f"napari-tweedie: {explain(error)}")
    except (ValueError, OSError, MemoryError) as error:
        sys.exit(f"napari-tweedie: {error}")

"""How are the same jobs run from a terminal?"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import ValidationError
from rich.table import Table

from napari_tweedie import cli_training, degradations, denoisers, solvers
from napari_tweedie.degradations import noise
from napari_tweedie.method import Input, explain
from napari_tweedie.recipe import Recipe
from napari_tweedie.terminal import err, out, run_with_bar, tell, with_bar

app = typer.Typer(
    help="Denoise and restore images with a denoiser as the model of what images look like.",
    no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False,
)  # fmt: skip
app.command()(cli_training.train)
app.command()(cli_training.adapt)

In = Annotated[Path, typer.Argument(help="Image to read: TIFF, OME-TIFF, OME-Zarr, PNG or JPEG.")]
Out = Annotated[Path, typer.Argument(help="OME-TIFF or OME-Zarr (.zarr) to write; it must not be the image itself.")]
Sigma = Annotated[float | None, typer.Option(help="Noise level in grey levels; estimated from the image if left out.")]
Set = Annotated[
    list[str], typer.Option("--set", metavar="PART.FIELD=VALUE", help="Set any field of the recipe, as `list` shows them.")
]
Scheduler = Annotated[
    str, typer.Option(help="For an OME-Zarr: local, or the address of a dask.distributed scheduler, tcp://HOST:8786.")
]
Volume = Annotated[bool, typer.Option(help="Treat Z as depth (3-D) rather than plane by plane.")]
Degradation = Annotated[str, typer.Option(help="What happened to the image, a name from `list`.")]
Psf = Annotated[Path | None, typer.Option(help="Image of the point-spread function, for psf-blur.")]
Mask = Annotated[Path | None, typer.Option(help="Image that is not zero at missing pixels, for mask.")]


@app.command("list")
def list_methods() -> None:
    """Show every denoiser, degradation and solver with its parameters."""
    for registry in (denoisers.registry, degradations.registry, noise.registry, solvers.registry):
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
    sigma: Sigma = None, volume: Volume = False, set_: Set = [], scheduler: Scheduler = "local",
) -> None:  # fmt: skip
    """Remove noise from an image."""
    _run({"job": "denoise", "denoiser": denoiser, "noise": _noise(sigma), "volume": volume}, set_, image, result, scheduler)


@app.command()
def restore(
    image: In, result: Out, degradation: Degradation = "identity",
    solver: Annotated[str, typer.Option(help="A name from `list`.")] = "hqs",
    sigma: Sigma = None, psf: Psf = None, mask: Mask = None, volume: Volume = False, set_: Set = [],
    scheduler: Scheduler = "local",
) -> None:  # fmt: skip
    """Undo a known degradation: blur, missing pixels, low resolution."""
    recipe = {"job": "restore", "degradation": degradation, "solver": solver, "noise": _noise(sigma), "volume": volume}
    _run(recipe, set_, image, result, scheduler, psf=psf, mask=mask)


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
    image: In, result: Out, psf: Psf = None, mask: Mask = None, scheduler: Scheduler = "local",
) -> None:  # fmt: skip
    """Run a stored recipe, or that of an earlier result, on an image."""
    stored = _stored(recipe)
    _run(dict(stored["recipe"]), [], image, result, scheduler, stored, psf=psf, mask=mask)


@app.command()
def batch(
    images: Annotated[str, typer.Argument(help="A folder of images, or a quoted pattern such as 'data/*.tif'.")],
    folder: Annotated[Path, typer.Argument(help="Where results and summary.csv are written.")],
    recipes: Annotated[list[Path], typer.Argument(help="JSON of recipes, or images that this program wrote.")],
    psf: Psf = None, mask: Mask = None,
    zarr: Annotated[bool, typer.Option("--zarr", help="Write OME-Zarr rather than OME-TIFF.")] = False,
) -> None:  # fmt: skip
    """Run recipes on many images, go on where one fails, and tell what became of each."""
    from napari_tweedie.batch import SUMMARY, find, run_batch

    named = {path.stem: Recipe(**_stored(path)["recipe"]) for path in recipes}
    found, inputs = find(images), dict[str, Any](_inputs({"psf": psf, "mask": mask}))
    steps = run_batch(found, named, folder, suffix=".zarr" if zarr else ".tif", **inputs)
    outcomes = with_bar(f"{len(found)} images", steps)
    failed = [outcome for outcome in outcomes if outcome.status == "failed"]
    for outcome in failed:
        err.print(f"[red]{outcome.file}, {outcome.recipe}: {outcome.why}[/red]", highlight=False)
    out.print(f"{len(outcomes) - len(failed)} of {len(outcomes)} done; see {folder / SUMMARY}", highlight=False)
    if failed:
        raise typer.Exit(1)


def _stored(path: Path) -> dict[str, Any]:
    """Return the provenance in the metadata of a result, or a recipe in a JSON file as one."""
    from napari_tweedie.images.files import read

    stored = {"recipe": json.loads(path.read_text())} if path.suffix == ".json" else read(path).metadata
    if "recipe" not in stored:
        raise ValueError(f"{path} holds no recipe: it was not written by napari-tweedie")
    return stored


@app.command()
def schema() -> None:
    """Print the JSON schema of recipes."""
    from napari_tweedie.replay import schema

    print(json.dumps(schema(), indent=1, ensure_ascii=False))


@app.command()
def demo(
    folder: Annotated[Path, typer.Argument(help="Where layers and the screenshot are written.")] = Path("demo"),
    close: Annotated[bool, typer.Option(help="Close napari after the screenshot.")] = False,
) -> None:
    """Denoise, deblur and inpaint the sample images, write the layers, and show them in napari."""
    from importlib.resources import as_file, files

    from napari_tweedie.images.files import read
    from napari_tweedie.saving import write_result
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


def _run(
    recipe: dict[str, Any], settings: list[str], image: Path, result: Path, scheduler: str = "local",
    provenance: Mapping[str, Any] | None = None, **arrays: Path | None,
) -> None:  # fmt: skip
    from napari_tweedie.images.files import read
    from napari_tweedie.replay import differences
    from napari_tweedie.saving import pixel_sizes, run_to_file
    from napari_tweedie.schedulers import pick

    if result.resolve() == image.resolve():
        raise ValueError(f"{result} is the image itself: choose another name for the result")
    recipe |= pixel_sizes(read(image))
    for setting in settings:
        _apply(setting, recipe)
    for name, given in _inputs(arrays).items():
        recipe["degradation"] = {**_as_dict(recipe["degradation"]), name: given}
    whole = Recipe(**recipe)
    for difference in differences(provenance or {}, whole):
        err.print(f"[yellow]{difference}[/yellow]")
    steps = run_to_file(whole, image, result, scheduler=pick(scheduler))
    facts = with_bar(f"{recipe['job']} {image.name}", steps)
    tell(image.name, facts)


def _inputs(arrays: Mapping[str, Path | None]) -> dict[str, Input]:
    """Read the arrays that go with a recipe."""
    from napari_tweedie.images.files import read

    pictures = {name: (read(path), path.name) for name, path in arrays.items() if path is not None}
    return {name: Input.of(picture.data, title, picture.nanometres()) for name, (picture, title) in pictures.items()}


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


def main() -> None:
    """Run the command line; expected failures are one line, not a traceback."""
    try:
        app()
    except ValidationError as error:
        sys.exit(f"napari-tweedie: {explain(error)}")
    except (ValueError, OSError, MemoryError) as error:
        sys.exit(f"napari-tweedie: {error}")

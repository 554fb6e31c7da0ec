"""Commands that make an image out of an image."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from napari_tweedie.cli.options import (
    Array,
    CameraMaps,
    Degradation,
    Denoiser,
    In,
    Mask,
    Neighbours,
    Out,
    Outliers,
    Psf,
    Scheduler,
    Set,
    Sigma,
    Slurm,
    Volume,
)
from napari_tweedie.cli.recipes import files_of, noise_of, on, read_inputs, run_recipe
from napari_tweedie.cli.terminal import err, out, with_bar
from napari_tweedie.recipe.recipe import Recipe


def denoise(
    image: In, result: Out, denoiser: Denoiser = "unet",
    sigma: Sigma = None, camera: CameraMaps = None, volume: Volume = False, neighbours: Neighbours = "auto", set_: Set = [],
    outliers: Outliers = False, scheduler: Scheduler = "local", slurm: Slurm = 0,
) -> None:  # fmt: skip
    """Remove noise from an image."""
    recipe = {"job": "denoise", "denoiser": denoiser, "noise": noise_of(sigma), "volume": volume, "neighbours": neighbours}
    run_recipe(recipe, set_, image, result, on(scheduler, slurm), arrays={"maps": camera}, outliers=outliers)


def restore(
    image: In, result: Out, degradation: Degradation = "identity",
    solver: Annotated[str, typer.Option(help="A name from `list`; auto: what suits the degradation.")] = "auto",
    sigma: Sigma = None, camera: CameraMaps = None, psf: Psf = None, mask: Mask = None, array: Array = [],
    volume: Volume = False, set_: Set = [], outliers: Outliers = False, scheduler: Scheduler = "local", slurm: Slurm = 0,
) -> None:  # fmt: skip
    """Undo a known degradation: blur, missing pixels, low resolution."""
    recipe = {"job": "restore", "degradation": degradation, "solver": solver, "noise": noise_of(sigma), "volume": volume}
    arrays = {"maps": camera, "psf": psf, "mask": mask, **files_of(array)}
    run_recipe(recipe, set_, image, result, on(scheduler, slurm), arrays=arrays, outliers=outliers)


def sample(
    image: In, result: Out, degradation: Degradation = "identity",
    sampler: Annotated[str, typer.Option(help="A name from `list`; auto: what suits the degradation.")] = "auto",
    samples: Annotated[int, typer.Option(min=1, help="How many samples are drawn.")] = 16,
    denoiser: Denoiser = "unet", sigma: Sigma = None, camera: CameraMaps = None,
    psf: Psf = None, mask: Mask = None, array: Array = [], volume: Volume = False, set_: Set = [],
) -> None:  # fmt: skip
    """Draw samples of the posterior; write their mean, standard deviation and interval, and the samples beside it."""
    recipe = {"job": "sample", "degradation": degradation, "sampler": {"name": sampler, "samples": samples}}
    run_recipe(
        {**recipe, "denoiser": denoiser, "noise": noise_of(sigma), "volume": volume},
        set_,
        image,
        result,
        arrays={"maps": camera, "psf": psf, "mask": mask, **files_of(array)},
    )


def decompose(
    image: In, result: Out, levels: Annotated[int, typer.Option(min=1, max=12, help="Bands above the base.")] = 4,
    denoiser: Denoiser = "unet", sigma: Sigma = None, volume: Volume = False, set_: Set = [],
) -> None:  # fmt: skip
    """Take an image apart; write its base, and its bands beside it."""
    recipe = {"job": "decompose", "decomposition": {"levels": levels}, "denoiser": denoiser}
    run_recipe({**recipe, "noise": noise_of(sigma), "volume": volume}, set_, image, result)


def degrade(
    image: In, result: Out, degradation: Degradation = "identity",
    sigma: Annotated[float | None, typer.Option(help="Gaussian noise to add, in grey levels.")] = None,
    seed: Annotated[int, typer.Option(help="Seed of the noise.")] = 0,
    psf: Psf = None, mask: Mask = None, array: Array = [], volume: Volume = False, set_: Set = [],
) -> None:  # fmt: skip
    """Simulate a measurement of a clean image."""
    recipe = {"job": "degrade", "degradation": degradation, "noise": noise_of(sigma), "seed": seed, "volume": volume}
    run_recipe(recipe, set_, image, result, arrays={"psf": psf, "mask": mask, **files_of(array)})


def run(
    recipe: Annotated[Path, typer.Argument(help="JSON of a recipe, or an image that this program wrote.")],
    image: In, result: Out,
    then: Annotated[list[Path], typer.Option(help="A recipe for the result of those before; may be given several times.")] = [],
    psf: Psf = None, mask: Mask = None, array: Array = [], scheduler: Scheduler = "local", slurm: Slurm = 0,
) -> None:  # fmt: skip
    """Run a stored recipe, or that of an earlier result, on an image; and others on its result."""
    from napari_tweedie.recipe.provenance import stored_recipe

    stored = stored_recipe(recipe)
    of_another = ("spacing", "unit")
    if then:
        whole = Recipe.chain(*(Recipe(**each["recipe"]) for each in (stored, *map(stored_recipe, then))))
        stored = {"recipe": whole.model_dump(mode="json")}
    said = {field: value for field, value in stored["recipe"].items() if field not in of_another}
    run_recipe(
        said,
        [],
        image,
        result,
        on(scheduler, slurm),
        stored,
        arrays={"psf": psf, "mask": mask, **files_of(array)},
        recipes=[recipe, *then],
    )


def batch(
    images: Annotated[str, typer.Argument(help="A folder of images, or a quoted pattern such as 'data/*.tif'.")],
    folder: Annotated[Path, typer.Argument(help="Where results and summary.csv are written.")],
    recipes: Annotated[list[Path], typer.Argument(help="JSON of recipes, or images that this program wrote.")],
    psf: Psf = None, mask: Mask = None, array: Array = [],
    zarr: Annotated[bool, typer.Option("--zarr", help="Write OME-Zarr rather than OME-TIFF.")] = False,
) -> None:  # fmt: skip
    """Run recipes on many images, go on where one fails, and log the outcome of each."""
    from napari_tweedie.files.batch import SUMMARY, find, run_batch
    from napari_tweedie.recipe.provenance import stored_recipe

    names = [path.stem for path in recipes]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise ValueError(f"several recipes are called {twice}, as their results would be: rename the file of one")
    named = {path.stem: Recipe(**stored_recipe(path)["recipe"]) for path in recipes}
    found, inputs = find(images), dict[str, Any](read_inputs({"psf": psf, "mask": mask, **files_of(array)}))
    steps = run_batch(found, named, folder, suffix=".zarr" if zarr else ".tif", **inputs)
    outcomes = with_bar(f"{len(found)} images", steps)
    failed = [outcome for outcome in outcomes if outcome.status == "failed"]
    for outcome in failed:
        err.print(f"[red]{outcome.file}, {outcome.recipe}: {outcome.why}[/red]", highlight=False)
    out.print(f"{len(outcomes) - len(failed)} of {len(outcomes)} done; see {folder / SUMMARY}", highlight=False)
    if failed:
        raise typer.Exit(1)

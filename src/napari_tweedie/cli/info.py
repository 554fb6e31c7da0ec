"""Commands that tell something: of the program, of a denoiser, of an image."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from napari_tweedie import degradations, denoisers, samplers, solvers
from napari_tweedie.analysis import inspections
from napari_tweedie.cli.options import Degradation, Denoiser, In, Mask, Psf, Set, Sigma, Volume
from napari_tweedie.cli.recipes import apply_settings, noise_of, read_inputs
from napari_tweedie.cli.terminal import out, run_with_bar
from napari_tweedie.degradations import noise
from napari_tweedie.recipe.recipe import Recipe
from napari_tweedie.training import objectives

REGISTRIES = (
    denoisers.registry, degradations.registry, noise.registry, solvers.registry, samplers.registry, inspections.registry,
    objectives.registry,
)  # fmt: skip


def list_methods() -> None:
    """Show every method with its parameters."""
    for registry in REGISTRIES:
        table = Table("name", "parameter", "default", "meaning", title=f"{registry.kind}s", title_justify="left")
        methods: dict[str, type[Any]] = registry.all()
        for name, method in methods.items():
            table.add_row(f"[bold]{name}[/bold]", "", "", method.title)
            for field, info in method.model_fields.items():
                unit = method.hint(field, "unit")
                meaning = f"{info.description}{f' ({unit})' if unit else ''}"
                table.add_row("", field, "" if method.needs(field) else _short(info.default), meaning)
        out.print(table)
        for reason in registry.unusable().values():
            out.print(reason, style="yellow", markup=False, highlight=False)


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def schema() -> None:
    """Print the JSON schema of recipes."""
    from napari_tweedie.recipe.schema import schema

    print(json.dumps(schema(), indent=1, ensure_ascii=False))


def inspect(
    image: In, what: Annotated[str, typer.Argument(help="An inspection, a name from `list`.")] = "ideal",
    denoiser: Denoiser = "unet",
    sigma: Annotated[float | None, typer.Option(help="Noise level in grey levels; estimated if left out.")] = None,
    result: Annotated[Path | None, typer.Option(help="Where images that it finds are written.")] = None,
    set_: Set = [],
) -> None:  # fmt: skip
    """Look at a denoiser at work on an image: print what was found as JSON."""
    from napari_tweedie.files.run_to_file import write_result
    from napari_tweedie.images.files import check_target, read

    if result is not None:
        check_target(result, keep=[image])
    source = read(image)
    recipe: dict[str, Any] = {"job": "inspect", "inspection": what, "denoiser": denoiser, "noise": noise_of(sigma)}
    apply_settings(set_, recipe)
    found = run_with_bar(Recipe(**recipe).fitted(source), source)
    print(json.dumps(found.provenance["read"], indent=1, ensure_ascii=False))
    if result is not None:
        write_result(found, source, result)


def psf(
    image: In, result: Annotated[Path, typer.Argument(help="TIFF or OME-Zarr to write the function to.")],
    source: Annotated[str, typer.Option(help="beads: points are averaged; image: the width of the blur of any plane.")] = "beads",
    degradation: Annotated[str, typer.Option(help="Kind of an image's blur: gaussian-blur or microscope-psf.")] = "gaussian-blur",
    unknown: Annotated[str | None, typer.Option(help="What is found of it: std, or na of a microscope.")] = None,
    varying: Annotated[bool, typer.Option(help="Let the function of beads differ over the field.")] = False,
    refined: Annotated[bool, typer.Option(help="Let the function of an image depart from its model.")] = False,
    sigma: Sigma = None, set_: Set = [],
) -> None:  # fmt: skip
    """Find the point-spread function in an image of beads, or the width of the blur of any plane; write it as an image.

    What is known of a microscope is said by ``--set degradation.wavelength=600``, for example.
    """
    from napari_tweedie.engine.psf_estimate import estimate_psf
    from napari_tweedie.images.files import check_target, write

    check_target(result, keep=[image])
    known: dict[str, Any] = {"degradation": degradation}
    apply_settings(set_, known)
    if beyond := sorted(known.keys() - {"degradation"}):
        raise ValueError(f"--set {beyond[0]}: of a point-spread function, only the degradation can be set")
    options: dict[str, Any] = {"degradation": known["degradation"], "unknown": unknown, "sigma": sigma}
    options |= {"varying": varying, "refined": refined}
    found = estimate_psf(image, source, **options)  # type: ignore[arg-type]
    spacing = (1.0,) * (found.psf.ndim - found.ndim) + found.spacing
    write(result, found.psf, found.axes, spacing, found.unit, {"notes": found.notes})
    for note in found.notes:
        out.print(note, highlight=False)


def calibrate(
    image: Annotated[Path, typer.Argument(help="A clean image: the truth that measurements are simulated of.")],
    sigma: Annotated[float, typer.Option(help="Noise level of the measurements, in grey levels.")],
    degradation: Degradation = "identity",
    sampler: Annotated[str, typer.Option(help="A name from `list`; auto: what suits the degradation.")] = "auto",
    denoiser: Denoiser = "unet", psf: Psf = None, mask: Mask = None, volume: Volume = False, set_: Set = [],
) -> None:  # fmt: skip
    """Count how often the stated interval holds the truth, and find the factor that corrects its width."""
    from napari_tweedie.images.files import read

    source = read(image)
    recipe: dict[str, Any] = {"job": "calibrate", "degradation": degradation, "sampler": sampler, "denoiser": denoiser}
    recipe |= {"noise": noise_of(sigma), "volume": volume}
    apply_settings(set_, recipe)
    inputs = read_inputs({"psf": psf, "mask": mask})
    found = run_with_bar(Recipe(**recipe).fitted(source), source, **inputs).provenance["read"]
    table = Table("stated level", "measured coverage")
    for level, coverage in zip(found["levels"], found["coverages"], strict=True):
        table.add_row(f"{100 * level:.0f} %", f"{100 * coverage:.1f} %")
    out.print(table)
    left, right = (100 * share for share in found["coverage_of_halves"])
    out.print(
        f"The {100 * found['level']:.3g} % interval must be {found['factor']:.3f} times as wide. Widened by the factor of the "
        f"other half of the image it held {left:.1f} % of the left half and {right:.1f} % of the right.\n"
        "For corrected intervals of images like this, add to the options of `sample`:",
        highlight=False,
    )
    print(f"--set interval.factor={found['factor']:.3f} --set interval.coverage={found['coverage_corrected']:.3f}")

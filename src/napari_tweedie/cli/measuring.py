"""Commands that measure: regions of an image with intervals, and the pixels of a camera."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from napari_tweedie.cli.options import Array, Degradation, Denoiser, In, Mask, Psf, Set, Sigma, Volume
from napari_tweedie.cli.recipes import apply_settings, files_of, noise_of, read_inputs
from napari_tweedie.cli.terminal import out, run_with_bar
from napari_tweedie.recipe.recipe import Recipe

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_tweedie.analysis.quantity import Quantity

MOST_ROWS = 40
"""Lines of a table that a terminal shows."""


def measure(
    image: In,
    regions: Annotated[Path, typer.Argument(help="Image of labels: 0 for none, the same number for all pixels of a region.")],
    table: Annotated[Path, typer.Argument(help="CSV to write: a line for every quantity of every region, with its interval.")],
    threshold: Annotated[float | None, typer.Option(help="Grey level above which area and objects are counted.")] = None,
    level: Annotated[float, typer.Option(min=0.5, max=0.99, help="Probability of the intervals.")] = 0.9,
    difference: Annotated[
        tuple[int, int] | None, typer.Option(metavar="A B", help="Also tell how probable it is that region B is above region A.")
    ] = None,
    degradation: Degradation = "identity",
    samples: Annotated[
        int | None, typer.Option(min=4, help="How many samples are drawn; by default 16, or none where noise alone is removed.")
    ] = None,
    denoiser: Denoiser = "unet",
    sigma: Sigma = None, psf: Psf = None, mask: Mask = None, array: Array = [], volume: Volume = False, set_: Set = [],
) -> None:  # fmt: skip
    """Measure regions with intervals: mean and integrated intensity; with a threshold, area and number of objects.

    Where noise is all that happened to the image, the former take no samples.
    """
    from napari_tweedie.analysis.measurements import as_csv, check_asked
    from napari_tweedie.analysis.quantity import compare
    from napari_tweedie.engine.quantities import SAMPLES, labels_of, measured, summed
    from napari_tweedie.images.files import check_place, read

    files = [image, regions, *(path for path in (psf, mask) if path), *files_of(array).values()]
    check_place(table, ".csv", files)
    recipe: dict[str, Any] = {"degradation": degradation, "denoiser": denoiser, "noise": noise_of(sigma), "volume": volume}
    draws = samples is not None or threshold is not None or degradation != "identity"
    if draws:
        recipe |= {"job": "sample", "sampler": {"name": "auto", "samples": samples or SAMPLES}}
    else:
        recipe |= {"job": "measure", "regions": {"level": level}}
    apply_settings(set_, recipe)
    threshold, labels = check_asked(level, threshold), labels_of(regions)
    check_pair(labels, difference)
    source, inputs = read(image), read_inputs({"psf": psf, "mask": mask, **files_of(array)})
    result = run_with_bar(Recipe(**recipe).fitted(source), source, **inputs, **({} if draws else {"labels": labels}))
    quantities = measured(result, labels, threshold=threshold, level=level) if draws else summed(result, labels.ndim)
    table.write_text(as_csv(quantities), encoding="utf-8")
    shown = Table("region", "frame", "quantity", "value", f"{100 * level:.3g} % interval", "unit")
    for each in quantities[:MOST_ROWS]:
        low, high = each.interval
        cells = (
            each.region,
            " ".join(map(str, each.frame)),
            each.name,
            f"{each.value:.5g}",
            f"{low:.5g} – {high:.5g}",
            each.unit,
        )
        shown.add_row(*map(str, cells))
    out.print(shown)
    for first, second in pairs_of(quantities, difference) if difference else ():
        found = compare(first, second)
        low, high = found.difference.interval
        what = f"{first.name}: region {second.region} − region {first.region}"
        ends = f"{found.difference.value:.5g} ({low:.5g} – {high:.5g})"
        sure = f"larger with a probability of {100 * found.probability:.3g} %"
        out.print(f"{what} = {ends}, {sure}", highlight=False, soft_wrap=True)


def camera(
    maps: Annotated[Path, typer.Argument(help="OME-TIFF or OME-Zarr to write: offset, gain and read variance of every pixel.")],
    dark: Annotated[Path, typer.Option(help="Stack of frames without light: 100 and more are good.")],
    flat: Annotated[list[Path], typer.Option(help="Stack of frames of even light; give it once for every intensity.")],
) -> None:
    """Calibrate a camera whose pixels differ (sCMOS); `denoise`, `restore` and `sample` take the maps as --camera."""
    from napari_tweedie.engine.camera import camera_maps, write_maps
    from napari_tweedie.images.files import check_target

    check_target(maps, keep=[dark, *flat])
    found = camera_maps(dark, flat)
    write_maps(found, maps)
    for note in found.notes:
        out.print(note, highlight=False, soft_wrap=True)


def check_pair(labels: NDArray[Any], regions: tuple[int, int] | None) -> None:
    """Refuse to compare a region that is not there."""
    from napari_tweedie.analysis.measurements import numbered

    there = numbered(labels)[0]
    for region in regions or ():
        if region not in there:
            raise ValueError(f"there is no region {region}: the image of labels has {', '.join(map(str, there))}")


def pairs_of(quantities: list[Quantity], regions: tuple[int, int]) -> list[tuple[Quantity, Quantity]]:
    """Return every quantity of the first region with that of the second, frame by frame."""
    found = {(each.region, each.frame, each.name): each for each in quantities}
    first, second = regions
    return [(each, found[second, *key[1:]]) for key, each in found.items() if key[0] == first and (second, *key[1:]) in found]

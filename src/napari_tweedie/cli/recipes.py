"""Options made into a recipe, and a recipe run into a file."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from napari_tweedie.cli.terminal import err, tell, warn, with_bar
from napari_tweedie.core.array_input import Input
from napari_tweedie.core.results import Cancelled
from napari_tweedie.degradations.noise import Camera
from napari_tweedie.recipe.recipe import Recipe

PARTS: dict[str, Any] = {
    "denoiser": "unet",
    "degradation": "identity",
    "noise": {},
    "solver": "auto",
    "sampler": "auto",
    "interval": {},
    "decomposition": {},
    "inspection": "score",
}
"""The parts of a recipe whose fields can be set, and what they are if nothing else is said."""


def run_recipe(
    recipe: dict[str, Any], settings: list[str], image: Path, result: Path, scheduler: str = "local",
    provenance: Mapping[str, Any] | None = None, arrays: Mapping[str, Path | None] = {}, outliers: bool = False,
    recipes: Sequence[Path] = (),
) -> None:  # fmt: skip
    """Run a recipe on a file, and write another; tell where it differs from that of an earlier result's provenance."""
    from napari_tweedie.files.run_to_file import run_to_file
    from napari_tweedie.large.run_file import unfinished
    from napari_tweedie.large.schedulers import pick
    from napari_tweedie.recipe.provenance import differences

    apply_settings(settings, recipe)
    inputs = dict[str, Any](read_inputs(arrays))
    if not recipe.get("first"):  # whose arrays are those of its steps
        for name in list(inputs):
            of = "noise" if name in Camera.inputs() else "degradation"
            named: dict[str, Any] = {"name": Camera.name} if of == "noise" else {}
            if of == "noise" and "sigma" in _as_dict(of, recipe.get(of, {})):
                raise ValueError("--camera and --sigma both say what the noise is: give one of them")
            recipe[of] = {**named, **_as_dict(of, recipe.get(of, PARTS[of])), name: inputs.pop(name)}
    whole = Recipe(**recipe)
    if whole.obstacle:
        raise ValueError(whole.obstacle)
    for difference in differences(provenance or {}, whole):
        err.print(f"[yellow]{difference}[/yellow]")
    told: list[str] = []

    def noted(notes: Sequence[str]) -> None:
        told.extend(notes)
        warn(notes)

    keep = [*recipes, *filter(None, arrays.values())]
    steps = run_to_file(whole, image, result, scheduler=pick(scheduler), noted=noted, with_outliers=outliers, keep=keep, **inputs)
    try:
        facts = with_bar(f"{' → '.join(step.job for step in whole.steps)} {image.name}", steps)
    except (KeyboardInterrupt, Cancelled):
        if (part := unfinished(result)).exists():
            kept = f"Stopped. What is done is kept in {part}: run the same again to go on."
            err.print(kept, highlight=False, markup=False, soft_wrap=True)
        raise
    tell(image.name, facts, told)


def read_inputs(arrays: Mapping[str, Path | None]) -> dict[str, Input]:
    """Read the arrays that go with a recipe."""
    from napari_tweedie.images.files import read

    pictures = {name: (read(path), path.name) for name, path in arrays.items() if path is not None}
    for picture, title in pictures.values():
        warn(f"{title}: {note}" for note in picture.notes)
    return {name: Input.of(picture.data, title, picture.nanometres()) for name, (picture, title) in pictures.items()}


def files_of(arrays: Sequence[str]) -> dict[str, Path]:
    """Return the files of further arrays, which are given as NAME=FILE."""
    named = {}
    for given in arrays:
        name, equals, path = given.partition("=")
        if not (name and equals and path):
            raise ValueError(f"--array {given}: write name=file, for example sampling=mask.tif")
        named[name] = Path(path)
    return named


def on(scheduler: str, slurm: int) -> str:
    """Return the name of a scheduler: jobs of Slurm where some are asked for."""
    return f"slurm:{slurm}" if slurm else scheduler


def noise_of(sigma: float | None) -> dict[str, Any]:
    """Return a recipe's noise: of a known level, or to be estimated."""
    return {} if sigma is None else {"sigma": sigma}


def _as_dict(name: str, part: Any) -> dict[str, Any]:
    """Return a part of a recipe as parameters, of which one is to be set."""
    if not isinstance(part, str | dict):
        raise ValueError(f"the {name} is {json.dumps(part)}, which has no parameters to set: give its name, or a JSON object")
    return {"name": part} if isinstance(part, str) else part


def apply_settings(settings: list[str], recipe: dict[str, Any]) -> None:
    """Put what ``--set`` says into a recipe."""
    for setting in settings:
        _apply(setting, recipe)


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
    if part == "job":
        raise ValueError(f"--set {setting}: the command says the job: use another command, or `run` with a recipe")
    if not dot:
        recipe[part] = value
        return
    if part not in PARTS:
        raise ValueError(f"--set {setting}: {part} is not one of {', '.join(PARTS)}")
    recipe[part] = {**_as_dict(part, recipe.get(part, PARTS[part])), field: value}

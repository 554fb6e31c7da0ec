"""Functions of one image, for Python: denoise, restore, sample, decompose, run, and measure its noise."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_tweedie import degradations
from napari_tweedie.core.array_input import Input
from napari_tweedie.core.results import Progress, Result
from napari_tweedie.engine.run import last, measure
from napari_tweedie.engine.run import run as steps_of
from napari_tweedie.images.picture import Picture
from napari_tweedie.images.sources import as_picture
from napari_tweedie.recipe.recipe import Recipe

if TYPE_CHECKING:
    from napari_tweedie.engine.channel import Channel

PROBES = 8
"""Random probes of the standard deviation of a denoised image: about 3 % of it is theirs where it is averaged over 5 × 5."""

Told = Callable[[Progress], None]


def denoise(image: Any, denoiser: Any = "unet", *, sigma: float | None = None, std: bool = False, **fields: Any) -> Result:
    """Remove the noise of an image.

    Parameters
    ----------
    image : array-like, layer or path
        At least two axes, of NumPy, dask, zarr, xarray or torch; a napari image layer, whose axes and pixel size are used; or
        the path of a file. It is never changed.
    denoiser : str, dict, Denoiser or callable
        A name out of ``denoisers.names()``, a description with its parameters, or any function or module f(x, sigma).
    sigma : float, optional
        Standard deviation of the noise in grey levels, if it is known; the noise is measured otherwise.
    std : bool
        Whether the posterior standard deviation is returned, too.
    **fields
        Further fields of `Recipe`, such as ``noise``, ``axes``, ``volume``, ``spacing``, ``device`` or ``seed``; and
        ``progress``, a function that is told of every `Progress`.

    Returns
    -------
    Result
        With ``.image``, in the units and the shape of the input, ``.std``, ``.notes`` and ``.provenance``.

    Raises
    ------
    ValueError
        If the image or a parameter cannot be used; the message says what to change.
    """
    return run_job("denoise", image, fields, sigma, denoiser=denoiser, probes=PROBES if std else 0)


def restore(
    image: Any, degradation: Any = "identity", solver: Any = "auto", denoiser: Any = "unet", *,
    sigma: float | None = None, **fields: Any,
) -> Result:  # fmt: skip
    """Undo a known degradation of an image.

    Parameters
    ----------
    image : array-like, layer or path
        As for `denoise`.
    degradation : str, dict or Degradation
        What happened to it: a name out of ``degradations.names()``, whose parameters and arrays are given beside it, as in
        ``restore(image, "gaussian-blur", std=2)`` or ``restore(image, "psf-blur", psf=psf)``.
    solver : str, dict or Solver
        How it is undone; "auto": by what suits the degradation.
    denoiser : str, dict, Denoiser or callable
        The model of what images look like.
    sigma : float, optional
        As for `denoise`.
    **fields
        Parameters and arrays of a degradation that is given by its name, and fields as for `denoise`.

    Returns
    -------
    Result
        As `denoise` returns it; where the degradation changes the size of an image, ``.zoom`` says by how much.

    Raises
    ------
    ValueError
        As `denoise`, and if the solver cannot treat the degradation.
    """
    built, fields, inputs = _degradation(degradation, fields)
    return run_job("restore", image, fields, sigma, inputs, degradation=built, solver=solver, denoiser=denoiser)


def sample(
    image: Any, degradation: Any = "identity", samples: int = 16, sampler: Any = "auto", denoiser: Any = "unet", *,
    sigma: float | None = None, **fields: Any,
) -> Result:  # fmt: skip
    """Draw samples of all the images that agree with a measurement and look like one.

    Parameters
    ----------
    image, degradation, denoiser, sigma, **fields
        As for `restore`.
    samples : int
        How many are drawn.
    sampler : str, dict or Sampler
        How they are drawn; "auto": by what suits the degradation. Of a Sampler, its own number of samples counts.

    Returns
    -------
    Result
        ``.image`` is the posterior mean, ``.std`` the standard deviation, and ``.images`` holds the interval and the samples.

    Raises
    ------
    ValueError
        As `restore`.
    """
    built, fields, inputs = _degradation(degradation, fields)
    named = {"name": sampler} if isinstance(sampler, str) else sampler
    chosen = {"samples": samples, **named} if isinstance(named, Mapping) else named
    return run_job("sample", image, fields, sigma, inputs, degradation=built, sampler=chosen, denoiser=denoiser)


def decompose(image: Any, levels: int = 4, denoiser: Any = "unet", *, sigma: float | None = None, **fields: Any) -> Result:
    """Take an image apart into a smooth base and bands of detail that add up to it.

    Parameters
    ----------
    image, denoiser, sigma, **fields
        As for `denoise`.
    levels : int
        Bands above the base.

    Returns
    -------
    Result
        ``.image`` is the base; ``.images`` holds it and the bands, fine to coarse.

    Raises
    ------
    ValueError
        As `denoise`.
    """
    fields.setdefault("decomposition", {"levels": levels})
    return run_job("decompose", image, fields, sigma, denoiser=denoiser)


def run(
    recipe: Recipe | Mapping[str, Any] | Sequence[Recipe | Mapping[str, Any]],
    image: Any,
    *,
    progress: Told | None = None,
    **inputs: Any,
) -> Result:
    """Run a recipe on an image.

    Parameters
    ----------
    recipe : Recipe or mapping, or a sequence of them
        What to do, or what to do one after the other; axes and pixel size that it leaves open are those of the image, where it
        has some.
    image : array-like, layer or path
        As for `denoise`.
    progress : callable, optional
        Told of every `Progress`.
    **inputs
        Arrays that the recipe's methods name, such as ``psf`` or ``mask``: arrays, layers (whose pixel size is used) or paths.

    Raises
    ------
    ValueError
        As `denoise`.
    """
    picture = as_picture(image)
    whole = Recipe.chain(*map(_recipe, recipe)) if isinstance(recipe, list | tuple) else _recipe(recipe)
    fitted = whole.fitted(picture)
    result = last(steps_of(fitted, picture.data, **{name: _input(value) for name, value in inputs.items()}), progress)
    notes = [*picture.notes, *result.notes]
    return replace(result, notes=notes, provenance=result.provenance | {"notes": notes})


def measure_noise(image: Any, noise: Any = None, **fields: Any) -> list[Channel]:
    """Measure the noise of an image, as `denoise` does before it removes it.

    Parameters
    ----------
    image : array-like, layer or path
        As for `denoise`.
    noise : str, dict or Noise, optional
        What is known of it; the rest is measured.
    **fields
        Further fields of `Recipe`, such as ``axes``.

    Returns
    -------
    list of Channel
        One for each channel of the image: ``.sigma``, its level in grey levels, and ``.noise``, its model with nothing left open.

    Raises
    ------
    ValueError
        If the noise cannot be measured on this image.
    """
    known = {} if noise is None else {"noise": noise}
    picture = as_picture(image)
    return measure(Recipe(**known, **fields).fitted(picture), picture.data)


def run_job(
    job: str, image: Any, fields: dict[str, Any], sigma: float | None = None, inputs: Mapping[str, Any] | None = None, **said: Any
) -> Result:
    """Run a job of which the recipe's fields are given apart."""
    sigma = fields.pop("sigma", sigma)
    if sigma is not None:
        if "noise" in fields:
            raise ValueError("sigma and noise both say what the noise is: give one of them")
        fields["noise"] = {"name": "gaussian", "sigma": sigma}
    twice = [name for name in ("job", *said) if name in fields]
    if twice:
        raise ValueError(f"{', '.join(twice)}: {job} says that itself; for other jobs and fields run a recipe, by nt.run")
    progress = fields.pop("progress", None)
    return run(Recipe(job=job, **said, **fields), image, progress=progress, **(inputs or {}))


def _recipe(value: Any) -> Recipe:
    return Recipe.model_validate(dict(value) if isinstance(value, Mapping) else value)


def _input(value: Any) -> Any:
    """Return an array that goes with a recipe, with the size of its pixels where it comes from a file or layer."""
    if not (isinstance(value, str | Path | Picture) or hasattr(value, "axis_labels")):
        return value
    picture = as_picture(value)
    return Input.of(picture.data, Path(value).name if isinstance(value, str | Path) else picture.name, picture.nanometres())


def _degradation(value: Any, fields: Mapping[str, Any]) -> tuple[Any, dict[str, Any], dict[str, Any]]:
    """Return the degradation, and what is left of `fields`: fields of a recipe, and arrays that the degradation names.

    What a name's method has for a parameter goes to it, unless it is a field of every recipe.
    """
    kind = degradations.registry.method(value) if isinstance(value, str) else type(value)
    own = [name for name in getattr(kind, "model_fields", {}) if name in fields and name not in Recipe.model_fields]
    arrays = {name: fields[name] for name in own if name in kind.inputs()}
    parameters = {name: fields[name] for name in own if name not in arrays}
    if parameters and not isinstance(value, str):
        raise ValueError(f"{', '.join(parameters)}: give the degradation its parameters itself, or give it by its name")
    rest = {name: given for name, given in fields.items() if name not in own}
    unknown = [name for name in rest if name not in {*Recipe.model_fields, "progress"}]
    if unknown:
        there = ", ".join(getattr(kind, "model_fields", {})) or "none"
        raise ValueError(f"{', '.join(unknown)}: no parameter of {kind.name!r} (it has {there}), and no field of a recipe")
    return ({"name": value, **parameters} if isinstance(value, str) else value), rest, arrays

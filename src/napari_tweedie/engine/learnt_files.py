"""Files of what was learnt: weights that say how they were made, and a card for people."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from itertools import count
from pathlib import Path
from typing import Any

from napari_tweedie.denoisers.network import weights_file, weights_hash
from napari_tweedie.training.learning import Learning
from napari_tweedie.training.memory import ALIKE
from napari_tweedie.training.run import Learnt


def write_learnt(
    state: Learnt, path: Path, settings: Learning, images: Sequence[str], seconds: float, likeness: float | None = None,
    calibration: dict[str, Any] | None = None,
) -> None:  # fmt: skip
    """Write the best network as safetensors with all that determined it, and a model card of the same name beside it.

    Parameters
    ----------
    state : Learnt
        Where learning ended; with a network that is better.
    path : Path
        Ends in ``.safetensors``.
    settings : Learning
        With nothing left to be chosen.
    images : sequence of str
        Names of the images that were learnt from.
    seconds : float
        How long it took.
    likeness : float, optional
        Of what it draws from noise to the images, as of `training.memory.likeness`; None: not known.
    calibration : dict, optional
        Of what samples, how wide its intervals must be, as of `engine.sampler_calibration.calibration_of`.

    Raises
    ------
    ValueError
        If no network is better than before.
    OSError
        If the files cannot be written.
    """
    from napari_tweedie.training.export import write_weights

    if state.network is None:
        raise ValueError("no network is better than before: there is nothing to write")
    path.parent.mkdir(parents=True, exist_ok=True)
    facts: dict[str, Any] = {
        "settings": settings.model_dump(mode="json"),
        "start": start_of(settings),
        "images": list(images),
        "steps": state.step,
        "gain": round(state.gain, 3),
        "correlated": state.network.levels > 1,
        "restores": settings.objective.restores,
        "samples": settings.objective.samples,
        "calibration": calibration,
        "likeness": None if likeness is None else round(likeness, 3),
        "seconds": round(seconds),
        "version": version("napari-tweedie"),
        "date": datetime.now(UTC).date().isoformat(),
    }
    write_weights(state.network, path, learning=json.dumps(facts), gain=f"{state.gain:.3f} dB")
    path.with_suffix(".md").write_text(card(path, state, facts), encoding="utf-8")


def start_of(settings: Learning) -> str:
    """Say where learning started: the weights' name and hash, or that it started from nothing."""
    if settings.is_fresh:
        return "fresh"
    path = settings.weights if settings.weights != Path() else weights_file(settings.start)
    return f"{path.stem} {weights_hash(path)}"


def card(path: Path, state: Learnt, facts: dict[str, Any]) -> str:
    """Return a model card: what it is, what it learnt from and how, how good it is, and how far that goes."""
    assert state.network is not None
    objective, network = facts["settings"]["objective"], state.network
    shown = facts["images"][:20] + (["…"] if len(facts["images"]) > 20 else [])
    kind = "for images like them with " + ("correlated noise like theirs" if facts["correlated"] else "noise of any level")
    what = "A denoiser of grey images, f(x, σ), that learnt from the images named below, " + kind
    if facts["restores"]:
        what = "A network that learnt to turn the images named below into their targets, and does so with images like them"
    if facts["samples"]:
        what = "A sampler that learnt from the images named below and their targets what targets of images like them may be"
    count_ = sum(weight.numel() for weight in network.parameters())
    return f"""# Model card: {path.stem}

{what}.

| | |
| --- | --- |
| file | {path.name}, SHA-256 {weights_hash(path)} |
| architecture | {network}, {count_:,} parameters, float16 |
| start | {facts["start"]} |
| objective | {objective["name"]} |
| images | {len(facts["images"])}: {", ".join(shown)} |
| steps | {facts["steps"]} of {facts["settings"]["steps"]}, in {facts["seconds"]} s |
| made | {facts["date"]}, napari-tweedie {facts["version"]} |

## Quality

{_quality(state, facts)}

## Use

{_use(path, facts)}
The weights belong to whoever owns the images; they contain no image, but what recurs in the images may be recognised.
"""


def _quality(state: Learnt, facts: dict[str, Any]) -> str:
    """Say what was measured on the pixels held out."""
    if not facts["samples"]:
        return f"""{state.gain:.2f} dB better than what it started from (a fresh network: than the bundled U-Net), estimated on a
quarter of the pixels, which were held out. Whether it is better on other images was not
measured.{_remembered(facts["likeness"])}"""
    score = f"""The score of its samples (continuous ranked probability) is {state.gain:.2f} dB better than the mean error of
the regression, on a quarter of the pixels, which were held out."""
    if (known := facts["calibration"]) is None:
        return f"{score} Learning was stopped before its intervals were calibrated."
    place = known["levels"].index(0.9)
    return f"""{score} The 90 % interval of {known["samples"]} samples must be
{known["factors"][place]:.2f} times as wide as they spread; it then holds {100 * known["coverages"][place]:.1f} % of the pixels of
images that the factor was not found on."""


def _use(path: Path, facts: dict[str, Any]) -> str:
    if facts["samples"]:
        return (
            "In *How sure?* choose the sampler *Trained sampler* and this file; on the command line: "
            f"`napari-tweedie sample … --sampler trained --set sampler.path={path.name}`."
        )
    command = f"--set denoiser.name=file --set denoiser.path={path.name}"
    return f"In a dock choose it among the denoisers; on the command line: `{command}`."


def _remembered(likeness: float | None) -> str:
    if likeness is None:
        return ""
    return (
        f"\n\nWhat it draws from noise alone is alike to a place of the images by a cosine of {likeness:.2f}; from {ALIKE} on it "
        "remembers them."
    )


def unused(path: Path) -> Path:
    """Return this path, or the first of ``NAME-2``, ``NAME-3`` … that no file has."""
    names = (path if number == 1 else path.with_stem(f"{path.stem}-{number}") for number in count(1))
    return next(name for name in names if not name.exists())

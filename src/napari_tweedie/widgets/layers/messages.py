"""Messages: numbers, times and errors put into words."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

CHANNEL = re.compile(r"Channel \d+:")
"""What is before the decision on one of several channels."""


def summary(provenance: dict[str, Any], estimated: bool, unit: str = "", decided: bool = False) -> str:
    """Say in a line what noise level was used, how well the data are explained, how sure the interval is, and what it took.

    Where the noise was `decided` before the eyes of the user, it is not said again.
    """
    parts = []
    if provenance["noise_levels"] and not decided:
        level = f"{numbers(provenance['noise_levels'])} {unit}".rstrip()
        parts.append(f"σ {level} ({'estimated' if estimated else 'given'})")
    photons = [noise for noise in provenance.get("noise", []) if noise["name"] == "poisson" and not decided]
    for field in ("gain", "read_noise") if photons else ():
        parts.append(f"{field.replace('_', ' ')} {numbers([noise[field] for noise in photons])}")
    if provenance["data_residuals"]:
        parts.append(f"residual {numbers(provenance['data_residuals'])}")
    if "interval" in provenance:
        parts.append(provenance["interval"])
    return " · ".join([*parts, f"{provenance['seconds']:.1f} s on {provenance['device']}"])


def undecided(notes: Iterable[str], provenance: dict[str, Any]) -> list[str]:
    """Return notes without what they say of the decision on the noise, which stands elsewhere."""
    decisions = [noise["decision"] for noise in provenance.get("noise", []) if noise.get("decision")]
    kept = []
    for note in notes:
        left = note
        for decision in sorted(decisions, key=len, reverse=True):  # "level 12." begins "level 12.1.", too
            left = left.replace(decision, "").strip()
        if left and not (left != note and CHANNEL.fullmatch(left)):
            kept.append(left)
    return kept


def numbers(values: list[float], most: int = 3) -> str:
    """Write a few numbers, of a channel each, with three digits."""
    return ", ".join([f"{value:.3g}" for value in values[:most]] + ["…"] * (len(values) > most))


def duration(seconds: float) -> str:
    """Write a time as people say it: 12 s, 1 min 20 s, 2 h 5 min."""
    whole = max(1, round(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s" if whole < 600 else f"{round(whole / 60)} min"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def sentence(error: Exception | str) -> str:
    """Write the message of an error, or what else is said of a problem, as a sentence; nothing stays nothing."""
    message = str(error)
    return message and f"{message[:1].upper()}{message[1:].removesuffix('.')}."

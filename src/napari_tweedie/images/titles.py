"""Titles of images: what one is called that was made of another, so that it is read whole in a list of layers."""

from __future__ import annotations

import re

SEPARATOR = " · "
LONGEST = 20
"""Letters of the title of what it was made of: napari's list of layers shows about thirty, and what was made comes last."""
LEAST = 7
"""Letters that are left of a title at least, if what was made of it is to be read whole."""
_ADDED = re.compile(r"( \[\d+\])?$| \(stopped at [^)]*\)")
"""What may stand behind: the number of a further one, where it was stopped."""
_UNIT = re.compile(r" \([^()]*\)$")


def titled(source: str, what: str, unit: str = "") -> str:
    """Return what an image is called that was made of another: short words behind it, and the unit of what has a scale.

    Parameters
    ----------
    source : str
        Title of the image that it was made of, which is shortened in its middle where it is long.
    what : str
        What it is, such as ``denoised``, ``std``; the method belongs to its recipe.
    unit : str
        Unit of its values, where they are not those of the image.
    """
    return f"{shortened(source)}{SEPARATOR}{what}" + (f" ({unit})" if unit else "")


def shortened(source: str, longest: int = LONGEST) -> str:
    """Return a title of at most so many letters, beginning and end of a longer one."""
    if len(source) <= longest:
        return source
    first, separator, made = source.partition(SEPARATOR)
    if made and longest - len(separator + made) >= LEAST:
        return shortened(first, longest - len(separator + made)) + separator + made
    head = (longest - 1) // 2
    return f"{source[:head].rstrip()}…{source[-(longest - 1 - head) :].lstrip()}"


def what_of(made: str) -> str:
    """Return what a title says that an image is, without its unit, its number, and where it was stopped."""
    return _UNIT.sub("", _ADDED.sub("", made.rpartition(SEPARATOR)[2]))


def source_of(made: str) -> str:
    """Return the title of what an image was made of; its own where it was not made of another."""
    return made.rpartition(SEPARATOR)[0] or made

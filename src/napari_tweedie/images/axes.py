"""Axes of an image: which is which, and the blocks in which an array passes through an algorithm."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_tweedie.images.arrays import fetched

Index = tuple[int, ...]

ROLES = {
    "t": "time, processed plane by plane",
    "c": "channels, processed plane by plane, each with its own intensities",
    "z": "planes or depth",
    "y": "rows",
    "x": "columns",
    "s": "red, green, blue",
    "q": "others, processed plane by plane",
}
"""What each letter of an axes string means."""

_NAMES = {
    "time": "t", "frame": "t", "frames": "t", "channel": "c", "channels": "c", "ch": "c", "plane": "z", "depth": "z",
    "slice": "z", "row": "y", "column": "x", "col": "x", "height": "y", "width": "x",
    "rgb": "s",
}  # fmt: skip
_DEFAULT = "qqqtczyx"


def guess_axes(shape: Sequence[int], labels: Sequence[str] = (), rgb: bool = False) -> str:
    """Guess the axes string of an array, one letter of `ROLES` an axis.

    Parameters
    ----------
    shape : sequence of int
        Shape of the array.
    labels : sequence of str
        Names of the axes where they have one; numbers such as "-1" count as no name.
    rgb : bool
        Whether the last axis holds colour samples (it has no label then).

    Raises
    ------
    ValueError
        If the array has fewer than two spatial axes.
    """
    ndim = len(shape) - rgb
    if ndim < 2:
        raise ValueError(f"an image needs at least two axes, Y and X (got shape {tuple(shape)})")
    default = {2: "yx", 3: "zyx", 4: "tzyx"}.get(ndim, ("q" * ndim + _DEFAULT)[-ndim:])
    known = [role(label) for label in labels] if len(labels) == ndim else [""] * ndim
    if known.count("y") != 1 or known.count("x") != 1:
        known[-2:] = "y", "x"
    axes: list[str] = []
    for name, fallback in zip(known, default, strict=True):
        free = name or (fallback if fallback not in known else "q")
        axes.append(free if free not in axes else "q")
    return "".join(axes) + "s" * rgb


def role(label: str) -> str:
    """Return the letter that a name of an axis stands for, q where it is another one, nothing where it is a number or empty."""
    name = label.strip().lower()
    if re.fullmatch(r"-?\d+", name):
        return ""
    return name if name in ROLES and name != "q" else _NAMES.get(name, "q" if name else "")


def spatial_count(axes: str) -> int:
    """Return how many of the last axes are spatial."""
    return len(axes) - len(axes.rstrip("zyx"))


def check_axes(axes: str, shape: Sequence[int]) -> None:
    """Raise a ValueError that names the fault if `axes` cannot describe an array of `shape`."""
    if len(axes) != len(shape):
        raise ValueError(f"axes {axes!r} name {len(axes)} axes, but the image has {len(shape)} (shape {tuple(shape)})")
    unknown = set(axes) - set(ROLES)
    if unknown:
        raise ValueError(f"axes {axes!r}: {', '.join(sorted(unknown))} is not one of {', '.join(ROLES)}")
    for role in "tczyxs":
        if axes.count(role) > 1:
            raise ValueError(f"axes {axes!r}: {role} appears more than once")
    if "y" not in axes or "x" not in axes:
        raise ValueError(f"axes {axes!r} lack y or x")
    if "s" in axes and shape[axes.index("s")] not in (3, 4):
        raise ValueError(f"axes {axes!r}: colour has 3 or 4 samples, not {shape[axes.index('s')]}")
    if 0 in shape:
        raise ValueError(f"the image is empty (shape {tuple(shape)})")


def window(start: int, stop: int, length: int, context: int) -> slice:
    """Return the planes, of `length` along an axis, that those from `start` to `stop` depend on where `context` a side help.

    Near an end as many help, all from further inside.
    """
    return slice(max(0, min(start - context, length - 2 * context - 1)), min(length, max(stop + context, 2 * context + 1)))


@dataclass(frozen=True)
class Layout:
    """How an array is cut into blocks (samples, [Z,] Y, X) that an algorithm sees one at a time.

    Parameters
    ----------
    axes : str
        One letter of `ROLES` an axis.
    shape : tuple of int
        Shape of the array.
    volume : bool
        Whether a block holds the whole Z axis (3-D) or one plane of it.
    """

    axes: str
    shape: tuple[int, ...]
    volume: bool = False

    def __post_init__(self) -> None:
        check_axes(self.axes, self.shape)
        if self.volume and "z" not in self.axes:
            raise ValueError(f"axes {self.axes!r} have no z, but a volume was asked for: go plane by plane or name the z axis")

    @property
    def spatial(self) -> str:
        """The axes inside a block: "yx" or "zyx"."""
        return "zyx" if self.volume else "yx"

    @property
    def block_shape(self) -> tuple[int, ...]:
        """Shape of the spatial part of a block."""
        return tuple(self.shape[self.axes.index(axis)] for axis in self.spatial)

    @property
    def _loops(self) -> list[int]:
        return [n for n, axis in enumerate(self.axes) if axis not in self.spatial + "s"]

    def __len__(self) -> int:
        return int(np.prod([self.shape[n] for n in self._loops], dtype=int))

    def __iter__(self) -> Iterator[Index]:
        """Iterate over the blocks, in order of the array."""
        return iter(np.ndindex(*(self.shape[n] for n in self._loops)))

    def block(self, number: int) -> Index:
        """Return one of the blocks by its number in their order, without going through those before it."""
        return tuple(map(int, np.unravel_index(number, [self.shape[n] for n in self._loops]))) if self._loops else ()

    def first_of_channels(self) -> dict[int, Index]:
        """Return the first block of every channel, in their order."""
        loops = [self.axes[n] for n in self._loops]
        first = [0] * len(loops)
        if "c" not in loops:
            return {0: tuple(first)}
        place = loops.index("c")
        return {n: (*first[:place], n, *first[place + 1 :]) for n in range(self.shape[self.axes.index("c")])}

    def order(self, innermost: str = "") -> Iterator[Index]:
        """Iterate over the blocks so that those beside one another along an axis follow each other."""
        loops = [self.axes[n] for n in self._loops]
        if innermost not in loops:
            yield from self
            return
        place = loops.index(innermost)
        lengths = [self.shape[n] for n in self._loops]
        length = lengths.pop(place)
        for others in np.ndindex(*lengths):
            yield from ((*others[:place], position, *others[place:]) for position in range(length))

    def beside(self, index: Index, axis: str, context: int) -> list[Index]:
        """Return a block and those beside it along an axis, `context` on each side; near an end as many, further inside."""
        place = [self.axes[n] for n in self._loops].index(axis)
        around = window(index[place], index[place] + 1, self.shape[self.axes.index(axis)], context)
        return [(*index[:place], position, *index[place + 1 :]) for position in range(around.start, around.stop)]

    def along(self, index: Index, axis: str) -> list[Index]:
        """Return the blocks that differ from one along an axis alone, in order."""
        place = [self.axes[n] for n in self._loops].index(axis)
        return [(*index[:place], n, *index[place + 1 :]) for n in range(self.shape[self.axes.index(axis)])]

    def holds(self, region: Sequence[slice], index: Index) -> bool:
        """Tell whether a block lies in a region, given by a slice an axis of the array."""
        return all(region[n].start <= position < region[n].stop for n, position in zip(self._loops, index, strict=True))

    @property
    def frames(self) -> str:
        """The axis of frames: T, or else Z where blocks are planes of it; empty where there is none."""
        loops = [self.axes[n] for n in self._loops]
        return next((axis for axis in "tz" if axis in loops), "")

    def place_along(self, index: Index, axis: str) -> int:
        """Return the position of a block along an axis, 0 where there is no such axis."""
        return dict(zip((self.axes[n] for n in self._loops), index, strict=True)).get(axis, 0)

    def channel(self, index: Index) -> int:
        """Return the channel that a block belongs to, 0 without a channel axis."""
        return self.place_along(index, "c")

    def place(self, index: Index, inside: Sequence[int]) -> tuple[int, ...]:
        """Return where a pixel of a block lies in the array: a position along every axis but that of colour."""
        loops, spatial = iter(index), dict(zip(self.spatial, inside, strict=True))
        numbered = [(n, axis) for n, axis in enumerate(self.axes) if axis != "s"]
        return tuple(next(loops) if n in self._loops else spatial[axis] for n, axis in numbered)

    def read(self, array: Any, index: Index) -> NDArray[Any]:
        """Return a block, shape (samples, [Z,] Y, X), of an array, dask or zarr array of this layout; masked pixels are NaN."""
        kept = [axis for n, axis in enumerate(self.axes) if n not in self._loops]
        block = fetched(array, self.selection(index))
        if "s" not in kept:
            return block.transpose([kept.index(axis) for axis in self.spatial])[None]
        return block.transpose([kept.index(axis) for axis in "s" + self.spatial])

    def write(self, array: NDArray[Any], index: Index, block: NDArray[Any]) -> None:
        """Put a block, shape (samples, [Z,] Y, X), into an array of this layout, whose size may differ."""
        source = "s" + self.spatial
        kept = [axis for n, axis in enumerate(self.axes) if n not in self._loops]
        if "s" not in kept:
            block, source = block[0], self.spatial
        array[self.selection(index)] = block.transpose([source.index(axis) for axis in kept])

    def resized(self, block_shape: Sequence[int]) -> tuple[int, ...]:
        """Return the array's shape if its blocks had another spatial shape."""
        sizes = dict(zip(self.spatial, block_shape, strict=True))
        return tuple(sizes.get(axis, length) for axis, length in zip(self.axes, self.shape, strict=True))

    def selection(self, index: Index) -> tuple[int | slice, ...]:
        """Return where a block lies in an array of this layout."""
        selection: list[int | slice] = [slice(None)] * len(self.axes)
        for n, position in zip(self._loops, index, strict=True):
            selection[n] = position
        return tuple(selection)

"""Field of point-spread functions from beads: at a place, a parabola fitted to every pixel of the beads around it.

How far around is told by the beads themselves (Cleveland 1979): each is foretold by the others, for several widths of the
neighbourhood, and the one with the least squared error is taken. Their mean stands for all where that foretells them best.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_tweedie.analysis.beads import widths_of, without_border_noise
from napari_tweedie.analysis.spots import spots_of

Array = NDArray[np.float64]

NEAR = 9
"""Beads around it that a bead must look like: they have about its function."""
AROUND = (2.0, 1.0, 0.7, 0.5, 0.35)
"""Standard deviations of the weights of beads around a place, in halves of the field; beside them all beads alike."""
FLAT = 0.03
"""How many beads say that there is neither slope nor curvature: where few are near, both stay small."""
FEWEST = 6
"""Beads below which it is not told."""
NODES = 3
"""Functions along an axis: of widths that grow to 2.4 times from the centre to the corners, three restored as well as 17."""
VARIES = 1.15
"""Ratio of the largest width over the field to the least from which on it is worth to be told."""


@dataclass(frozen=True)
class PsfField:
    """Point-spread functions on a grid over the field of an image of beads.

    Parameters
    ----------
    psfs : array
        (rows, columns, …): the first and last rows and columns lie at the borders; each of odd sides and sum 1.
    around : float
        Standard deviation of the weights of beads around a place, in halves of the field; infinite: they are alike, and the grid
        is of 1 × 1.
    narrowest, widest : tuple of float
        Least and largest full width at half maximum over the grid, along every axis, in pixels.
    count : int
        How many beads tell of it.
    left_out : str
        How many were left out and why; empty: none.
    """

    psfs: Array
    around: float
    narrowest: tuple[float, ...]
    widest: tuple[float, ...]
    count: int
    left_out: str

    @property
    def varies(self) -> bool:
        """Whether the widths differ by more than is of no importance."""
        return any(most > VARIES * least for least, most in zip(self.narrowest, self.widest, strict=True))


def psf_field(image: NDArray[np.generic], radius: tuple[int, ...] | None = None) -> PsfField:
    """Return the point-spread function of the beads of an image or stack, as it varies over Y and X.

    Parameters
    ----------
    image, radius
        As for `psf_of_beads`; by default it reaches as far as the widest beads do.

    Raises
    ------
    ValueError
        If there are fewer than `FEWEST` isolated beads.
    """
    spots = spots_of(image, radius, NEAR)
    count = len(spots.boxes)
    if count < FEWEST:
        raise ValueError(
            f"how a point-spread function varies is told by {FEWEST} isolated beads or more (found {count}"
            f"{f'; left out: {spots.left_out}' if spots.left_out else ''}): give more of them, or take it as one function"
        )
    light = np.array([box.sum() for box in spots.boxes])
    relative = np.array([box.ravel() / box.sum() for box in spots.boxes])
    at = 2 * spots.places[:, -2:] / (np.array(image.shape[-2:]) - 1) - 1
    errors = {}
    for around in (np.inf, *AROUND):
        left = relative - _shares(at, at, light, around, others=True) @ relative
        errors[around] = float((light[:, None] * left**2).sum())
    around = min(errors, key=lambda each: errors[each])
    along = np.linspace(-1, 1, NODES) if around < np.inf else np.zeros(1)
    nodes = np.stack(np.meshgrid(along, along, indexing="ij"), -1).reshape(-1, 2)
    inside = np.clip(nodes, at.min(0), at.max(0))
    boxes = (_shares(inside, at, light, around) @ relative).reshape(-1, *spots.boxes[0].shape)
    psfs = np.array([without_border_noise(box) for box in boxes])
    widths = np.array([widths_of(psf) for psf in psfs])
    least, most = (tuple(np.nan_to_num(found, nan=np.inf)) for found in (np.nanmin(widths, 0), np.nanmax(widths, 0)))
    grid = psfs.reshape(len(along), len(along), *psfs.shape[1:])
    return PsfField(grid, around, least, most, count, spots.left_out)


def _shares(places: Array, at: Array, light: Array, around: float, others: bool = False) -> Array:
    """Return how much each bead counts at some places, (places, beads), of sum 1.

    Parameters
    ----------
    places, at : array
        Where the function is wanted, and where the beads lie: (…, 2), from −1 to 1.
    light : array
        Of every bead: the brighter, the less noise.
    around : float
        Standard deviation of the weights.
    others : bool
        Whether places are those of the beads, and a bead does not count at its own.
    """
    rows = []
    for n, place in enumerate(places):
        steps = at - place
        weights = light / light.mean() * np.exp(-0.5 * (steps**2).sum(1) / around**2)
        if others:
            weights[n] = 0
        if around == np.inf:
            rows.append(weights / weights.sum())
            continue
        y, x = steps.T / around
        terms = np.column_stack([np.ones(len(at)), y, x, y**2, x * y, x**2])
        normal = terms.T @ (weights[:, None] * terms) + np.diag([1e-9, *[FLAT] * 5])
        rows.append(np.linalg.solve(normal, terms.T * weights)[0])
    shares = np.array(rows)
    return shares / shares.sum(1, keepdims=True)

"""Synthetic images to learn from, drawn rather than taken: endless, noise-free, without a licence.

Every function draws a square image, about in [0, 1], float32, from a NumPy generator: same generator, same image.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, gaussian_filter1d
from scipy.spatial import cKDTree
from skimage.transform import downscale_local_mean

Image = NDArray[np.float32]
Generator = np.random.Generator
Scene: TypeAlias = Callable[[int, Generator], Image]

FINER = 2
"""Shapes with sharp borders are drawn this many times finer and averaged, as a camera's pixels do."""


@dataclass(frozen=True)
class Synthetic:
    """Drawn images as a source of training patches, and the share of every batch that they are."""

    share: float

    def patch(self, size: int, rng: Generator) -> Image:
        """Draw one patch: four in five of what microscopes and scanners see, the rest dead leaves."""
        if rng.random() < 0.2:
            return dead_leaves(size, rng)
        return as_recorded(_SCENES[rng.integers(len(_SCENES))](size, rng), rng)


@dataclass(frozen=True)
class Even:
    """Drawn images on even ground as a source of patches, and the share of every batch that they are.

    So are cells and beads on a clean slide, letters and test targets: what a network that has seen real images expects least.
    """

    share: float

    def patch(self, size: int, rng: Generator) -> Image:
        """Draw one patch: a scene without haze on ground of one grey level, now and then ground alone or a ramp."""
        kind = rng.random()
        if kind < 0.06:
            y, x = np.mgrid[:size, :size] / size - 0.5
            ramp = rng.choice([0.0, rng.uniform(0, 0.8)])
            return np.asarray(
                rng.uniform(0, 1) + ramp * (y * np.cos(6.28 * kind / 0.06) + x * np.sin(6.28 * kind / 0.06)), np.float32
            )
        own = strokes if kind < 0.2 else beads if kind < 0.35 else None
        scene = (own or _SCENES[rng.integers(len(_SCENES))])(size, rng)
        blurred = gaussian_filter(scene, rng.choice([0.0, rng.uniform(0.4, 2.0)]))
        ground = rng.uniform(0, 0.3) ** 2 / 0.3
        image = ground + (10 ** rng.uniform(-0.7, 0) - ground) * blurred / (blurred.max() + 1e-6)
        return np.asarray(1 - image if rng.random() < 0.15 else image, np.float32)


def beads(size: int, rng: Generator) -> Image:
    """Draw beads of one size and about one brightness, as on calibration slides."""
    image, dimmest = np.zeros((size, size)), rng.uniform(0.2, 1)
    count = int(size**2 * 10 ** rng.uniform(-3.6, -2.3)) + 1
    _add_points(image, rng.uniform(0, size, (2, count)), rng.uniform(dimmest, 1, count))
    return _scaled(gaussian_filter(image, rng.uniform(0.7, 2.5)))


def strokes(size: int, rng: Generator) -> Image:
    """Draw straight strokes of one thickness and grey level, as of letters, rulings and test targets."""
    large = FINER * size
    image = np.zeros((large, large), np.float32)
    y, x = np.mgrid[:large, :large]
    half, slanted = FINER * rng.uniform(0.5, 3), rng.random() < 0.5
    for _ in range(rng.integers(3, 40)):
        cy, cx = rng.uniform(0, large, 2)
        angle = rng.uniform(0, np.pi) if slanted else np.pi / 2 * rng.integers(2)
        along, across = np.cos(angle) * (y - cy) + np.sin(angle) * (x - cx), np.cos(angle) * (x - cx) - np.sin(angle) * (y - cy)
        image[(np.abs(along) < FINER * rng.uniform(3, 15)) & (np.abs(across) < half)] = 1
    return _averaged(image)


def power_law_field(size: int, slope: float, rng: Generator) -> Image:
    """Draw a Gaussian field of mean 0 and variance 1 whose power falls with frequency as |f|^−slope.

    Photographs of nature have a slope of about 2 (Field 1987). The field is cut from a larger one, hence not periodic.
    """
    large = 2 * size
    frequency = np.hypot(np.fft.fftfreq(large)[:, None], np.fft.rfftfreq(large))
    frequency[0, 0] = np.inf
    spectrum = np.fft.rfft2(rng.standard_normal((large, large))) * frequency ** (-slope / 2)
    field = np.fft.irfft2(spectrum, s=(large, large))[:size, :size]
    return ((field - field.mean()) / (field.std() + 1e-12)).astype(np.float32)


def dead_leaves(size: int, rng: Generator) -> Image:
    """Draw opaque, textured leaves that hide one another, with the sizes that make the image alike at every scale.

    The radii follow r^−3 between two limits (Lee, Mumford, Huang, "Occlusion models for natural images", IJCV 41, 2001),
    and so edges, flat regions and a power spectrum near |f|^−2 come about, as in photographs. Drawn from the front to the
    back; what then shows between them is the last leaf.
    """
    large = FINER * size
    image, free = np.zeros((large, large), np.float32), np.ones((large, large), bool)
    smallest, biggest = FINER * 10 ** rng.uniform(0, 0.8), large / 2
    texture = 0.25 * power_law_field(large, rng.uniform(1.2, 2.6), rng)
    while free.mean() > 0.05:
        radius = (rng.uniform(biggest**-2, smallest**-2)) ** -0.5
        centre = rng.uniform(-radius, large + radius, 2)
        rows, columns = (slice(max(0, int(c - radius)), max(0, int(c + radius) + 1)) for c in centre)
        leaf = _inside_leaf(rows, columns, centre, radius, rng, large) & free[rows, columns]
        grey = rng.uniform() + rng.exponential(0.3) * texture[rows, columns]
        image[rows, columns] = np.where(leaf, grey, image[rows, columns])
        free[rows, columns] &= ~leaf
    image[free] = rng.uniform() + 0.15 * texture[free]
    return _clip(gaussian_filter(_averaged(image), rng.uniform(0.0, 0.6)))


def _inside_leaf(
    rows: slice, columns: slice, centre: NDArray[np.float64], radius: float, rng: Generator, size: int
) -> NDArray[np.bool_]:
    """Tell which pixels of some rows and columns lie in a disc, an ellipse or a rectangle of random direction."""
    y, x = (np.arange(s.start, min(s.stop, size)) - c for s, c in zip((rows, columns), centre, strict=True))
    angle, flatness = rng.uniform(0, np.pi), rng.uniform(0.2, 1.0)
    along = np.cos(angle) * y[:, None] + np.sin(angle) * x
    across = (np.cos(angle) * x - np.sin(angle) * y[:, None]) / flatness
    if rng.random() < 0.4:
        return np.maximum(np.abs(along), np.abs(across)) < radius / np.sqrt(2)
    return along**2 + across**2 < radius**2


def filaments(size: int, rng: Generator) -> Image:
    """Draw bundles of curved fibres, such as microtubules, actin or vessels, each of its own brightness and thickness."""
    image = np.zeros((size, size))
    direction, order = rng.uniform(0, 2 * np.pi), rng.uniform(0.1, 3.0)
    for _ in range(rng.integers(3, 7)):  # thicknesses
        layer = np.zeros((size, size))
        for _ in range(rng.integers(1, 9)):
            bends = gaussian_filter1d(rng.normal(0, 10 ** rng.uniform(-2.3, -0.9), 3 * size), rng.uniform(1, 20))
            heading = direction + rng.normal(0, order) + np.cumsum(bends)
            steps = 0.5 * np.stack([np.sin(heading), np.cos(heading)])
            path = rng.uniform(0, size, (2, 1)) + np.cumsum(steps, axis=1) - steps.sum(axis=1, keepdims=True) / 2
            _add_points(layer, path, rng.lognormal(0, 0.5) * np.ones(path.shape[1]))
        thickness = rng.uniform(0.4, 2)
        image += gaussian_filter(layer, thickness) * thickness
    return _scaled(image)


def spots(size: int, rng: Generator) -> Image:
    """Draw small bright bodies, such as vesicles, transcripts or beads, partly in clusters."""
    image = np.zeros((size, size))
    for _ in range(rng.integers(1, 4)):  # sizes
        layer = np.zeros((size, size))
        count = int(size**2 * 10 ** rng.uniform(-3.5, -1.8)) + 1
        density = np.exp(rng.uniform(0, 2) * power_law_field(size, 3, rng)).ravel()
        at = rng.choice(size**2, count, p=density / density.sum())
        points = np.stack(np.divmod(at, size)) + rng.uniform(-0.5, 0.5, (2, count))
        _add_points(layer, points, rng.lognormal(0, rng.uniform(0.1, 1.0), count))
        width = rng.uniform(0.7, 3)
        image += gaussian_filter(layer, width) * width**2
    return _scaled(image)


def membranes(size: int, rng: Generator) -> Image:
    """Draw the borders of a tissue's cells: the bisectors of random points, warped, of uneven brightness."""
    cell = rng.uniform(8, 48)
    points = rng.uniform(-cell, size + cell, (int(((size + 2 * cell) / cell) ** 2) + 2, 2))
    warp = rng.uniform(0, 0.15) * cell
    grid = np.moveaxis(np.mgrid[:size, :size].astype(np.float64), 0, -1)
    grid += warp * np.stack([power_law_field(size, 4, rng) for _ in range(2)], axis=-1)
    distances, nearest = cKDTree(points).query(grid, k=2)
    border = np.exp(-0.5 * ((distances[..., 1] - distances[..., 0]) / rng.uniform(1, 4)) ** 2)
    brightness = np.exp(rng.uniform(0, 0.6) * power_law_field(size, 2.5, rng))
    inside = rng.uniform(0, 0.4) * rng.uniform(0, 1, len(points))[nearest[..., 0]]
    image = border * brightness + inside
    return _scaled(image if rng.random() < 0.8 else image.max() - image)  # stained or, as in electron microscopy, dark


def cells(size: int, rng: Generator) -> Image:
    """Draw roundish textured bodies on a dark ground, such as nuclei with nucleoli, or cells with organelles."""
    y, x = np.mgrid[:size, :size]
    image = np.zeros((size, size), np.float32)
    texture = power_law_field(size, rng.uniform(1.5, 3.0), rng)
    typical = rng.uniform(5, 0.35 * size)
    for _ in range(rng.integers(1, 4 + int(0.3 * (size / typical) ** 2))):
        cy, cx = rng.uniform(0, size, 2)
        radius = typical * rng.lognormal(0, 0.25)
        angle = np.arctan2(y - cy, x - cx)
        wobble = sum(rng.normal(0, 0.12 / k) * np.cos(k * angle + rng.uniform(0, 2 * np.pi)) for k in range(2, 6))
        depth = radius * (1 + wobble) - np.hypot(y - cy, x - cx)
        body = 1 / (1 + np.exp(-np.clip(depth / rng.uniform(0.4, 1.5), -30, 30)))
        filling = np.maximum(0, 1 + rng.uniform(-0.5, 0.5) * texture)
        image = np.maximum(image, (rng.lognormal(0, 0.4) * body * filling).astype(np.float32))
    return _scaled(image)


def phantom(size: int, rng: Generator) -> Image:
    """Draw a section of a body as scanners see it: organs of even grey levels in one another, shaded slowly."""
    large = FINER * size
    y, x = np.mgrid[:large, :large] / large - rng.uniform(0.2, 0.8, (2, 1, 1))
    image = np.zeros((large, large))
    for number in range(rng.integers(4, 30)):
        half = rng.uniform(0.3, 0.9, 2) if number == 0 else 10 ** rng.uniform(-2.2, -0.5, 2)
        cy, cx = (0, 0) if number == 0 else rng.uniform(-0.5, 0.5, 2)
        angle = rng.uniform(0, np.pi)
        along, across = np.cos(angle) * (y - cy) + np.sin(angle) * (x - cx), np.cos(angle) * (x - cx) - np.sin(angle) * (y - cy)
        inside = (along / half[0]) ** 2 + (across / half[1]) ** 2 < 1
        image[inside] += 0.6 if number == 0 else rng.normal(0, 0.25)
    even = np.maximum(0, _averaged(image.astype(np.float32)))
    shading = 1 + rng.uniform(0, 0.2) * power_law_field(size, 4, rng)
    tissue = rng.uniform(0, 0.06) * power_law_field(size, rng.uniform(1.5, 2.5), rng)
    return _scaled(even * np.maximum(0, shading + tissue))


_SCENES: tuple[Scene, ...] = (filaments, spots, membranes, cells, phantom)


def as_recorded(scene: Image, rng: Generator) -> Image:
    """Turn a scene into what an instrument would record without noise: blurred by its optics, hazy, often dim."""
    size = len(scene)
    if rng.random() < 0.3:
        other = _SCENES[rng.integers(len(_SCENES))](size, rng)
        scene = scene + rng.uniform(0.1, 0.7) * other
    sharp = gaussian_filter(scene, rng.uniform(0.4, 1.4))
    out_of_focus = gaussian_filter(scene, rng.uniform(4, 16))
    ground = rng.uniform(0, 0.1) * np.exp(rng.uniform(0, 0.5) * power_law_field(size, 3, rng))
    recorded = _scaled(sharp + rng.uniform(0, 0.6) * out_of_focus) + ground
    brightness = 1.0 if rng.random() < 0.5 else 10 ** rng.uniform(-1, 0)  # few counts: dim beside the noise
    return _clip(brightness * recorded ** rng.uniform(0.8, 1.6))


def _add_points(image: NDArray[np.float64], points: NDArray[np.float64], weights: NDArray[np.float64]) -> None:
    """Add weights to an image at points (2, N) between its pixels, shared among the four nearest."""
    corner = np.floor(points).astype(int)
    y, x = points - corner
    for dy, dx, share in ((0, 0, (1 - y) * (1 - x)), (0, 1, (1 - y) * x), (1, 0, y * (1 - x)), (1, 1, y * x)):
        rows, columns = corner[0] + dy, corner[1] + dx
        inside = (rows >= 0) & (rows < len(image)) & (columns >= 0) & (columns < len(image))
        np.add.at(image, (rows[inside], columns[inside]), (share * weights)[inside])


def _averaged(fine: Image) -> Image:
    return downscale_local_mean(fine, (FINER, FINER)).astype(np.float32)


def _scaled(image: NDArray[np.floating]) -> Image:
    """Divide by the 99.9 percentile, as the plugin does with a user's image."""
    return np.asarray(np.clip(image / (np.percentile(image, 99.9) + 1e-6), 0, 1.5), dtype=np.float32)


def _clip(image: NDArray[np.floating]) -> Image:
    return np.asarray(np.clip(image, 0, 1), dtype=np.float32)

"""Clips to learn from: still images set in motion, as scenes move, fade, flash, come and go in a time-lapse; and real stacks.

A clip is what `count` frames beside one another show without noise: float64, shape (count, size, size), about in [0, 1].
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, map_coordinates

from napari_tweedie.training.data import Source, draw_batch, read_planes
from napari_tweedie.training.synthetic import power_law_field

Array: TypeAlias = NDArray[Any]
Generator: TypeAlias = np.random.Generator
Scene: TypeAlias = Callable[[int], Array]

PAD = 24
"""Pixels of a scene beyond the frame on each side, from where things move into it."""
FURTHEST = 20.0
"""Furthest jump, in pixels."""
FASTEST = 6.0
"""Greatest speed, in pixels a frame: somewhat more than what is looked for between two frames."""


@dataclass(frozen=True)
class Clips:
    """Where clips come from.

    Parameters
    ----------
    sources : sequence of Source
        Still images.
    stacks : sequence of array
        Real time-lapses and stacks with little noise, (N, Y, X), about in [0, 1].
    share : float
        Share of the clips that are cut from stacks, where there are some.
    """

    sources: Sequence[Source]
    stacks: Sequence[Array] = ()
    share: float = 0.1

    def draw(self, count: int, size: int, rng: Generator) -> Array:
        """Draw a clip."""
        fitting = [stack for stack in self.stacks if len(stack) >= count and min(stack.shape[1:]) >= size]
        if fitting and rng.random() < self.share:
            return _cut(fitting[rng.integers(len(fitting))], count, size, rng)

        def scene(side: int) -> Array:
            return np.asarray(draw_batch(self.sources, 1, side, rng)[0, 0], np.float64)

        moving = _KINDS[rng.choice(len(_KINDS), p=_SHARES)](scene, count, size, rng)
        return _lit(moving, scene, rng)


def read_stacks(folder: Path) -> list[Array]:
    """Read the stacks of a folder, their 0.1 and 99.9 percentiles mapped to 0 and 1.

    Raises
    ------
    FileNotFoundError
        If there is none.
    """
    found = [planes for path in sorted(folder.rglob("*.tif*")) if len(planes := read_planes(path)) > 1]
    if not found:
        raise FileNotFoundError(f"no stack, .tif, below {folder}")
    return [np.stack(planes) for planes in found]


def _cut(stack: Array, count: int, size: int, rng: Generator) -> Array:
    """Cut a clip out of a stack, turned, mirrored and read from either end."""
    first, y, x = (rng.integers(n - m + 1) for n, m in zip(stack.shape, (count, size, size), strict=True))
    clip = np.rot90(stack[first : first + count, y : y + size, x : x + size], int(rng.integers(4)), (1, 2))
    clip = clip[::-1] if rng.random() < 0.5 else clip
    return np.array(clip[:, ::-1] if rng.random() < 0.5 else clip, np.float64)


def _whole(scene: Scene, count: int, size: int, rng: Generator) -> Array:
    """Move a scene as one, by drift and smooth warps; one clip in three stands still, or nearly."""
    image = scene(size + 2 * PAD)
    speed = 0.0 if rng.random() < 0.15 else _speed(rng)
    return _moved(image, _path(count, speed, rng), _warps(count, size, speed * rng.choice([0.0, 0.5, 1.5]), rng))


def _layers(scene: Scene, count: int, size: int, rng: Generator) -> Array:
    """Move one scene in front of another, with a border that moves with it: what is behind appears and vanishes."""
    large = size + 2 * PAD
    front, behind = scene(large), scene(large)
    mask = gaussian_filter(rng.standard_normal((large, large)), rng.uniform(4, 20))
    edge = np.quantile(mask, rng.uniform(0.3, 0.8))
    mask = 1 / (1 + np.exp(-np.clip((mask - edge) / mask.std() * rng.uniform(5, 40), -30, 30)))
    path, warps = _path(count, _speed(rng), rng), _warps(count, size, _speed(rng) * rng.choice([0.0, 1.0]), rng)
    ground = _moved(behind, _path(count, _speed(rng) * rng.choice([0.0, 0.5]), rng), np.zeros_like(warps))
    share = _moved(mask, path, warps)
    return share * _moved(front, path, warps) + (1 - share) * ground


def _bodies(scene: Scene, count: int, size: int, rng: Generator) -> Array:
    """Draw bodies, such as nuclei or vesicles, each with its own way, light and growth, over a dim scene or none."""
    large = size + 2 * PAD
    texture, typical = scene(large), 10 ** rng.uniform(0.1, 1.3)
    texture = (texture - texture.mean()) / (texture.std() + 1e-6)
    ground = rng.uniform(0, 0.4) * scene(large) if rng.random() < 0.5 else np.full((large, large), rng.uniform(0, 0.1))
    clip = _moved(ground, np.zeros((count, 2)), np.zeros((count, 2, size, size)))
    together, own, most = _path(count, _speed(rng), rng), rng.choice([0.1, 0.5, 1.0]) * _speed(rng), rng.uniform(0, 0.6)
    softness, uneven = rng.uniform(0.4, 1.5), rng.uniform(0, 0.4)
    for _ in range(rng.integers(1, 4 + int(min(60, 0.25 * (large / typical) ** 2)))):
        centre, angle = rng.uniform(-PAD, size + PAD, 2), rng.uniform(0, np.pi)
        radius = typical * rng.lognormal(0, 0.25)
        half = np.array([radius, radius * rng.uniform(0.5, 1)])
        path, growth = together + _path(count, own, rng), rng.normal(0, 0.02)
        light = rng.lognormal(0, most) * _life(count, rng)
        for t in range(count):
            grown = half * np.exp(growth * (t - count // 2))
            _add_body(clip[t], centre + path[t], grown, angle, (light[t], softness, uneven), texture, path[t])
    return np.asarray(clip / max(np.percentile(clip, 99.9), 0.2) * 10 ** rng.uniform(-0.5, 0))


def _add_body(
    frame: Array, centre: Array, half: Array, angle: float, looks: tuple[float, float, float], texture: Array, moved: Array
) -> None:
    """Draw an ellipse of soft border over a frame, the brighter of both, with a texture that moves with it."""
    light, softness, uneven = looks
    reach = half.max() + 6 * softness
    rows, columns = (
        slice(max(0, int(c - reach)), min(n, max(0, int(c + reach) + 2))) for c, n in zip(centre, frame.shape, strict=True)
    )
    y, x = (np.arange(part.start, part.stop) for part in (rows, columns))
    if not (len(y) and len(x)):
        return
    down, right = (y - centre[0])[:, None], (x - centre[1])[None]
    along, across = np.cos(angle) * down + np.sin(angle) * right, np.cos(angle) * right - np.sin(angle) * down
    distance = half.min() * (np.hypot(along / half[0], across / half[1]) - 1)
    body = 1 / (1 + np.exp(np.clip(distance / softness, -30, 30)))
    at = [np.clip(PAD + y - moved[0], 0, len(texture) - 1), np.clip(PAD + x - moved[1], 0, len(texture) - 1)]
    filling = np.maximum(0.2, 1 + uneven * map_coordinates(texture, np.meshgrid(*at, indexing="ij"), order=1))
    frame[rows, columns] = np.maximum(frame[rows, columns], light * body * filling)


def _life(count: int, rng: Generator) -> Array:
    """Return the light of a body in every frame: most shine evenly, some come, go, flash, or flicker."""
    light, kind, t = np.ones(count), rng.random(), np.arange(count)
    at = rng.integers(count)
    if kind < 0.06:
        light[t < at if rng.random() < 0.5 else t >= at] = 0
    elif kind < 0.14:
        light[(t >= at) & (t < at + rng.integers(1, 4))] *= 1 + 10 ** rng.uniform(-0.7, 0.5)
    elif kind < 0.2:
        light *= rng.lognormal(0, rng.uniform(0.05, 0.5), count)
    return light


_KINDS = (_whole, _layers, _bodies)
_SHARES = (0.5, 0.15, 0.35)


def _lit(clip: Array, scene: Scene, rng: Generator) -> Array:
    """Change what is not motion: light, focus, and frames that show something else."""
    count, size = clip.shape[:2]
    t = np.arange(count)
    if rng.random() < 0.12:  # hardly related frames: all of the others, or some
        for other in range(count):
            if other != count // 2 and rng.random() < 0.7:
                clip[other] = rng.choice([0.0, rng.uniform()]) * clip[other] + scene(size) * rng.uniform(0.5, 1)
    if rng.random() < 0.3:
        mask = gaussian_filter(rng.standard_normal((size, size)), rng.uniform(1, 8))
        mask = np.clip((mask - np.quantile(mask, 1 - 10 ** rng.uniform(-2.5, -0.7))) / mask.std() * 4, 0, 1)
        first, rise = rng.integers(-1, count), 10 ** rng.uniform(-1.5, 0) * rng.choice([-0.3, 1, 1])
        lasts = count if rng.random() < 0.25 else rng.integers(1, 4)
        clip = clip + rise * np.ptp(clip) * mask * ((t >= first) & (t < first + lasts))[:, None, None]
    if rng.random() < 0.12:
        blur = rng.uniform(0, 0.6) * np.abs(t - rng.integers(count))
        clip = np.stack([gaussian_filter(frame, each) for frame, each in zip(clip, blur, strict=True)])
    light = np.ones(count)
    if rng.random() < 0.4:
        light = np.exp(-t * 10 ** rng.uniform(-2.5, -0.7))
    if rng.random() < 0.2:
        light = light * rng.lognormal(0, rng.uniform(0.01, 0.2), count)
    haze = rng.choice([0.0, 0.0, 0.0, 0.02]) * np.abs(rng.standard_normal((count, 1, 1)))
    return np.asarray(clip * light[:, None, None] + haze)


def _speed(rng: Generator) -> float:
    return float(10 ** rng.uniform(-1.3, np.log10(FASTEST)))


def _path(count: int, speed: float, rng: Generator) -> Array:
    """Return displacements (count, 2), in pixels: even motion of a random direction, and steps at random; 0 in the middle.

    One in eight jumps, further than is looked for: frames then look alike, and have hardly anything in common.
    """
    if rng.random() < 0.12:
        jumps = rng.uniform(-1, 1, (count, 2)) * 10 ** rng.uniform(0.5, np.log10(FURTHEST))
        return np.asarray(jumps - jumps[count // 2])
    angle = rng.uniform(0, 2 * np.pi)
    steps = speed * rng.uniform(0.3, 1) * np.array([np.sin(angle), np.cos(angle)]) + rng.choice([0.05, 0.4]) * speed * (
        rng.standard_normal((count, 2))
    )
    path = np.cumsum(steps, 0)
    return np.asarray(path - path[count // 2])


def _warps(count: int, size: int, speed: float, rng: Generator) -> Array:
    """Return smooth displacements (count, 2, size, size) that grow from the middle frame on."""
    if speed == 0:
        return np.zeros((count, 2, size, size))
    fields = np.stack([power_law_field(size, rng.uniform(3.5, 5), rng) for _ in range(2)])
    return np.asarray(0.5 * speed * fields * (np.arange(count) - count // 2)[:, None, None, None])


def _moved(image: Array, path: Array, warps: Array) -> Array:
    """Return what the frame shows of a larger image that is displaced."""
    size = warps.shape[-1]
    grid = np.mgrid[:size, :size] + (len(image) - size) // 2
    frames = [
        map_coordinates(image, grid - step[:, None, None] - warp, order=3, mode="mirror")
        for step, warp in zip(path, warps, strict=True)
    ]
    return np.clip(np.stack(frames), image.min(), image.max())

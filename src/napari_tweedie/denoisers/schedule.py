"""Schedule of an unrolled solver: how strongly its network, and the data, count in every turn, at any noise and blur."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from napari_tweedie.degradations.problem import NOISE_FLOOR
from napari_tweedie.images.versions import kept_until_changed

if TYPE_CHECKING:
    from torch import Tensor

    from napari_tweedie.degradations.problem import Problem
    from napari_tweedie.denoisers.denoiser import Denoise

FIRST = 49 / 255
"""Denoising strength at which shares of the schedule begin, for images about in [0, 1]."""
NOISE = "noise"
"""Name of the slopes that go with the noise level, next to those that go with numbers of the degradation."""


class Turn(NamedTuple):
    """The numbers of one turn: each a float, or a tensor while it is learnt."""

    share: Any
    weight: Any
    momentum: Any


@dataclass(frozen=True)
class Schedule:
    """What was learnt besides the network.

    Parameters
    ----------
    degradation : str
        The name of the degradation that it was trained for.
    shares : sequence of float
        How far the denoising strength of every turn has come, in logarithm, from `FIRST`, 0, to what σ_y means in the image, 1.
    weights : sequence of float
        Weight of the network in the data step of every turn.
    ranges : dict
        Least and largest value of those numbers of the degradation that it was trained for.
    most_sigma, least_sigma : float
        Largest and least noise level of measurements that it was trained for, for images about in [0, 1].
    momenta : sequence of float
        How far every turn goes on beyond its data step, in the direction in which that moved since the turn before; empty: not.
    slopes : dict
        By how much the shares, and the logarithms of the weights, of every turn are larger at the end of a range than in its
        middle: that of the noise level, `NOISE`, or of a number in `ranges`.
    choices : dict
        Those choices of the degradation that it was trained for, such as its pattern.
    """

    degradation: str
    shares: tuple[float, ...]
    weights: tuple[float, ...]
    ranges: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    most_sigma: float = math.inf
    least_sigma: float = 0.0
    momenta: tuple[float, ...] = ()
    slopes: Mapping[str, tuple[tuple[float, ...], tuple[float, ...]]] = field(default_factory=dict)
    choices: Mapping[str, str] = field(default_factory=dict)

    def described(self) -> str:
        """Return it as JSON."""
        return json.dumps(asdict(self))

    def turns(self, problem: Problem) -> list[Turn]:
        """Return the numbers of all turns for a problem."""
        shares, logarithms = list(self.shares), [math.log(weight) for weight in self.weights]
        for name, place in places(problem, self.slopes, self.ranges, (self.least_sigma, self.most_sigma)).items():
            for numbers, slopes in zip((shares, logarithms), self.slopes[name], strict=True):
                numbers[:] = [number + place * slope for number, slope in zip(numbers, slopes, strict=True)]
        momenta = self.momenta or (0.0,) * len(shares)
        return [Turn(*numbers) for numbers in zip(shares, map(math.exp, logarithms), momenta, strict=True)]


def places(
    problem: Problem, names: Iterable[str], ranges: Mapping[str, tuple[float, float]], sigmas: tuple[float, float]
) -> dict[str, float]:
    """Return where the noise level, and numbers of the degradation, lie in their ranges, in logarithm: from −1 to 1."""
    found = {}
    for name in names:
        value = problem.noise_level if name == NOISE else float(problem.degradation.actual(name))
        low, high = map(math.log, sigmas if name == NOISE else ranges[name])
        found[name] = min(1.0, max(-1.0, (2 * math.log(max(value, 1e-12)) - low - high) / (high - low)))
    return found


Prox = Callable[[Any, Any], Any]
"""x of z and ρ, as `Problem.prox`."""


def unrolled(problem: Problem, prox: Prox, network: Denoise, turns: Sequence[Turn]) -> Iterator[Tensor]:
    """Yield the estimate after every turn: a data step, a step on in its direction, then the network.

    ``x = argmin ½‖A x − y‖² + ½ w (σ_y / σ)² ‖x − z‖²`` and ``z = f(x + μ (x − x_before), σ)``, where σ falls as the shares say.
    """
    sigma_y = max(problem.noise_level, NOISE_FLOOR)
    last = sigma_y / max(1.0, problem.gain)
    first, z, before = max(FIRST, last), problem.start(), None
    for share, weight, momentum in turns:
        sigma = first * (last / first) ** share
        x = prox(z, weight * (sigma_y / sigma) ** 2)
        z = network(x if before is None else x + momentum * (x - before), sigma)
        before = x
        yield z


@kept_until_changed(16)
def schedule_of(path: Path) -> Schedule:
    """Return what was learnt besides the network of a file.

    Raises
    ------
    ValueError
        If the file holds none.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, "np") as file:  # "pt" would load torch
            made = _read(json.loads((file.metadata() or {})["unrolled"]))
    except (SafetensorError, OSError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise ValueError(f"{path.name} holds no unrolled solver, only what `napari-tweedie unroll` writes does") from error
    if not 0 < len(made.shares) == len(made.weights) or min(made.weights) <= 0:
        raise ValueError(
            f"{path.name} has {len(made.shares)} strengths and {len(made.weights)} weights, which must be as many and above 0"
        )
    others = [made.momenta or made.shares, *(numbers for pair in made.slopes.values() for numbers in pair)]
    if wrong := [len(numbers) for numbers in others if len(numbers) != len(made.shares)]:
        raise ValueError(
            f"{path.name} has {len(made.shares)} strengths, and {wrong[0]} numbers beside them, which must be as many"
        )
    return made


def _read(said: Mapping[str, Any]) -> Schedule:
    ranges = {str(name): (float(low), float(high)) for name, (low, high) in said.get("ranges", {}).items()}
    least, most = float(said.get("least_sigma", 0)), float(said.get("most_sigma", math.inf))
    slopes = {str(name): (_numbers(one), _numbers(other)) for name, (one, other) in said.get("slopes", {}).items()}
    for name in slopes:
        low, high = (least, most) if name == NOISE else ranges[name]
        if not 0 < low < high < math.inf:
            raise ValueError(f"slopes along {name} need a range (got {low:g} to {high:g})")
    return Schedule(
        str(said["degradation"]), _numbers(said["shares"]), _numbers(said["weights"]), ranges, most, least,
        _numbers(said.get("momenta", ())), slopes, {str(name): str(kind) for name, kind in said.get("choices", {}).items()},
    )  # fmt: skip


def _numbers(values: Sequence[Any]) -> tuple[float, ...]:
    return tuple(map(float, values))

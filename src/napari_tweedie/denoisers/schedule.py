"""Schedule of an unrolled solver: how strongly its network, and the data, count in every turn."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_tweedie.degradations.problem import NOISE_FLOOR
from napari_tweedie.images.versions import kept_until_changed

if TYPE_CHECKING:
    from torch import Tensor

    from napari_tweedie.degradations.problem import Problem
    from napari_tweedie.denoisers.denoiser import Denoise

FIRST = 49 / 255
"""Denoising strength at which shares of the schedule begin, for images about in [0, 1]."""


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
    most_sigma : float
        Largest noise level of measurements that it was trained for, for images about in [0, 1].
    """

    degradation: str
    shares: tuple[float, ...]
    weights: tuple[float, ...]
    ranges: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    most_sigma: float = math.inf

    def described(self) -> str:
        """Return it as JSON."""
        return json.dumps(asdict(self))


Prox = Callable[[Any, Any], Any]
"""x of z and ρ, as `Problem.prox`."""


def turns(problem: Problem, prox: Prox, network: Denoise, shares: Iterable[Any], weights: Iterable[Any]) -> Iterator[Tensor]:
    """Yield the estimate after every turn: a data step, then the network.

    ``x = argmin ½‖A x − y‖² + ½ w (σ_y / σ)² ‖x − z‖²`` and ``z = f(x, σ)``, where σ falls as the shares say.
    """
    sigma_y = max(problem.noise_level, NOISE_FLOOR)
    last = sigma_y / max(1.0, problem.gain)
    first, z = max(FIRST, last), problem.start()
    for share, weight in zip(shares, weights, strict=True):
        sigma = first * (last / first) ** share
        z = network(prox(z, weight * (sigma_y / sigma) ** 2), sigma)
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
        with safe_open(path, "pt") as file:
            said = json.loads((file.metadata() or {})["unrolled"])
        shares, weights = (_numbers(said[name]) for name in ("shares", "weights"))
        ranges = {str(name): (float(low), float(high)) for name, (low, high) in said.get("ranges", {}).items()}
        made = Schedule(str(said["degradation"]), shares, weights, ranges, float(said.get("most_sigma", math.inf)))
    except (SafetensorError, OSError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise ValueError(f"{path.name} holds no unrolled solver, only what `napari-tweedie unroll` writes does") from error
    if not 0 < len(shares) == len(weights) or min(weights) <= 0:
        raise ValueError(f"{path.name} has {len(shares)} strengths and {len(weights)} weights, which must be as many and above 0")
    return made


def _numbers(values: Sequence[Any]) -> tuple[float, ...]:
    return tuple(map(float, values))

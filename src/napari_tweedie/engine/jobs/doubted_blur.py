"""Doubted blur: signs in a finished restoration that a point-spread function is wrong, and the width that would explain them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from napari_tweedie.analysis.beads import widths_of
from napari_tweedie.analysis.blur_misfit import Implied, unexplained
from napari_tweedie.analysis.detail import liveliest
from napari_tweedie.degradations.blur import Blur
from napari_tweedie.degradations.noise import Poisson
from napari_tweedie.degradations.problem import NOISE_FLOOR

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

    from napari_tweedie.degradations.problem import Problem

    Array = NDArray[np.float64]

SEEN = {2: (256, 256), 3: (48, 128, 128)}
"""Field that is looked at: where there is most to see."""
TRIED = {2: (128, 128), 3: (24, 48, 48)}
"""Field on which other widths are tried."""
LEAST = 32
"""Side below which too few frequencies tell of a blur."""
RISES = 0.3
"""Logarithm of the rise of an implied spectrum from which on a blur is too wide: of 49 scenes blurred by what was said, at three
widths, noise levels and sizes each, 2 to 3 % rise that far, those of a test target and of striped cloth; told 1.4 times the width
91, 63 and 25 % do at noise levels of 1, 4 and 12 of 255, told twice the width 99, 96 and 81 %."""
LEFT = {2: 1.65, 3: 5.0}
"""Power of a residual over that of noise from which on a blur is in doubt, for planes and stacks."""
CONVERGED = ("hqs", "denoised-richardson-lucy")
"""Solvers whose residual is that of noise where the blur is right; others end before, or leave what they smooth away."""
NARROWER, WIDER = (0.8, 0.64, 0.5), (1.25, 1.6)
LOST = "The measurement holds detail that its point-spread function would have taken away"
"""How the sign begins that an implied spectrum rises."""
SAFE = 0.7
"""Share of the largest width with which to go on: half of those that were found are more than 1.2 to 1.3 times as wide as they
should be, a tenth 1.35 to 1.7 times, and a blur that is too narrow does little harm."""
BETTER = 0.5
"""Share of what was unexplained with the blur as it is that another may leave, to be said."""


@dataclass(frozen=True)
class Doubt:
    """What puts a point-spread function in doubt.

    Parameters
    ----------
    sign : str
        What was seen, and which function would explain it, if one would.
    width : float, optional
        `Blur.relative_width` to go on with; none: another width does not help.
    is_wide : bool
        Whether the function is too wide, rather than too narrow.
    """

    sign: str
    width: float | None = None
    is_wide: bool = True

    def note(self) -> str:
        """Say what was seen, what is likely wrong, and the way out."""
        if self.width is None:
            return (
                f"{self.sign}: likely the point-spread function is wrong, so check its width, its centre, the pixel sizes "
                "and the order of the axes, or estimate it from beads."
            )
        way = "too wide, with which a result can be worse than its measurement" if self.is_wide else "too narrow"
        return (
            f"{self.sign}: likely the point-spread function is wrong, {way}. Check the pixel sizes, set its relative width to "
            f"{self.width:.2g}, or estimate it from beads or from the image."
        )


def doubt(problem: Problem, estimate: Tensor, solver: str, solve: Callable[[Problem], Tensor]) -> Doubt | None:
    """Return what puts the blur of a problem in doubt; None: nothing.

    Parameters
    ----------
    problem : Problem
        What was solved.
    estimate : Tensor
        Its solution, in the units of the problem.
    solver : str
        Name of what solved it.
    solve : callable
        Solves another problem in the same way.
    """
    blur, ndim = problem.degradation, problem.measurement.ndim - 2
    if not isinstance(blur, Blur) or blur.varies(ndim) or min(problem.measurement.shape[-2:]) < LEAST:
        return None
    measured, left, deviation = _compared(problem, estimate)
    field = liveliest(measured, SEEN[ndim])
    kernel = blur.kernel(ndim)
    if ndim == 2:
        implied = Implied(measured[field], float((deviation[field] ** 2).mean()))
        if implied.rise(kernel) > RISES:
            most = implied.widest(lambda factor: blur.wider(factor).kernel(ndim), RISES)
            widths = f"{_across(blur, 1.0, ndim):.2g} px wide, where at most {_across(blur, most, ndim):.2g} px fit"
            return Doubt(f"{LOST} ({widths})", SAFE * most * blur.relative_width)
    if solver not in CONVERGED:
        return None
    found = unexplained(left[field])
    if found.ratio <= LEFT[ndim]:
        return None
    sign = (
        f"What the result leaves of the measurement is {found.ratio:.1f} times the noise in detail of about {found.period:.0f} px"
    )
    factor = _fitting(problem, blur, liveliest(measured, TRIED[ndim]), solve)
    if factor is None:
        return Doubt(sign)
    widths = f"{_across(blur, factor, ndim):.2g} instead of {_across(blur, 1.0, ndim):.2g} px wide"
    return Doubt(f"{sign}, which a function explains that is {widths}", factor * blur.relative_width, factor < 1)


def _across(blur: Blur, factor: float, ndim: int) -> float:
    """Return the full width at half maximum, along X, of a blur that is so many times as wide."""
    return widths_of(blur.wider(factor).kernel(ndim))[-1]


def _fitting(problem: Problem, blur: Blur, field: tuple[slice, ...], solve: Callable[[Problem], Tensor]) -> float | None:
    """Return the factor on the width with which nothing is unexplained on a field, or far less; None: there is none."""
    part = replace(problem, measurement=problem.measurement[(slice(1), slice(1), *field)])
    limit = LEFT[part.measurement.ndim - 2]

    def left_with(factor: float) -> float:
        tried = replace(part, degradation=blur.wider(factor))
        return unexplained(_compared(tried, solve(tried))[1]).ratio

    least = before = left_with(1.0)
    best = None
    for factors in (NARROWER, WIDER):
        for factor in factors:
            ratio = left_with(factor)
            if ratio <= limit:
                return factor
            if ratio >= least:
                break
            least, best = ratio, factor
        if best is not None:
            break
    return best if least < BETTER * before else None


def _compared(problem: Problem, estimate: Tensor) -> tuple[Array, Array, Array]:
    """Return the first plane or stack of a measurement, the residual over the noise, and the standard deviation of that."""
    fit, y = problem.project(estimate), problem.measurement
    if isinstance(problem.noise, Poisson):
        deviation = problem.noise.variance(fit).clamp_min(NOISE_FLOOR**2).sqrt()
    else:
        deviation = (0 * y + problem.noise_level).clamp_min(NOISE_FLOOR)
    arrays = (y, (fit - y) / deviation, deviation)
    measured, left, spread = (each[0, 0].double().cpu().numpy() for each in arrays)
    return measured, left, spread

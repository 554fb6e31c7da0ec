"""Results of a run: what it tells while it works, and returns at its end."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypeVar

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

    from napari_tweedie.images.axes import Index

S = TypeVar("S")
T = TypeVar("T")
Y = TypeVar("Y")


@dataclass(frozen=True)
class Output:
    """One image that a job returns.

    Parameters
    ----------
    name : str
        Its name among the results.
    kind : str
        An "image" in grey levels; a "difference" of images, around zero; or a "spread", a standard deviation.
    count : int
        How many images of that name lie along a new first axis; 0 for one image without such an axis.
    power : int
        Power of the grey level in its unit: 1 for images, −1 for a score, 0 for what has no unit.
    """

    name: str
    kind: Literal["image", "difference", "spread"] = "image"
    count: int = 0
    power: int = 1


@dataclass(frozen=True)
class State:
    """Where a solver or a sampler stands after an iteration.

    Parameters
    ----------
    iteration, total : int
        Iterations done, and to do in all; they are equal in the last state, also when it stops early.
    estimate : Tensor
        Of a solver the current estimate of x, usable at any time. Of a sampler the samples so far, along B: draws in the last
        state, clean images on their way to them before.
    residual : float
        Root mean square of A x − y, over all samples: about the noise level once x explains the measurement.
    note : str
        What the user should know, in one sentence; empty when all went well.
    """

    iteration: int
    total: int
    estimate: Tensor
    residual: float
    note: str = ""


class Cancelled(Exception):  # noqa: N818 - it is no error
    """The caller asked to stop."""


@dataclass(frozen=True)
class Progress:
    """How far a run is.

    Parameters
    ----------
    share : float
        Share of the work that is done, from 0 to 1.
    stage : str
        What is being done, for people.
    seconds_left : float
        Estimate of the time to the end.
    facts : dict of str to float
        What is known of the current estimate: of an "iteration", counted from 1 in every block, its "residual" and the
        "noise_level" that is expected of it, in grey levels, and its relative "change".
    """

    share: float
    stage: str
    seconds_left: float
    facts: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Preview:
    """The results so far, in units of the input; the same arrays are filled further until the run ends.

    Parameters
    ----------
    images : dict of str to array
        The whole results by name, the most important first; blocks that are still to come are zero.
    outputs : dict of str to Output
        What each of them is.
    index : tuple of int
        The block that was written last.
    share : float
        Share of the work on that block that is done, from 0 to 1.
    """

    images: dict[str, NDArray[Any]]
    outputs: dict[str, Output]
    index: Index
    share: float


@dataclass(frozen=True)
class Result:
    """What a run returns.

    Parameters
    ----------
    images : dict of str to array
        Results by name, the most important first, in units of the input: float32, float64 where that would round visibly (8-bit
        colour stays 8-bit). NaN where pixels of the input are missing.
    outputs : dict of str to Output
        What each of them is.
    zoom : tuple of float
        Pixels of the result per pixel of the input, an axis each; the components of a measurement, such as real and
        imaginary part, are no axis of the image.
    provenance : dict
        Recipe, version, weights, device, noise levels, seconds: all that is needed to do it again.
    notes : list of str
        What the user should know, a sentence each.
    outliers : array, optional
        Pixels of the input that were left out, in its shape: 1 hot, 2 dead, 3 blinking, 4 hit by a cosmic ray, 0 all others; None
        where there are none.
    """

    images: dict[str, NDArray[Any]]
    outputs: dict[str, Output]
    zoom: tuple[float, ...]
    provenance: dict[str, Any]
    notes: list[str]
    outliers: NDArray[Any] | None = None

    @property
    def image(self) -> NDArray[Any]:
        """The most important image: what was denoised or restored, the mean of samples, the base of bands."""
        return next(iter(self.images.values()))

    @property
    def std(self) -> NDArray[Any] | None:
        """Its standard deviation, where that was asked for."""
        return self.images.get("std")


def check_told(told: Any) -> None:
    """Refuse what is to be told of progress and cannot be called."""
    if told is not None and not callable(told):
        raise ValueError(f"progress must be a function, which is told of every step (got {told!r})")


def last(steps: Generator[Any, None, T], told: Callable[[Progress], None] | None = None) -> T:
    """Run to the end and return what the run returns, telling of the progress and ignoring previews.

    Raises
    ------
    ValueError
        If what is to be told cannot be called.
    """
    check_told(told)
    while True:
        try:
            step = next(steps)
        except StopIteration as end:
            returned: T = end.value
            return returned
        if told is not None and isinstance(step, Progress):
            told(step)


def relayed(steps: Generator[S, None, T], told: Callable[[S], Y | None]) -> Generator[Y, None, T]:
    """Yield what is told of every step, where that is anything, and return what the steps return; they end with this."""
    try:
        while True:
            if (said := told(next(steps))) is not None:
                yield said
    except StopIteration as end:
        returned: T = end.value
        return returned
    finally:
        steps.close()

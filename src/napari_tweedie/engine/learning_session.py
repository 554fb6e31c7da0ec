"""Session of learning, from images to a stored network: limited in time, resumable, told in sentences."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from napari_tweedie.core.method import checked
from napari_tweedie.core.results import check_told
from napari_tweedie.engine.learning import Source, learn_from, likeness_of, resolved
from napari_tweedie.engine.learnt_files import unused, write_learnt
from napari_tweedie.engine.sampler_calibration import calibration_of
from napari_tweedie.images.claim import claimed
from napari_tweedie.images.files import as_path, made_folder
from napari_tweedie.images.sources import as_picture
from napari_tweedie.recipe.recipe import Recipe
from napari_tweedie.training.learning import Learning
from napari_tweedie.training.memory import ALIKE
from napari_tweedie.training.run import Learnt

SUFFIX = ".safetensors"
REMEMBERS = (
    "From noise alone it draws a place of the images (cosine {:.2f}): it remembers them, and may put them where they are not; "
    "learn from more images, or in fewer steps."
)


@dataclass(frozen=True)
class Outcome:
    """How a session ended.

    Parameters
    ----------
    path : Path, optional
        The weights that were written; None: nothing was better beyond doubt.
    gain : float
        How much better they are, in dB, estimated on pixels held out.
    text : str
        All of this in a sentence or two.
    """

    path: Path | None
    gain: float
    text: str


class Session:
    """One run of learning, of which the best network can be stored however it ends.

    Parameters
    ----------
    sources : sequence of Source
        What is learnt from.
    settings : Learning
        How.
    path : Path
        The weights to write, ending in ``.safetensors``; another name beside it where that exists. While it learns,
        ``NAME.resume`` beside it holds what is needed to go on: a session with the same settings and images does.
    minutes : float
        Longest time to take; 0: no limit.
    device : str
        Where to compute.

    Raises
    ------
    ValueError
        If the path ends in something else, or there are no images.
    """

    def __init__(
        self, sources: Sequence[Source], settings: Learning, path: Path, minutes: float = 0.0, device: str = "auto"
    ) -> None:
        if path.suffix != SUFFIX:
            raise ValueError(f"weights are written as {SUFFIX} (got {path.name})")
        if not sources:
            raise ValueError("there is nothing to learn from: give an image")
        self.sources, self.settings, self.path, self.minutes, self.device = list(sources), settings, path, minutes, device
        self.last: Learnt | None = None
        self.likeness: float | None = None
        """How alike what the network draws from noise is to a place of the images, at the end; None: it was not looked at."""
        self.calibration: dict[str, Any] | None = None
        """Of what samples, how wide its intervals must be."""
        self._began = time.monotonic()
        self._first = 0

    def states(self) -> Generator[Learnt, None, None]:
        """Yield the state after every step, until nothing more is to be gained or the time is up.

        Raises
        ------
        FileExistsError
            If another session is learning these weights.
        OSError
            If nothing can be written there.
        """
        self.settings = resolved(self.settings, self.sources)
        self._began = time.monotonic()
        made_folder(self.path.parent)
        with claimed(self.path):
            yield from self._states()

    def _states(self) -> Generator[Learnt, None, None]:
        states = learn_from(self.sources, self.settings, self.device, self.path.with_suffix(".resume"))
        try:
            for state in states:
                if self.last is None:
                    self._first = state.step - 1
                self.last = state
                yield state
                if self.seconds_left() <= 0:
                    break
        finally:
            states.close()
        if self.last is not None and self.last.network is not None:
            learnt = (self.last.network, self.sources, self.settings, self.device)
            self.likeness = likeness_of(*learnt)
            self.calibration = calibration_of(*learnt) if self.settings.objective.samples else None

    @property
    def seconds(self) -> float:
        """Time since it began."""
        return time.monotonic() - self._began

    def seconds_left(self) -> float:
        """Estimate the time to the end."""
        state = self.last
        if state is None:
            return float("inf")
        left = self.seconds * (state.total - state.step) / (state.step - self._first)
        return min(left, 60 * self.minutes - self.seconds) if self.minutes else left

    def store(self, when: str = "") -> Outcome:
        """Write the best network, if one is better beyond doubt, and say how it went; `when` begins the sentence.

        Raises
        ------
        OSError
            If it cannot be written.
        """
        state = self.last
        if state is None:
            return Outcome(None, 0.0, f"{when or 'Stopped'}; nothing was learnt yet.")
        when = when or f"After {state.step} steps"
        if state.network is None:
            text = f"{when}: no network was better beyond doubt, so none was written. The one before suits these images as it is."
            if self.settings.objective.samples:
                text = (
                    f"{when}: the samples are not good enough yet, so none was written. Learn in more steps, or from more pairs."
                )
            return Outcome(None, 0.0, text)
        path = unused(self.path)
        names = [source.name for source in self.sources]
        write_learnt(state, path, self.settings, names, self.seconds, self.likeness, self.calibration)
        text = f"{when}: {state.gain:.2f} dB better, estimated on pixels held out. Written to {path}."
        if self.settings.objective.samples:
            calibrated = "" if self.calibration else " Its intervals are not calibrated, as it was stopped."
            text = f"{when}: a trained sampler; its score on pixels held out is {state.gain:.2f} dB better than the regression's."
            text = f"{text}{calibrated} Written to {path}."
        if self.likeness is not None and self.likeness >= ALIKE:
            text = f"{text} {REMEMBERS.format(self.likeness)}"
        return Outcome(path, state.gain, text)


def learn(
    images: Any, path: Path | str, *, targets: Any = None, sigma: float | None = None, minutes: float = 0.0,
    device: str = "auto", progress: Callable[[Learnt], None] | None = None, noise: Any = None, axes: str = "", **settings: Any,
) -> Outcome:  # fmt: skip
    """Learn from images, and write the network where it is better than before.

    Parameters
    ----------
    images : array-like, layer, path, or list of such
        Noisy images, as for `denoise`.
    path : Path or str
        The weights to write, ``NAME.safetensors``; a card ``NAME.md`` comes beside them.
    targets : like images, optional
        The same scenes, clean or with noise of their own.
    sigma : float, optional
        Standard deviation of the noise in grey levels, if it is known; it is measured otherwise.
    minutes : float
        Longest time to take; 0: no limit.
    device : str
        auto, cpu, cuda, cuda:1, mps.
    progress : callable, optional
        Is told of every step.
    noise, axes
        Fields of `Recipe` for all images.
    **settings
        Fields of `training.learning.Learning`: objective, start, weights, steps, batch, patch, learning_rate, patience, seed.

    Returns
    -------
    Outcome
        ``.path``, None where nothing was better, ``.gain`` and ``.text``.

    Raises
    ------
    ValueError
        If an image or a setting cannot be used; the message says what to change.
    """
    check_told(progress)
    known: dict[str, Any] = {"device": device} | ({} if noise is None else {"noise": noise})
    if sigma is not None:
        known["noise"] = {"name": "gaussian", "sigma": sigma}
    session = Session(
        sources_of(images, targets, axes, **known), Learning(**settings), as_path(path), checked(float, minutes=minutes), device
    )
    for state in session.states():
        if progress is not None:
            progress(state)
    return session.store()


def sources_of(images: Any, targets: Any = None, axes: str = "", **fields: Any) -> list[Source]:
    """Return images, and targets of as many, as sources to learn from; `fields` are those of their recipes.

    Raises
    ------
    ValueError
        If there are fewer or more targets than images.
    """
    several = list(images) if isinstance(images, list | tuple) else [images]
    others = [None] * len(several) if targets is None else list(targets) if isinstance(targets, list | tuple) else [targets]
    if len(others) != len(several):
        raise ValueError(f"every image needs a target: there are {len(several)} images and {len(others)} targets")
    found = []
    for number, (image, target) in enumerate(zip(several, others, strict=True), start=1):
        picture = as_picture(image)
        recipe = Recipe(axes=axes, **fields).fitted(picture)
        other = None if target is None else as_picture(target).data
        found.append(Source(picture.data, recipe, other, picture.name or f"image {number}"))
    return found

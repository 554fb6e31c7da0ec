"""Words for a recipe: what was done, as a person would say it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from napari_tweedie.recipe.recipe import Recipe

AUTO = "auto"


def in_words(recipe: Recipe) -> str:
    """Return a few lines on what a recipe does: to what, by which methods, against which noise."""
    lines = [_done(recipe)]
    if recipe.uses_denoiser:
        lines.append(f"Denoiser: {recipe.denoiser.title}")
    noise = recipe.noise.title if recipe.noise.name != AUTO else "measured on the image"
    lines.append(f"Noise: {noise}" + (f", taken {recipe.strength:g} times as strong" if recipe.strength != 1 else ""))
    if recipe.neighbours in ("t", "z"):
        learnt = ", as it was learnt" if recipe.fusion == "learnt" else ""
        lines.append(f"Helped by neighbouring {'frames' if recipe.neighbours == 't' else 'planes'}{learnt}")
    if recipe.volume:
        lines.append("Z is depth")
    return "\n".join(lines)


def _done(recipe: Recipe) -> str:
    """Say in a line what the job was."""
    degradation = recipe.degradation
    width = getattr(degradation, "std", 0) * getattr(degradation, "relative_width", 1)
    blur = f" ({width:g} px wide)" if width else ""
    undone = f"{degradation.title}{blur} undone"
    if recipe.job == "restore":
        iterations = f", {recipe.solver.iterations} iterations" if hasattr(recipe.solver, "iterations") else ""
        return f"{undone} by {recipe.solver.title}{iterations}"
    if recipe.job == "sample":
        what = "Noise removed" if degradation.name == "identity" else undone
        return f"{what}: {recipe.sampler.samples} samples by {recipe.sampler.title}"
    if recipe.job == "degrade":
        return f"Simulated: {degradation.title}{blur}"
    return {"denoise": "Noise removed", "decompose": "Taken apart into bands", "synthesise": "Drawn from the denoiser alone"}.get(
        recipe.job, recipe.job.capitalize()
    )

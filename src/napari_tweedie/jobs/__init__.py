"""What does each kind of job compute on one block of an image?"""

from __future__ import annotations

from napari_tweedie.jobs.blend import Blend
from napari_tweedie.jobs.calibrate import Calibrate
from napari_tweedie.jobs.decompose import Decompose
from napari_tweedie.jobs.degrade import Degrade
from napari_tweedie.jobs.denoise import Denoise
from napari_tweedie.jobs.inspect import Inspect
from napari_tweedie.jobs.job import Job, Step, Tools
from napari_tweedie.jobs.restore import Restore
from napari_tweedie.jobs.sample import Sample
from napari_tweedie.jobs.synthesise import Synthesise

__all__ = ["JOBS", "Job", "Step", "Tools"]

JOBS: dict[str, type[Job]] = {
    "denoise": Denoise,
    "restore": Restore,
    "sample": Sample,
    "calibrate": Calibrate,
    "degrade": Degrade,
    "decompose": Decompose,
    "inspect": Inspect,
    "synthesise": Synthesise,
    "blend": Blend,
}
"""The jobs by their names in recipes."""

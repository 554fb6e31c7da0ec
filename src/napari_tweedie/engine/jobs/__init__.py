"""Jobs: what each kind of run computes on one block of an image."""

from __future__ import annotations

from napari_tweedie.engine.jobs.average import Average
from napari_tweedie.engine.jobs.blend import Blend
from napari_tweedie.engine.jobs.calibrate import Calibrate
from napari_tweedie.engine.jobs.decompose import Decompose
from napari_tweedie.engine.jobs.degrade import Degrade
from napari_tweedie.engine.jobs.denoise import Denoise
from napari_tweedie.engine.jobs.inspect import Inspect
from napari_tweedie.engine.jobs.job import Job, Step, Tools
from napari_tweedie.engine.jobs.measure import Measure
from napari_tweedie.engine.jobs.outliers import Outliers
from napari_tweedie.engine.jobs.restore import Restore
from napari_tweedie.engine.jobs.sample import Sample
from napari_tweedie.engine.jobs.synthesise import Synthesise

__all__ = ["JOBS", "Job", "Step", "Tools"]

JOBS: dict[str, type[Job]] = {
    "denoise": Denoise,
    "restore": Restore,
    "sample": Sample,
    "calibrate": Calibrate,
    "measure": Measure,
    "degrade": Degrade,
    "decompose": Decompose,
    "inspect": Inspect,
    "synthesise": Synthesise,
    "blend": Blend,
    "average": Average,
    "outliers": Outliers,
}
"""The jobs by their names in recipes."""

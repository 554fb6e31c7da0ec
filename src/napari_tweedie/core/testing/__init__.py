"""Suites of checks that any method can be put through, bundled or of another package, in its own tests.

Each raises AssertionError with a sentence that names the method, the value and the limit.
"""

from napari_tweedie.core.testing.degradations import check_degradation
from napari_tweedie.core.testing.denoisers import check_denoiser
from napari_tweedie.core.testing.iterations import check_sampler, check_solver
from napari_tweedie.core.testing.methods import check_method

__all__ = ["check_degradation", "check_denoiser", "check_method", "check_sampler", "check_solver"]

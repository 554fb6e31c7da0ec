"""Non-local means: averages of similar patches, for images that repeat themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from napari_tweedie.denoisers.classical import ArrayDenoiser, mirrored

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

STRENGTH = 0.75
PATCH = {2: 5, 3: 3}
DISTANCE = {2: 6, 3: 3}


class NonLocalMeans(ArrayDenoiser):
    """Averages of pixels whose surrounding patches look alike, by scikit-image (Buades, Coll, Morel 2005)."""

    name: ClassVar[str] = "nlm"
    title: ClassVar[str] = "Non-local means"
    halo: ClassVar[int] = 16

    def clean_array(self, image: NDArray[np.float32]) -> NDArray[np.float32]:
        from skimage.restoration import denoise_nl_means

        clean = denoise_nl_means(
            mirrored(image, PATCH[image.ndim]),
            PATCH[image.ndim],
            DISTANCE[image.ndim],
            h=STRENGTH,
            sigma=1.0,
            fast_mode=True,
            preserve_range=True,
        )
        return clean[tuple(slice(n) for n in image.shape)]

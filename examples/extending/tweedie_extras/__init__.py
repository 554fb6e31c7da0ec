"""One method of each kind for napari-tweedie."""

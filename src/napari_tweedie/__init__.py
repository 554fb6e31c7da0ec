"""A denoiser is a model of what images look like: denoise, restore and sample napari layers with it."""

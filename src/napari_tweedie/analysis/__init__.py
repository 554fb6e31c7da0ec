"""Measurements of an image, a denoiser or a result that need no ground truth."""

"""What is in an image, without knowing how it will be used? Axes, intensities, tiles and files: arrays only."""

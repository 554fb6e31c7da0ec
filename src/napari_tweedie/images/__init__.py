"""Images without knowing how they will be used: axes, intensities, chunks and files; arrays only."""

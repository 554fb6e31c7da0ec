"""Images larger than memory: regions, chunked runs, lazy arrays, schedulers."""

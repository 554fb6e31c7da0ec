"""``python -m napari_tweedie.cli`` is the command line."""

from napari_tweedie.cli import main

main()

"""Entry of ``python -m napari_tweedie.cli``, which is the command line."""

from napari_tweedie.cli import main

main()

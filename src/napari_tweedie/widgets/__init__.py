"""Widgets: what the user meets in napari."""

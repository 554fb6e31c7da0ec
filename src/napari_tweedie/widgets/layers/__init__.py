"""Layers in, layers out."""

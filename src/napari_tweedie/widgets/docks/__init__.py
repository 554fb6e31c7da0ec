"""Docks: what opens beside the canvas, one thin module for each."""

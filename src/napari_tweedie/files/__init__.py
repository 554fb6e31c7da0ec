"""Recipes on files: one image, or many."""

"""Runs: threads, workers, and what they hand to the window."""

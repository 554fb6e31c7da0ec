"""Compare: the ways in which a few layers are looked at together."""

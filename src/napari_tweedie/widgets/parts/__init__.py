"""Parts that docks are made of."""

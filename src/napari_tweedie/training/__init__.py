"""Training of the bundled networks: data, loss and loop; users train and adapt with the same code."""

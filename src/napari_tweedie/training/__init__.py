"""How are the bundled networks made? Data, loss and loop; users train and adapt with the same code."""

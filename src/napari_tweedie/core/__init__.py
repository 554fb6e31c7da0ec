"""Ground floor of the package: methods and their registries, lazy torch, devices, cancellation, results."""

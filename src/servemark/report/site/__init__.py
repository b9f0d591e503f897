"""A static site over many runs. Each run is read once; what is kept of it is a small JSON file."""

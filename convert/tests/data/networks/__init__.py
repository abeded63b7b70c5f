"""Networks of the fixtures: each function writes the networks of its name, see `../make.py`."""

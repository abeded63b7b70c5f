"""Networks of the fixtures: a function writes those of its name, see `../make.py`."""

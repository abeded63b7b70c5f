"""Files of the repository that tests read."""

from pathlib import Path

ROOT = Path(__file__).parents[2]
MODELS = ROOT / "models"
# A small network with its posterior, and pictures.
FASHION = ROOT / "evaluate/tests/data/fashion-cnn"

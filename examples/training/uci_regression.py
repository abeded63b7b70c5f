"""uci: regression with error bars on six data sets of UCI, each in ten splits.

Trains networks with a Gaussian for each weight, with Monte-Carlo dropout, and ensembles, exports
them, and records what they predict in FP32: see README.md.
"""

from __future__ import annotations

import argparse
import math
import zipfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from tqdm.auto import tqdm

from bayes8 import Target
from bayes8.export import export
from networks import Networks, Recipe, train
from regression import figures, gaussian
from tables import Scaling, write, write_json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Array = NDArray[np.float32]

SPLITS = 10

# Of an ensemble.
MEMBERS = 5

# Of the FP32 networks that have other posteriors.
SAMPLES = 256

# Root mean squared errors of Monte-Carlo dropout, from table 1 of "Dropout as a Bayesian
# Approximation" (Gal and Ghahramani 2016).
PUBLISHED = {
    "concrete": 5.23,
    "energy": 1.66,
    "kin8nm": 0.10,
    "power": 4.02,
    "wine": 0.62,
    "yacht": 1.11,
}

# What networks predict.
TARGETS = {
    "concrete": Target("strength", "MPa"),
    "energy": Target("heating load", "kWh/m²"),
    "kin8nm": Target("distance"),
    "power": Target("output", "MW"),
    "wine": Target("quality"),
    "yacht": Target("resistance"),
}

# Standard deviations of the noise that targets have at least, where their own is 1.
FLOORS = {
    "concrete": 0.1,
    "energy": 0.05,
    "kin8nm": 0.03,
    "power": 0.03,
    "wine": 0.03,
    "yacht": 0.05,
}

_SMALL, _LARGE, _CLEAN = Recipe(), Recipe(epochs=40, batch=128), Recipe(hidden=(100, 100))
RECIPES = {
    "concrete": {
        "gaussian": replace(_SMALL, epochs=400),
        "dropout": replace(_SMALL, epochs=150, dropout=0.1, decay=0.1),
        "ensemble": replace(_SMALL, epochs=50, decay=0.3),
    },
    "energy": {
        "gaussian": replace(_CLEAN, epochs=300),
        "dropout": replace(_CLEAN, dropout=0.05),
        "ensemble": replace(_CLEAN, epochs=100),
    },
    "kin8nm": {
        "gaussian": _LARGE,
        "dropout": replace(_LARGE, dropout=0.05),
        "ensemble": replace(_LARGE, epochs=20),
    },
    "power": {
        "gaussian": _LARGE,
        "dropout": replace(_LARGE, dropout=0.05),
        "ensemble": replace(_LARGE, epochs=20),
    },
    "wine": {
        "gaussian": replace(_SMALL, epochs=100),
        "dropout": replace(_SMALL, epochs=50, dropout=0.1, decay=0.1),
        "ensemble": replace(_SMALL, epochs=15),
    },
    "yacht": {
        # So few examples fill one layer.
        "gaussian": replace(_CLEAN, epochs=600, hidden=(50,)),
        "dropout": replace(_CLEAN, dropout=0.05),
        "ensemble": replace(_CLEAN, epochs=100),
    },
}
POSTERIORS = tuple(RECIPES["concrete"])


@dataclass(frozen=True)
class Split:
    """Examples to train and to test with, in their own units.

    Attributes:
        x: features to train with, [N, features].
        y: targets to train with, [N].
        test_x: features to test with.
        test_y: targets to test with.

    """

    x: Array
    y: Array
    test_x: Array
    test_y: Array


def load(data: Path, name: str, numbers: Sequence[int]) -> list[Split]:
    """Reads splits of a data set.

    Raises:
        SystemExit: says what is missing.

    """
    path = data / f"{name}.npz"
    if not data.is_dir():
        message = f"--data {data}: no such folder"
        raise SystemExit(message)
    try:
        with np.load(path) as file:
            x, y = file["x"].astype(np.float32), file["y"].astype(np.float32)
            rows = [(file[f"train_{number}"], file[f"test_{number}"]) for number in numbers]
    except FileNotFoundError:
        message = f"{path}: no such file; it must hold x, y, and train_K and test_K for each split"
        raise SystemExit(message) from None
    except (KeyError, OSError, ValueError, zipfile.BadZipFile) as error:
        message = f"{path}: {error}; expected x [N, features], y [N], train_K and test_K"
        raise SystemExit(message) from error
    if x.ndim != 2 or y.shape != x.shape[:1] or not (np.isfinite(x).all() and np.isfinite(y).all()):
        message = f"{path}: x {list(x.shape)} and y {list(y.shape)} must be finite [N, F] and [N]"
        raise SystemExit(message)
    return [Split(x[train], y[train], x[test], y[test]) for train, test in rows]


def learn(name: str, posterior: str, splits: Sequence[Split], seed: int) -> Networks:
    """Trains the networks of all splits side by side; the members of a split follow each other."""
    chosen = RECIPES[name][posterior]
    each = MEMBERS if posterior == "ensemble" else 1
    # The splits of a set have equally many examples.
    x, y = (
        torch.from_numpy(
            np.stack([Scaling.of(own).apply(own) for own in values])
        ).repeat_interleave(each, 0)
        for values in ([split.x for split in splits], [split.y for split in splits])
    )
    torch.manual_seed(seed)
    networks = Networks(
        len(x),
        [x.shape[2], *chosen.hidden, 2],
        dropout=chosen.dropout,
        is_gaussian=posterior == "gaussian",
    )
    with tqdm(total=chosen.epochs, desc=f"{name}, {posterior}", unit="epoch") as bar:
        train(networks, x, y, loss=gaussian(FLOORS[name]), recipe=chosen, advance=bar.update)
    return networks


def record(
    folder: Path, target: Target, split: Split, networks: Networks, numbers: Sequence[int]
) -> dict[str, float]:
    """Exports the networks `numbers` of one split, and returns what they are worth in FP32."""
    features, standard = Scaling.of(split.x), Scaling.of(split.y)
    scale, offset = standard.std.item(), standard.mean.item()
    export(
        networks.network(numbers[0]),
        torch.zeros(1, split.x.shape[1]),
        folder,
        targets=[replace(target, scale=scale, offset=offset)],
        preprocessing=features.preprocessing(),
        sigma=networks.sigma(numbers[0]) if networks.rho else None,
        members=[networks.network(number) for number in numbers] if len(numbers) > 1 else None,
    )
    write(folder, calibration=split.x, test=split.test_x, labels=split.test_y)
    inputs = torch.from_numpy(features.apply(split.test_x))
    is_random = len(numbers) == 1

    def predict(runs: range) -> NDArray[np.float32]:
        drawn = []
        for seed in runs:
            torch.manual_seed(seed)
            with torch.no_grad():
                own = [networks.draw(n, inputs, SAMPLES if is_random else 1) for n in numbers]
            drawn.append(torch.cat(own).numpy())
        return np.concatenate(drawn)

    outputs = predict(range(1))
    result = figures(outputs, split.test_y, scale, offset)
    golden: dict[str, Any] = {"samples": len(outputs), **result}
    if is_random:
        # How far the figures are chance, and what they come to.
        for name, runs in (("second_run", range(1, 2)), ("converged", range(2, 18))):
            more = predict(runs)
            own = figures(more, split.test_y, scale, offset)
            golden[name] = {"samples": len(more), **own}
    write_json(folder / "golden.json", golden)
    mean, logarithm = outputs[..., 0], outputs[..., 1]
    np.savez_compressed(folder / "golden.npz", mean=mean, log_variance=logarithm)
    return result


def summary(name: str, results: Sequence[dict[str, float]]) -> dict[str, Any]:
    """Returns the means over the splits, the standard error of the first, and what is published."""
    rmse = [result["rmse"] for result in results]
    mean = {key: float(np.mean([result[key] for result in results])) for key in results[0]}
    error = float(np.std(rmse, ddof=1) / math.sqrt(len(rmse))) if len(rmse) > 1 else None
    return {"splits": len(results), **mean, "rmse_error": error, "rmse_published": PUBLISHED[name]}


def options() -> argparse.Namespace:
    """Reads the arguments."""
    parser = argparse.ArgumentParser(description=__doc__)
    add = parser.add_argument
    add("--data", type=Path, required=True, help="folder with NAME.npz for each set")
    add("--output", type=Path, required=True, help="folder for SET/SPLIT/POSTERIOR")
    add("--set", choices=[*RECIPES, "all"], default="all", help="data set (default: all)")
    splits = [*(str(number) for number in range(SPLITS)), "all"]
    add("--split", choices=splits, default="all", metavar="K", help="0 to 9 (default: all)")
    add("--posterior", choices=[*POSTERIORS, "all"], default="all", help="default: all")
    add("--seed", type=int, default=0, help="of weights and batches (default: 0)")
    add("--threads", type=int, default=1, help="of PyTorch (default: 1)")
    return parser.parse_args()


def main() -> None:
    """Trains, exports, and records what FP32 predicts."""
    chosen = options()
    torch.set_num_threads(chosen.threads)
    numbers = range(SPLITS) if chosen.split == "all" else [int(chosen.split)]
    sets = list(RECIPES) if chosen.set == "all" else [chosen.set]
    posteriors = POSTERIORS if chosen.posterior == "all" else [chosen.posterior]
    loaded = {name: load(chosen.data, name, numbers) for name in sets}
    for name, splits in loaded.items():
        for posterior in posteriors:
            networks = learn(name, posterior, splits, chosen.seed)
            each = networks.count // len(splits)
            results = []
            for place, (number, split) in enumerate(
                tqdm([*zip(numbers, splits, strict=True)], desc="export", unit="split")
            ):
                folder = chosen.output / name / str(number) / posterior
                own = range(place * each, (place + 1) * each)
                results.append(record(folder, TARGETS[name], split, networks, own))
            total = summary(name, results)
            if chosen.split == "all":
                write_json(chosen.output / name / f"{posterior}.json", total)
            tqdm.write(
                f"{name}, {posterior}: RMSE {total['rmse']:.4g} (published {PUBLISHED[name]}), "
                f"log-likelihood {total['test_log_likelihood']:.3f}, "
                f"95 % intervals cover {total['coverage_95']:.1%}"
            )


if __name__ == "__main__":
    main()

"""Finds the peers that are installed here, and times them alone."""

import argparse
import json
import struct
import sys
from pathlib import Path

import numpy as np

from common import check_files, normalized
from peer import CannotRunError, Peer, Task, measure, rate_text
from peer_bayesian_torch import Fp32, Int8
from peer_onnxruntime import OnnxRuntime
from random_pictures import random_pictures

PEERS: dict[str, type[Peer]] = {
    "onnxruntime-int8": OnnxRuntime,
    "bayesian-torch-fp32": Fp32,
    "bayesian-torch-int8": Int8,
}
# Pictures that peers are calibrated with.
PICTURES = 16
SEED = 1


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options that choose what is measured and for how long."""
    parser.add_argument("model", type=Path, help="model file of bayes8")
    parser.add_argument(
        "--network",
        type=Path,
        required=True,
        metavar="ONNX",
        help="the network that it was made from",
    )
    parser.add_argument(
        "--peers", nargs="*", choices=PEERS, default=list(PEERS), help="default: all of them"
    )
    parser.add_argument(
        "--batches", nargs="+", type=int, default=[1, 8, 32], metavar="B", help="default: 1 8 32"
    )
    parser.add_argument("--threads", type=int, default=2, metavar="N", help="default: 2")
    parser.add_argument(
        "--delta",
        type=float,
        default=0.1,
        metavar="D",
        help="MOPED factor of bayesian-torch (default: 0.1)",
    )
    parser.add_argument(
        "--seconds",
        type=float,
        default=3,
        metavar="S",
        help="duration of each measurement (default: 3)",
    )


def task(arguments: argparse.Namespace) -> Task:
    """The task of a command line; the model file has the shape and preprocessing of pictures."""
    with arguments.model.open("rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        metadata = json.loads(file.read(length))["__metadata__"]
    description = json.loads(metadata["bayes8"])["input"]
    bytes_ = random_pictures(np.random.default_rng(SEED), PICTURES, tuple(description["shape"]))
    return Task(
        network=arguments.network,
        bytes=bytes_,
        pictures=normalized(bytes_, description["preprocessing"]),
        delta=arguments.delta,
        threads=arguments.threads,
    )


def prepared(names: list[str], work: Task) -> list[Peer]:
    """The peers that can run here and answer correctly; says which cannot, and why."""
    ready = []
    for name in names:
        peer = PEERS[name](work)
        try:
            peer.prepare()
            correlation = peer.check()
        except CannotRunError as reason:
            print(f"SKIPPED {peer.name}: {reason}", file=sys.stderr)
            continue
        print(f"{peer.name}: correlation {correlation:.3f} with FP32", file=sys.stderr)
        ready.append(peer)
    return ready


def main() -> None:
    parser = argparse.ArgumentParser(
        description="Time the peers that are installed here, in image-samples per second.",
        epilog="Example: python benchmarks/installed_peers.py resnet50.safetensors "
        "--network network.onnx",
    )
    add_arguments(parser)
    arguments = parser.parse_args()
    check_files(parser, arguments.model, arguments.network)
    for peer in prepared(arguments.peers, task(arguments)):
        for batch in arguments.batches:
            rate = measure(peer, batch, arguments.seconds)
            print(f"{peer.name}, batch {batch}: {rate_text(rate)} image-samples/s")


if __name__ == "__main__":
    main()

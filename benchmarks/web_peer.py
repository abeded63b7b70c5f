"""Writes the files that `cargo xtask bench-web` needs: an INT8 network for onnxruntime-web, a picture.

Files: QOperator.onnx and QDQ.onnx, ONNX Runtime's two formats of one quantization; picture.png and
picture.u8 (its HWC bytes) for bayes8, picture.f32 (NCHW, normalized) for the peer, and logits.f32,
the FP32 network's answer; numbers are little-endian.
"""

import argparse
import sys
from pathlib import Path

from common import check_files, onnx_logits, onnx_session
from installed_peers import add_arguments, task
from peer_onnxruntime import quantize
from random_pictures import write_png


def main() -> None:
    parser = argparse.ArgumentParser(
        description="Quantize a network for onnxruntime-web.",
        epilog="Example: python benchmarks/web_peer.py resnet50.safetensors --network network.onnx "
        "--output target/benchmarks/web",
    )
    add_arguments(parser)
    parser.add_argument("--output", type=Path, required=True, metavar="FOLDER")
    arguments = parser.parse_args()
    check_files(parser, arguments.model, arguments.network)
    try:
        import onnxruntime.quantization  # noqa: F401, PLC0415
    except ImportError:
        sys.exit("needs onnxruntime and onnx: see benchmarks/requirements-peers.txt")
    work = task(arguments)
    arguments.output.mkdir(parents=True, exist_ok=True)
    session = onnx_session(work.network)
    quantize(work.network, session.get_inputs()[0].name, work.pictures, arguments.output)
    picture = work.pictures[:1]
    logits = onnx_logits(session, picture)
    picture.astype("<f4").tofile(arguments.output / "picture.f32")
    write_png(arguments.output / "picture.png", work.bytes[0])
    work.bytes[0].tofile(arguments.output / "picture.u8")
    logits.astype("<f4").tofile(arguments.output / "logits.f32")
    print(f"{arguments.output}: QOperator.onnx, QDQ.onnx, picture.*, logits.f32")


if __name__ == "__main__":
    main()

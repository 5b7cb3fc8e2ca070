#!/usr/bin/env python3
"""Extra memory of the loss layer, ours against F.cross_entropy on a Linear's output."""

import argparse
import json
import os
import subprocess
import sys

import program
import report

SHAPE = ["4096", "768", "50257"]  # N, C, V


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--perf", default=os.path.join(program.ROOT, "build/release/bin/perf_loss_layer"))
    args = parser.parse_args()

    def extra(command):
        return json.loads(subprocess.check_output(command))["extra_bytes"]

    peer = os.path.join(os.path.dirname(os.path.abspath(__file__)), "loss_layer_peer.py")
    ours, theirs = extra([args.perf, *SHAPE]), extra([sys.executable, peer, *SHAPE])
    share = ours / theirs
    report.row("loss_layer", "loss layer, extra bytes, N 4096, C 768, V 50257, fp32", "1/8", "1/20",
               f"1/{theirs / ours:.1f}", share, (1 / 8, 1 / 20),
               {"ours MB": round(ours / 1e6, 1), "theirs MB": round(theirs / 1e6, 1)})


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""Cost of recording: what perf_log_cost prints, against the bounds. The share of a step is taken of
the small model's step, given in milliseconds."""

import argparse
import os
import re
import subprocess

import program
import report


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--perf", default=os.path.join(program.ROOT, "build/release/bin/perf_log_cost"))
    parser.add_argument("--step-ms", type=float, required=True)
    args = parser.parse_args()

    with program.work_folder() as folder:
        said = subprocess.check_output([args.perf], text=True, env=os.environ | {"TMPDIR": folder})
    call = float(re.search(r"caller: ([\d.]+) ns per number", said)[1]) / 1e3
    step = float(re.search(r"writer: ([\d.]+) us of processor time per step", said)[1])
    report.row("log_call", "caller's cost of logging one number", "2 us", "0.5 us", f"{call:.2f} us",
               call, (2, 0.5))
    share = step / 1e3 / args.step_ms
    report.row("log_share", "CPU time of caller and writer per step with 100 metrics, of a small step",
               "2 %", "0.5 %", f"{share:.2%}", share, (0.02, 0.005),
               {"us per step": step,
                "step ms": args.step_ms})


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""Runs the benchmarks of training and writes docs/benchmarks/train.md.

  train_table.py --text tinyshakespeare.txt               all of them, about two hours
  train_table.py --text tinyshakespeare.txt losses memory  these; the other rows stay

Rows are kept as JSON lines beside the page, each with the calibration of its run, so that a part
can be measured again; each kind of processor has its own. Build the release preset and the target `perf` before, and leave the machine
alone meanwhile."""

import argparse
import datetime
import json
import os
import statistics
import subprocess
import sys

import machine
import program
import report
from train_speed import MODELS

HERE = os.path.dirname(os.path.abspath(__file__))
PAGE = os.path.join(program.ROOT, "docs/benchmarks/train.md")
ROWS = os.path.join(program.ROOT, "docs/benchmarks/train.jsonl")
CALIBRATION = ["sgemm_2048_gflops", "copy_gbps", "fsync_4k_ms"]

# name: (script, arguments); TEXT stands for the text's path.
BENCHMARKS = {
    "losses": ("losses.py", ["--text", "TEXT"]),
    "quality": ("quality.py", ["--text", "TEXT"]),
    **{name: ("train_speed.py", ["--text", "TEXT", "--model", name,
                                 "--rounds", "5"])
       for name in MODELS},
    "batches": ("batches.py", []),
    "busy": ("busy.py", ["--text", "TEXT"]),
    "loss_layer": ("loss_layer.py", []),
    "memory": ("memory.py", []),
    "startup": ("startup.py", []),
    "log": ("log_cost.py", ["--step-ms", "STEP"]),
    "first_step": ("first_step.py", ["--text", "TEXT"]),
    "kill": ("kill_resume.py", []),
    "kill_every_write": ("kill_resume.py", ["--enumerate"]),
}
HEADER = """\
# Training, measured

Written by `scripts/bench/train_table.py`, which runs each row's script; peers run in the same
script, turn by turn with ours, and a ratio is the median of the rounds with its 95 % interval. More
than 1x is faster than the peer. "met" compares with the two columns before it. MKL takes a slow path
on processors that are not Intel's: there the PyTorch peers run with MKL made to take the other, and
and where there is a row without that note, also as they come. "Without AMX" holds both sides to
AVX512-BF16.

| what | processor | at least | aim | measured | met | beside it |
|---|---|---|---|---|---|---|
"""


def key(row):
    return row["row"], row["machine"]["cpu"]


def read_rows():
    if not os.path.exists(ROWS):
        return {}
    with open(ROWS) as file:
        return {key(row): row for row in map(json.loads, file)}


def save(rows):
    os.makedirs(os.path.dirname(ROWS), exist_ok=True)
    with open(ROWS, "w") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows.values())


def run(name, values):
    script, arguments = BENCHMARKS[name]
    command = [sys.executable, "-B", os.path.join(HERE, script), *(values.get(a, a) for a in arguments)]
    before = machine.calibration()
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    after = machine.calibration()
    if done.returncode != 0:
        report.note(f"{name}: exit {done.returncode}")
    mean = {key: round(statistics.mean((before[key], after[key])), 2) for key in CALIBRATION}
    for line in done.stdout.splitlines():
        yield json.loads(line) | {"benchmark": name, "machine": before | mean,
                                  "date": datetime.date.today().isoformat()}


def describe(value):
    if isinstance(value, dict):
        return "; ".join(f"{k} {describe(v)}" for k, v in value.items())
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def page(rows):
    order = list(BENCHMARKS)
    ordered = sorted(rows.values(), key=lambda row: (order.index(row["benchmark"]), row["row"],
                                                     row["machine"]["cpu"]))
    text = HEADER
    for row in ordered:
        cells = [row["what"], row["machine"]["cpu"], row["at_least"], row["aim"], row["measured"], row["met"] or "",
                 describe(row["detail"])]
        text += "| " + " | ".join(cells) + " |\n"
    text += "\n## The machine beside each row\n\n| benchmark | date | processor | SGEMM 2048, GFLOP/s | " \
            "copy, GB/s | fsync 4 KiB, ms | torch |\n|---|---|---|---|---|---|---|\n"
    machines = {(row["benchmark"], row["machine"]["cpu"]): row for row in ordered}
    for (name, cpu), row in machines.items():
        m = row["machine"]
        text += f"| {name} | {row['date']} | {cpu}, {m['cores']} cores, {m['memory_gib']} GiB " \
                f"| {m['sgemm_2048_gflops']} | {m['copy_gbps']} | {m['fsync_4k_ms']} | {m['torch']} |\n"
    with open(PAGE, "w") as file:
        file.write(text)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--text", required=True)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(BENCHMARKS))
    args = parser.parse_args()
    unknown = [name for name in args.names if name not in BENCHMARKS]
    if unknown:
        parser.error(f"no benchmark {unknown[0]}; there are {', '.join(BENCHMARKS)}")
    rows = read_rows()
    cpu = machine.cpu_name()
    for name in args.names or BENCHMARKS:
        report.note(f"-- {name}")
        step = rows.get(("train_speed_char_script", cpu), {}).get("detail", {}).get("ours ms")
        if name == "log" and step is None:
            raise SystemExit("log: measure char first; its step is what the cost is a share of")
        new = list(run(name, {"TEXT": os.path.abspath(args.text), "STEP": str(step)}))
        if new:
            rows = {k: row for k, row in rows.items()
                    if (row["benchmark"], row["machine"]["cpu"]) != (name, cpu)}
        rows |= {key(row): row for row in new}
        save(rows)
        page(rows)


if __name__ == "__main__":
    main()

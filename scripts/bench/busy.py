#!/usr/bin/env python3
"""Training on a machine that has other work: the step time beside one busy process against the quiet
machine, and the sum of the rates of four runs side by side against one alone. Alternating rounds of
whole processes; start-up and the first steps do not count."""

import argparse
import contextlib
import statistics
import subprocess
import sys
import threading

import machine
import program
import report
import stats

RUNS = 4
STEPS, WARMUP = 300, 40


def step_seconds(args, steps=STEPS, cut=0):
    """Mean seconds of a step after the first ones, without the last `cut`."""
    overrides = program.char_overrides(args.text, args.threads) + program.QUIET + [
        "train.device=cpu", "train.precision=fp32", f"train.max_steps={steps}"]
    with program.work_folder() as folder:
        done, _ = program.train(args.bin, program.recipe("shakespeare-char-cpu.yaml"), overrides,
                                folder)
    return statistics.mean(step["seconds"] for step in done[WARMUP:len(done) - cut])


@contextlib.contextmanager
def busy_process():
    process = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        yield
    finally:
        process.kill()
        process.wait()


def rate_of_many(args):
    """Steps per second of all runs together. The ends, when some have finished, do not count."""
    seconds = []
    threads = [threading.Thread(target=lambda: seconds.append(step_seconds(args, cut=WARMUP)))
               for _ in range(RUNS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if len(seconds) < RUNS:
        sys.exit("a run failed")
    return sum(1 / s for s in seconds)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    program.add_arguments(parser)
    parser.add_argument("--rounds", type=int, default=7)
    args = parser.parse_args()

    watch = machine.Watch()
    quiet, beside, together = [], [], []
    for number in range(args.rounds):
        def measure_beside():
            with busy_process():
                beside.append(step_seconds(args))
        turns = [lambda: quiet.append(step_seconds(args)), measure_beside,
                 lambda: together.append(rate_of_many(args))]
        for turn in turns[number % len(turns):] + turns[:number % len(turns)]:
            turn()
        report.note(f"round {number + 1}: quiet {quiet[-1] * 1e3:.1f} ms, beside a busy process "
                    f"{beside[-1] * 1e3:.1f} ms, {RUNS} runs {together[-1]:.1f} steps/s")

    shares = watch.shares()
    slower, low, high = stats.paired_ratio(quiet, beside)
    report.row("busy_step", f"characters, {args.threads} threads: step time beside one busy process "
               "against the quiet machine", "2.2x", "1.8x", f"{slower:.2f}x [{low:.2f}, {high:.2f}]",
               slower, (2.2, 1.8),
               {"quiet ms": round(statistics.median(quiet) * 1e3, 1),
                "beside ms": round(statistics.median(beside) * 1e3, 1),
                "rounds": args.rounds, **shares})
    share, low, high = stats.paired_ratio([1 / s for s in quiet], together)
    report.row("busy_runs", f"characters: the rates of {RUNS} runs side by side, together, against "
               "one alone", "0.8x", "0.95x", f"{share:.2f}x [{low:.2f}, {high:.2f}]", share,
               (0.8, 0.95),
               {"one, steps/s": round(1 / statistics.median(quiet), 1),
                "together, steps/s": round(statistics.median(together), 1),
                "rounds": args.rounds, **shares})


if __name__ == "__main__":
    main()

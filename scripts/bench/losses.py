#!/usr/bin/env python3
"""The first losses of tiny Shakespeare against plain PyTorch from the same weights and batches."""

import argparse

import program
import report

STEPS = 200  # the recipe's warmup of 100 and as many on the cosine


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    program.add_arguments(parser)
    args = parser.parse_args()

    with program.work_folder() as folder:
        recipe = program.recipe("shakespeare-char-cpu.yaml")
        overrides = program.char_overrides(args.text, args.threads) + program.QUIET + [
            f"train.max_steps={STEPS}", "train.precision=fp32"]
        init, batches = program.export(args.bin, recipe, overrides, folder, STEPS)
        ours, _ = program.train(args.bin, recipe, overrides, folder)
        theirs = program.train_peer(
            ["--init", init, "--batches", batches, "--steps", STEPS, "--decay-steps", STEPS,
             "--threads", args.threads])

    if [a["step"] for a in ours] != [b["step"] for b in theirs]:
        raise SystemExit("the two do not report the same steps")
    errors = [abs(a["loss"] / b["loss"] - 1) for a, b in zip(ours, theirs)]
    first = max(errors[:100])
    report.row("losses", "first 100 losses against plain PyTorch, largest relative difference",
               "1e-3", "1e-4", f"{first:.1e}", first, (1e-3, 1e-4),
               {"steps 101 to 200": f"{max(errors[100:]):.1e}",
                "loss at step 200": round(ours[-1]["loss"], 4)})


if __name__ == "__main__":
    main()

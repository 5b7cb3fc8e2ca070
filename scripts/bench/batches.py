#!/usr/bin/env python3
"""A step of 8 sequences computed as 8 x 1, 4 x 2 and 1 x 8 through the whole program: three epochs
with a short last step, packed documents, dropout 0.1. The largest relative difference of the final
weights; and the rows and weights of a run that is stopped and goes on with half the micro batch."""

import argparse
import json
import math
import os

import program
import report

RECIPE = """\
version: 1
model: {arch: gpt2, config: {hidden_size: 64, num_hidden_layers: 2, num_attention_heads: 2, dropout: 0.1}}
data:
  train: [{synth: {kind: stories, documents: 300}}]
  max_seq_length: 64
  packing: documents
train: {epochs: 3, precision: fp32, device: cpu}
lr_scheduler: {name: constant, warmup_steps: 0}
eval: {at_end: false}
"""
STOP = 20  # steps
SPLITS = [(8, 1), (4, 2), (1, 8)]


def options(micro, accumulation):
    return [f"train.micro_batch_size={micro}", f"train.gradient_accumulation_steps={accumulation}"]


def load(folder):
    from safetensors.numpy import load_file
    return load_file(os.path.join(folder, "model.safetensors"))


def difference(a, b):
    """Of all tensors, relative to the largest weight of each that has one."""
    largest = {name: float(abs(tensor).max()) for name, tensor in a.items()}
    found = [float(abs(a[name] - b[name]).max()) / (largest[name] or 1.0) for name in a]
    if not all(map(math.isfinite, found)):
        raise SystemExit("batches: weights that are not finite")
    return max(found)


def rows_read(checkpoint):
    with open(os.path.join(checkpoint, "state", "trainer.json")) as file:
        return json.load(file)["rows"]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    program.add_arguments(parser, text=False)
    args = parser.parse_args()

    with program.work_folder() as folder:
        recipe = os.path.join(folder, "recipe.yaml")
        with open(recipe, "w") as file:
            file.write(RECIPE)

        def train(output, overrides, *more):
            _, result = program.train(
                args.bin, recipe, [f"output_dir={output}", f"train.threads={args.threads}", *overrides],
                folder, more)
            return os.path.join(folder, result["checkpoint"])

        whole = [train(f"{m}x{n}", options(m, n)) for m, n in SPLITS]
        weights, rows = [load(checkpoint) for checkpoint in whole], rows_read(whole[0])
        worst = max(difference(weights[0], other) for other in weights[1:])
        stopped = train("half", [*options(8, 1), "train.epochs=null", f"train.max_steps={STOP}"])
        stopped_at = rows_read(stopped)
        last = train("half", options(4, 2), "--resume", "half")
        resumed, off = rows_read(last), difference(weights[0], load(last))

    report.row("batches", "a step as " + ", ".join(f"{m}x{n}" for m, n in SPLITS) +
               ", three epochs, packed documents, dropout 0.1: largest relative difference of weights",
               "1e-5", "0", f"{worst:.1e}" if worst else "bit-identical", worst, (1e-5, 0),
               {"rows": rows, "rows of the last step": rows % 8})
    report.row("batches_resume", "rows seen by a run that goes on with half the micro batch",
               "the same", "the same", f"{resumed}, the same weights" if off == 0 else
               f"{resumed}, weights differ by {off:.1e}", abs(resumed - rows) + off, (1e-5, 0),
               {"without a stop": rows, "stopped at": stopped_at})


if __name__ == "__main__":
    main()

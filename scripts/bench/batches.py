#!/usr/bin/env python3
"""A step of 8 sequences computed as 8 x 1, 4 x 2 and 1 x 8 through the whole program: three epochs
with a short last step, packed documents, dropout 0.1. The largest relative difference of the final
weights, and the rows that a run has read which goes on with half the micro batch."""

import argparse
import json
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
eval: {at_end: false}
"""
SPLITS = [(8, 1), (4, 2), (1, 8)]


def options(micro, accumulation):
    return [f"train.micro_batch_size={micro}", f"train.gradient_accumulation_steps={accumulation}"]


def load(folder):
    from safetensors.numpy import load_file
    return load_file(os.path.join(folder, "model.safetensors"))


def difference(a, b):
    """Of all tensors, relative to the largest weight of each."""
    return max(float(abs(a[name] - b[name]).max() / abs(a[name]).max()) for name in a)


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
        first = train("half", [*options(8, 1), "train.epochs=1"])
        stopped_at = rows_read(first)
        resumed = rows_read(train("half", options(4, 2), "--resume", "half"))

    report.row("batches", "a step as " + ", ".join(f"{m}x{n}" for m, n in SPLITS) +
               ", three epochs, packed documents, dropout 0.1: largest relative difference of weights",
               "1e-5", "0", f"{worst:.1e}" if worst else "bit-identical", worst, (1e-5, 0),
               {"rows": rows, "rows of the last step": rows % 8})
    report.row("batches_resume", "rows seen by a run that goes on with half the micro batch",
               "the same", "the same", str(resumed), abs(resumed - rows), (0.5, 0),
               {"without a stop": rows, "stopped at": stopped_at})


if __name__ == "__main__":
    main()

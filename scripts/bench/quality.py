#!/usr/bin/env python3
"""Tiny Shakespeare with the recipe's own initialisation: the loss over the whole validation part,
for several seeds, and the same checkpoints scored by plain PyTorch."""

import argparse
import os
import statistics

import numpy as np

import program
import report
from peer_gpt import load_plain

LENGTH = 64
# nanoGPT looks at 20 batches; here the last evaluation reads all of the validation part.
WHOLE = ["eval.eval_steps=0", "eval.max_batches=null", "generate.count=0"]


def score_with_pytorch(checkpoint, text):
    """Mean loss over the last tenth of the text, in non-overlapping windows."""
    import torch
    with open(text, encoding="utf-8") as file:
        content = file.read()
    split = int(0.9 * len(content))
    symbols = sorted(set(content[:split]))
    ids = np.array([symbols.index(c) for c in content[split:]])
    model = load_plain(checkpoint)
    if model.tokens.num_embeddings != len(symbols):
        return None  # another vocabulary: not comparable this way
    total, count = 0.0, 0
    with torch.no_grad():
        for start in range(0, len(ids) - 1, LENGTH):
            window = torch.from_numpy(ids[start:start + LENGTH + 1])[None]
            tokens = window.shape[1] - 1
            total += model(window[:, :-1], window[:, 1:]).item() * tokens
            count += tokens
    return total / count


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    program.add_arguments(parser)
    parser.add_argument("--seeds", type=int, default=5)
    args = parser.parse_args()

    losses, checks, seconds = [], [], []
    for seed in range(1, args.seeds + 1):
        with program.work_folder() as folder:
            steps, result = program.train(
                args.bin, program.recipe("shakespeare-char-cpu.yaml"),
                program.char_overrides(args.text, args.threads) + WHOLE + [f"seed={seed}"], folder)
            checkpoint = os.path.join(folder, result["checkpoint"])
            run = program.show_run(args.bin, result["run"], folder)
            losses.append(run["metrics"]["eval/loss"]["last"])
            checks.append(score_with_pytorch(checkpoint, args.text))
            seconds.append(sum(s["seconds"] for s in steps))
            report.note(f"seed {seed}: {losses[-1]:.4f}, by PyTorch {checks[-1]}")
    mean = statistics.mean(losses)
    report.row("quality", f"loss over the whole validation part, mean of {args.seeds} seeds",
               "1.92", "1.90", f"{mean:.4f}", mean, (1.92, 1.90),
               {"seeds": [round(x, 4) for x in losses],
                "scored by PyTorch": [x and round(x, 4) for x in checks],
                "training seconds": [round(s, 1) for s in seconds]})


if __name__ == "__main__":
    main()

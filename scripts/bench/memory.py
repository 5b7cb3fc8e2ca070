#!/usr/bin/env python3
"""The memory that --dry-run predicts against the peak of anonymous memory of a run, above the level
after loading torch."""

import argparse
import json
import os
import subprocess

import program
import report
from memory_peak import watch_anonymous

STEPS = 3


def model(arch, width, layers, heads, rows, length, *more, vocab=None, precision="fp32"):
    sizes = {"hidden_size": width, "num_hidden_layers": layers, "num_attention_heads": heads}
    if vocab:
        sizes["vocab_size"] = vocab
    return [f"model.arch={arch}", *(f"model.config.{key}={value}" for key, value in sizes.items()),
            f"train.micro_batch_size={rows}", f"data.max_seq_length={length}",
            f"train.precision={precision}", *more]


EMA, DROPOUT = "train.ema_decay=0.999", "model.config.dropout=0.1"
ACCUMULATION = "train.gradient_accumulation_steps=3"
FULL, SELECTIVE = (f"train.gradient_checkpointing={kind}" for kind in ("full", "selective"))
GROUPED = "model.config.num_key_value_heads=4"
SAMPLES = ["generate.every_steps=2", "generate.count=2", "generate.max_tokens=100"]
# What the model and the batch are; bytes of a synthetic text go through a head of the true size.
MODELS = {
    "GPT-2 124M, B 4, T 256": model("gpt2", 768, 12, 12, 4, 256, vocab=50257),
    "GPT-2 124M, B 4, T 256, bf16, accumulation":
        model("gpt2", 768, 12, 12, 4, 256, ACCUMULATION, vocab=50257, precision="bf16-mixed"),
    "GPT-2 C 256, L 6, B 32, T 256": model("gpt2", 256, 6, 8, 32, 256),
    "GPT-2 C 384, L 6, B 16, T 128, EMA, dropout":
        model("gpt2", 384, 6, 6, 16, 128, EMA, DROPOUT),
    "GPT-2 C 512, V 32000, B 4, T 256, full recompute, EMA":
        model("gpt2", 512, 8, 8, 4, 256, FULL, EMA, vocab=32000),
    "GPT-2 C 256, L 4, B 8, T 512, samples, dropout":
        model("gpt2", 256, 4, 8, 8, 512, DROPOUT, *SAMPLES),
    "Llama C 512, L 8, GQA, B 8, T 512, bf16":
        model("llama", 512, 8, 8, 8, 512, GROUPED, vocab=32000, precision="bf16-mixed"),
    "Llama C 768, L 12, B 4, T 512, full recompute":
        model("llama", 768, 12, 12, 4, 512, FULL, vocab=32000),
    "Llama C 288, L 6, B 4, T 512, EMA, samples":
        model("llama", 288, 6, 6, 4, 512, EMA, *SAMPLES, vocab=32000),
    "Llama C 512, L 8, B 4, T 512, selective recompute, accumulation":
        model("llama", 512, 8, 8, 4, 512, SELECTIVE, ACCUMULATION, vocab=32000),
    "Llama C 256, L 4, B 16, T 128, bf16, EMA":
        model("llama", 256, 4, 8, 16, 128, EMA, precision="bf16-mixed"),
    "Llama C 512, L 8, GQA, B 8, T 512, bf16, full recompute, EMA, samples":
        model("llama", 512, 8, 8, 8, 512, GROUPED, FULL, EMA, *SAMPLES, vocab=32000,
              precision="bf16-mixed"),
}
RECIPE = """\
version: 1
tokenizer: {type: byte}
data:
  train: [{synth: {kind: stories, documents: 2000}}]
train: {max_steps: %d, device: cpu}
eval: {at_end: false}
""" % STEPS


def predicted_bytes(binary, command, folder):
    plan = json.loads(subprocess.check_output(
        [binary, "train", *command, "--dry-run", "--json"], cwd=folder,
        env=program.environment(folder)))
    return plan["memory_bytes"] - plan["memory"]["program"]


def measured_bytes(binary, command, folder):
    with open(os.path.join(folder, "log"), "w") as log:
        process = subprocess.Popen([binary, "train", *command, "--quiet"], cwd=folder, stdout=log,
                                   stderr=log, env=program.environment(folder))
        peak = watch_anonymous(process)
    if process.returncode != 0:
        with open(os.path.join(folder, "log")) as log:
            raise SystemExit(f"llmops train {' '.join(command)}: exit {process.returncode}\n{log.read()}")
    return peak


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    program.add_arguments(parser, text=False)
    parser.add_argument("--perf", default=os.path.join(program.ROOT, "build/release/bin/perf_torch_level"))
    args = parser.parse_args()

    level = json.loads(subprocess.check_output([args.perf]))["anonymous_bytes"]
    worst, detail = 0.0, {"after loading torch, MB": round(level / 1e6)}
    for name, overrides in MODELS.items():
        with program.work_folder() as folder:
            recipe = os.path.join(folder, "recipe.yaml")
            with open(recipe, "w") as file:
                file.write(RECIPE)
            command = [recipe, *overrides, f"train.threads={args.threads}"]
            predicted = predicted_bytes(args.bin, command, folder)
            measured = measured_bytes(args.bin, command, folder) - level
        error = predicted / measured - 1
        worst = max(worst, abs(error))
        detail[name] = f"{predicted / 1e6:.0f} MB predicted, {measured / 1e6:.0f} measured ({error:+.1%})"
        report.note(f"{name}: {detail[name]}")
    report.row("memory", f"predicted against measured peak memory, largest error of {len(MODELS)} models",
               "10 %", "3 %", f"{worst:.1%}", worst, (0.10, 0.03), detail)


if __name__ == "__main__":
    main()

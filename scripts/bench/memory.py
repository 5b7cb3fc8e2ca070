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
# What the model and the batch are; bytes of a synthetic text go through a head of the true size.
MODELS = {
    "GPT-2 124M, B 4, T 256": [
        "model.arch=gpt2", "model.config.hidden_size=768", "model.config.num_hidden_layers=12",
        "model.config.num_attention_heads=12", "model.config.vocab_size=50257",
        "data.max_seq_length=256", "train.micro_batch_size=4", "train.precision=fp32"],
    "GPT-2 C 256, L 6, B 32, T 256": [
        "model.arch=gpt2", "model.config.hidden_size=256", "model.config.num_hidden_layers=6",
        "model.config.num_attention_heads=8", "data.max_seq_length=256",
        "train.micro_batch_size=32", "train.precision=fp32"],
    "Llama C 512, L 8, GQA, B 8, T 512, bf16": [
        "model.arch=llama", "model.config.hidden_size=512", "model.config.num_hidden_layers=8",
        "model.config.num_attention_heads=8", "model.config.num_key_value_heads=4",
        "model.config.vocab_size=32000", "data.max_seq_length=512", "train.micro_batch_size=8",
        "train.precision=bf16-mixed"],
    "Llama C 768, L 12, B 4, T 512, full recompute": [
        "model.arch=llama", "model.config.hidden_size=768", "model.config.num_hidden_layers=12",
        "model.config.num_attention_heads=12", "model.config.vocab_size=32000",
        "data.max_seq_length=512", "train.micro_batch_size=4", "train.precision=fp32",
        "train.gradient_checkpointing=full"],
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
    return plan["memory_bytes"]


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

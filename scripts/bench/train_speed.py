#!/usr/bin/env python3
"""Milliseconds per training step against PyTorch: alternating rounds of whole processes, in each
the median of the steps after the first ones, so that start-up and compilation do not count."""

import argparse
import os
import statistics
import time

import machine
import program
import report
import stats

# Steps of one process, of which the first ones warm up.
MODELS = {
    "char": dict(recipe="shakespeare-char-cpu.yaml", shape="4,4,128,65,64", rows=12, steps=200,
                 warmup=40, what="characters, 0.8 M parameters, B 12, T 64"),
    "124m": dict(recipe="gpt2-124m.yaml", shape="12,12,768,50257,256", rows=4, steps=7, warmup=2,
                 what="GPT-2 124M, B 4, T 256"),
}
PEERS = {
    "script": ("plain PyTorch script, eager", []),
    "transformers": ("transformers GPT2LMHeadModel, eager", ["--transformers"]),
    "compile": ("plain PyTorch script, torch.compile", ["--compile"]),
    "transformers-compile": ("transformers GPT2LMHeadModel, torch.compile",
                             ["--transformers", "--compile"]),
}
# at least, aim
BOUNDS = {("char", "script"): (1.6, 2.0), ("char", "transformers"): (2.0, 2.6),
          ("124m", "transformers"): (1.3, 1.55), ("124m", "compile"): (1.05, 1.25)}


def milliseconds(steps, warmup):
    return statistics.median(step["seconds"] for step in steps[warmup:]) * 1e3


def our_overrides(args, model):
    common = program.QUIET + ["train.precision=fp32", f"train.max_steps={model['steps']}",
                              "train.device=cpu"]
    if args.model == "char":
        return program.char_overrides(args.text, args.threads) + common
    # Random tokens of the true vocabulary would need a tokenizer; the speed does not depend on
    # which tokens they are, so bytes of the text go through a head of the true size.
    return common + [f"data.train.0.path={os.path.abspath(args.text)}", "data.max_seq_length=256",
                     "tokenizer.type=byte", "model.config.vocab_size=50257", "data.eval_split=0",
                     "data.eval=null", "train.micro_batch_size=4", "train.global_batch_size=null",
                     "train.max_tokens=null", "generate.every_steps=0",
                     f"train.threads={args.threads}"]


def measure_ours(args, model):
    with program.work_folder() as folder:
        steps, _ = program.train(args.bin, program.recipe(model["recipe"]),
                                 our_overrides(args, model), folder)
    return milliseconds(steps, model["warmup"])


def measure_peer(args, model, options):
    steps = program.train_peer(["--shape", model["shape"], "--rows", model["rows"], "--steps",
                                model["steps"], "--threads", args.threads, *options])
    return milliseconds(steps, model["warmup"])


def main():
    parser = argparse.ArgumentParser(description=__doc__.split(":")[0])
    program.add_arguments(parser)
    parser.add_argument("--model", choices=MODELS, default="char")
    parser.add_argument("--peers", default="script,transformers")
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--minutes", type=float, default=60, help="start no round after this")
    args = parser.parse_args()
    model, peers = MODELS[args.model], args.peers.split(",")

    watch, begin = machine.Watch(), time.monotonic()
    times = {name: [] for name in ["ours", *peers]}
    for number in range(args.rounds):
        if time.monotonic() - begin > 60 * args.minutes:
            break
        turns = list(times)
        turns = turns[number % len(turns):] + turns[:number % len(turns)]
        for name in turns:
            times[name].append(measure_ours(args, model) if name == "ours"
                               else measure_peer(args, model, PEERS[name][1]))
        report.note(f"round {number + 1}: " + ", ".join(f"{n} {t[-1]:.1f} ms" for n, t in times.items()))

    shares = watch.shares()
    for name in peers:
        ratio, low, high = stats.paired_ratio(times["ours"], times[name])
        bounds = BOUNDS.get((args.model, name))
        report.row(f"train_speed_{args.model}_{name}", f"{model['what']}: {PEERS[name][0]}",
                   f"{bounds[0]}x" if bounds else "-", f"{bounds[1]}x" if bounds else "-",
                   f"{ratio:.2f}x [{low:.2f}, {high:.2f}]", ratio, bounds,
                   {"ours ms": round(statistics.median(times["ours"]), 1),
                    "theirs ms": round(statistics.median(times[name]), 1),
                    "best ms": [round(min(times["ours"]), 1), round(min(times[name]), 1)],
                    "rounds": len(times["ours"]), **shares})


if __name__ == "__main__":
    main()

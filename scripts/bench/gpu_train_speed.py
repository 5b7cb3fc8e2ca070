#!/usr/bin/env python3
"""Milliseconds per training step on a GPU against PyTorch in bf16: alternating rounds of whole
processes, in each the median of the steps after the first ones."""

import argparse
import os
import statistics
import subprocess
import sys
import time

import program
import report
import stats

# gpt2: layers, heads, width, vocabulary, context
MODELS = {
    "char": dict(recipe="shakespeare-char-gpu.yaml", shape=(6, 6, 384, 65, 256), rows=64, steps=200,
                 warmup=100, overrides=["tokenizer.type=char"]),
    "124m": dict(recipe="gpt2-124m.yaml", shape=(12, 12, 768, 50257, 1024), rows=16, steps=60,
                 warmup=30, overrides=["tokenizer.type=byte", "model.config.vocab_size=50257",
                                       "data.eval_split=0.1"]),
}


def run_peer(model, compiled):
    """In this process: prints the median of the measured steps, in milliseconds."""
    import torch
    from peer_gpt import Gpt

    torch.set_default_device("cuda")
    torch.manual_seed(1)
    network = Gpt(*model["shape"])
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-3, betas=(0.9, 0.99), fused=True)
    compute = torch.compile(network) if compiled else network
    vocabulary, context = model["shape"][3:]
    times = []
    for _ in range(model["steps"]):
        ids = torch.randint(0, vocabulary, (model["rows"], context + 1))
        torch.cuda.synchronize()
        start = time.perf_counter()
        with torch.autocast("cuda", torch.bfloat16):
            loss = compute(ids[:, :-1].contiguous(), ids[:, 1:].contiguous())
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        torch.cuda.synchronize()
        times.append(time.perf_counter() - start)
    print(statistics.median(times[model["warmup"]:]) * 1e3)


def measure_peer(name, compiled):
    command = [sys.executable, os.path.abspath(__file__), "--model", name, "--peer",
               "compile" if compiled else "eager"]
    return float(subprocess.check_output(command, text=True))


def measure_ours(args, model, text):
    overrides = program.QUIET + model["overrides"] + [
        f"data.train.0.path={text}", "train.device=cuda", "train.precision=bf16-mixed",
        f"train.max_steps={model['steps']}", f"train.micro_batch_size={model['rows']}",
        f"train.global_batch_size={model['rows']}", f"data.max_seq_length={model['shape'][4]}",
        "model.config.dropout=0"]
    with program.work_folder() as folder:
        steps, _ = program.train(args.bin, program.recipe(model["recipe"]), overrides, folder)
    return statistics.median(step["seconds"] for step in steps[model["warmup"]:]) * 1e3


def write_text(folder):
    """Enough letters of 65 kinds for every step; which ones does not matter for the speed."""
    path = os.path.join(folder, "text.txt")
    letters = "".join(map(chr, [10, 32, *range(65, 91), *range(97, 123), *range(33, 44)]))
    with open(path, "w") as file:
        state = 1
        for _ in range(200_000):
            state = state * 6364136223846793005 + 1442695040888963407 & (1 << 64) - 1
            file.write("".join(letters[(state >> shift) % 65] for shift in (8, 20, 32, 44, 56)))
    return path


def main():
    parser = argparse.ArgumentParser(description=__doc__.split(":")[0])
    program.add_arguments(parser, text=False)
    parser.add_argument("--model", choices=MODELS, default="char")
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--peer", choices=["eager", "compile"], help=argparse.SUPPRESS)
    args = parser.parse_args()
    model = MODELS[args.model]
    if args.peer:
        return run_peer(model, args.peer == "compile")

    times = {"ours": [], "eager": [], "compile": []}
    with program.work_folder() as folder:
        text = write_text(folder)
        for _ in range(args.rounds):
            times["ours"].append(measure_ours(args, model, text))
            times["eager"].append(measure_peer(args.model, False))
            times["compile"].append(measure_peer(args.model, True))
    for name in ("eager", "compile"):
        ratio, low, high = stats.paired_ratio(times["ours"], times[name])
        report.row(f"gpu_train_speed_{args.model}_{name}", f"{args.model}, bf16: PyTorch {name}",
                   "-", "-", f"{ratio:.2f}x [{low:.2f}, {high:.2f}]",
                   detail={"ours ms": round(statistics.median(times["ours"]), 2),
                           "theirs ms": round(statistics.median(times[name]), 2),
                           "rounds": args.rounds})


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""Generation by GPT-2 124M: steps against the rate at which the machine reads memory, a text of
2,000 tokens against transformers, and the memory of the loaded model. The weights are random."""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile

import machine
import program
import report
import stats
from train_speed import intel_library

SHAPE = {"vocab_size": 50257, "n_positions": 2048, "n_embd": 768, "n_layer": 12, "n_head": 12}
TOKENS = 2000
# Reads TOKENS tokens with a cache, as generate() does, and prints the seconds of each pass.
PEER = """\
import sys, time, torch, transformers
model = transformers.AutoModelForCausalLM.from_pretrained(sys.argv[1], dtype=getattr(torch, sys.argv[2]))
model.eval()
ids = torch.arange(%d).mul(7).remainder(1000)[None]
with torch.inference_mode():
    for _ in range(4):
        start = time.perf_counter()
        model(ids, use_cache=True, logits_to_keep=1)
        print(time.perf_counter() - start)
""" % TOKENS


def save_model(folder, dtype):
    import torch
    import transformers
    torch.manual_seed(0)
    model = transformers.GPT2LMHeadModel(transformers.GPT2Config(**SHAPE)).to(getattr(torch, dtype))
    model.save_pretrained(folder)
    # The head is the embedding: what a step reads.
    values = sum(p.numel() for name, p in model.named_parameters() if "wpe" not in name)
    everything = sum(p.numel() * p.element_size() for p in model.parameters())
    return values * model.lm_head.weight.element_size(), everything


def peer_seconds(folder, dtype, intel):
    env = dict(os.environ)
    if intel:
        env["LD_PRELOAD"] = intel
    done = subprocess.run([sys.executable, "-c", PEER, folder, dtype], env=env, check=True,
                          stdout=subprocess.PIPE, text=True)
    return min(map(float, done.stdout.split()))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--perf", default=os.path.join(program.ROOT, "build/release/bin/perf_generate_speed"))
    parser.add_argument("--rounds", type=int, default=5)
    args = parser.parse_args()
    for name, dtype in (("fp32", "float32"), ("bf16", "bfloat16")):
        with tempfile.TemporaryDirectory(prefix="llmops-bench-") as folder, intel_library() as intel:
            read, weights = save_model(folder, dtype)
            watch = machine.Watch()
            ours, peers = [], []
            for i in range(args.rounds):
                command = [args.perf, folder] + (["bf16"] if name == "bf16" else [])
                ours.append(json.loads(subprocess.check_output(command)))
                peers.append(peer_seconds(folder, dtype, intel))
                report.note(f"{name}, round {i + 1}: {ours[-1]}, transformers {peers[-1]:.3f} s")
        shares = [read / one["step_s"] / one["read_bytes_per_s"] for one in ours]
        together = [8 * one["step_s"] / one["step_8_s"] for one in ours]
        beside = {"rounds": args.rounds, **watch.shares()}

        def rows(key, what, at_least, aim, values, form, **detail):
            middle, (low, high) = statistics.median(values), stats.interval(values)
            report.row(f"generate_{name}_{key}", f"GPT-2 124M, {name}: {what}", form(at_least), form(aim),
                       f"{form(middle)} [{form(low)}, {form(high)}]", middle, (at_least, aim),
                       detail | beside)

        def percent(value):
            return f"{value:.0%}"

        def times(value):
            return f"{value:.2f}x"

        rows("step", "one answer, the weights read a second as a share of what the machine reads", 0.70,
             0.85, shares, percent,
             **{"step ms": round(1e3 * statistics.median(o["step_s"] for o in ours), 1),
                "GB/s": round(statistics.median(o["read_bytes_per_s"] for o in ours) / 1e9, 1)})
        rows("step_8", "tokens a second of 8 answers at once against one", 3, 5, together, times,
             **{"step ms": round(1e3 * statistics.median(o["step_8_s"] for o in ours), 1)})
        rows("prompt", f"a prompt of {ours[0]['prompt_tokens']} tokens, transformers", 1.0, 1.3,
             [theirs / one["prompt_s"] for one, theirs in zip(ours, peers)], times,
             **{"ours s": round(statistics.median(o["prompt_s"] for o in ours), 3),
                "theirs s": round(statistics.median(peers), 3)})
        rows("memory", "memory of the loaded model above the level before, over its weights", 1.15, 1.05,
             [one["loaded_bytes"] / weights for one in ours], times,
             **{"weights MB": round(weights / 1e6)})


if __name__ == "__main__":
    main()

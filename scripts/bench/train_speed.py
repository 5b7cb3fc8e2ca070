#!/usr/bin/env python3
"""Milliseconds per training step against PyTorch: alternating rounds of whole processes, in each
the median of the steps after the first ones, so that start-up and compilation do not count.

On processors that are not Intel's, MKL takes a slow path. There the peers run with a preloaded
library that answers MKL's question for an Intel processor; models with `both` as they are, too."""

import argparse
import contextlib
import dataclasses
import os
import statistics
import subprocess
import tempfile
import time

import machine
import program
import report
import stats


@dataclasses.dataclass
class Model:
    what: str
    recipe: str
    shape: str             # layers, heads, width, vocabulary, context
    rows: int
    steps: int             # of one process, of which the first ones warm up
    warmup: int
    bounds: dict           # peer: (at least, aim)
    llama: str = ""        # width of the feed-forward, and whether the head is tied
    precision: str = "fp32"
    cpu: str = ""          # instruction set that both sides are held to
    both: bool = False     # peers also with MKL's slow path


LLAMA_15M = dict(recipe="llama-150m.yaml", shape="6,6,288,32000,512", llama="768,tied", rows=4,
                 steps=12, warmup=2)
LLAMA_60M = dict(recipe="llama-150m.yaml", shape="8,8,512,32000,512", llama="1376,untied", rows=4,
                 steps=7, warmup=2)
GPT2_124M = dict(recipe="gpt2-124m.yaml", shape="12,12,768,50257,256", rows=4, steps=6, warmup=2)
GPT2_BF16 = {"transformers": (1.6, 2.0), "transformers-compile": (1.45, 1.7)}
LLAMA_BF16 = {"transformers": (1.7, 2.0), "transformers-compile": (1.4, 1.6)}
# "-avx512": without AMX, on a processor that has it.
MODELS = {
    "char": Model("characters, 0.8 M parameters, B 12, T 64", "shakespeare-char-cpu.yaml",
                  "4,4,128,65,64", rows=12, steps=200, warmup=40, both=True,
                  bounds={"script": (1.6, 1.9), "compile": (1.5, 1.8), "transformers": (2.0, 2.6)}),
    "124m": Model("GPT-2 124M, B 4, T 256", **GPT2_124M, both=True,
                  bounds={"transformers": (1.3, 1.55), "compile": (1.12, 1.25)}),
    "124m-bf16": Model("GPT-2 124M, B 4, T 256, bf16", **GPT2_124M, precision="bf16-mixed",
                       bounds=GPT2_BF16),
    "124m-bf16-avx512": Model("GPT-2 124M, B 4, T 256, bf16 without AMX", **GPT2_124M,
                              precision="bf16-mixed", cpu="avx512_bf16", bounds=GPT2_BF16),
    "llama15m": Model("Llama 15M, B 4, T 512", **LLAMA_15M,
                      bounds={"transformers": (1.6, 2.0), "transformers-compile": (1.35, 1.6)}),
    "llama60m": Model("Llama 60M, B 4, T 512", **LLAMA_60M,
                      bounds={"transformers": (1.25, 1.5), "transformers-compile": (1.1, 1.3)}),
    "llama60m-bf16": Model("Llama 60M, B 4, T 512, bf16", **LLAMA_60M, precision="bf16-mixed",
                           bounds=LLAMA_BF16),
    "llama60m-bf16-avx512": Model("Llama 60M, B 4, T 512, bf16 without AMX", **LLAMA_60M,
                                  precision="bf16-mixed", cpu="avx512_bf16", bounds=LLAMA_BF16),
}
PEERS = {
    "script": ("plain PyTorch script, eager", []),
    "compile": ("plain PyTorch script, torch.compile", ["--compile"]),
    "transformers": ("transformers, eager", ["--transformers"]),
    "transformers-compile": ("transformers, torch.compile", ["--transformers", "--compile"]),
}
INTEL = "+intel"  # a peer whose MKL believes in an Intel processor


def milliseconds(steps, warmup):
    return statistics.median(step["seconds"] for step in steps[warmup:]) * 1e3


def our_overrides(args, model):
    common = program.QUIET + [f"train.precision={model.precision}", f"train.max_steps={model.steps}",
                              "train.device=cpu"]
    if args.model == "char":
        return program.char_overrides(args.text, args.threads) + common
    layers, heads, width, vocab, context = model.shape.split(",")
    if model.llama:
        inner, tied = model.llama.split(",")
        common += [f"model.config.num_hidden_layers={layers}", f"model.config.hidden_size={width}",
                   f"model.config.num_attention_heads={heads}",
                   f"model.config.num_key_value_heads={heads}",
                   f"model.config.intermediate_size={inner}",
                   f"model.config.tie_word_embeddings={str(tied == 'tied').lower()}"]
    # Random tokens of the true vocabulary would need a tokenizer; the speed does not depend on
    # which tokens they are, so bytes of the text go through a head of the true size.
    return common + [f"data.train.0.path={os.path.abspath(args.text)}",
                     f"data.max_seq_length={context}", "data.packing=stream",
                     "tokenizer.type=byte", "tokenizer.vocab_size=null",
                     f"model.config.vocab_size={vocab}", "data.eval_split=0", "data.eval=null",
                     f"train.micro_batch_size={model.rows}", "train.global_batch_size=null",
                     "train.max_tokens=null", "lr_scheduler.warmup_steps=0",
                     "generate.every_steps=0", f"train.threads={args.threads}"]


def measure_ours(args, model):
    with program.work_folder() as folder:
        steps, _ = program.train(args.bin, program.recipe(model.recipe), our_overrides(args, model),
                                 folder, env={"LLMOPS_CPU": model.cpu} if model.cpu else None)
    return milliseconds(steps, model.warmup)


def measure_peer(args, model, name, intel):
    env = {"ONEDNN_MAX_CPU_ISA": model.cpu.replace("avx512", "avx512_core")} if model.cpu else {}
    if name.endswith(INTEL):
        env["LD_PRELOAD"] = intel
    options = PEERS[name.removesuffix(INTEL)][1]
    if model.llama:
        options = ["--llama", model.llama, *(o for o in options if o != "--transformers")]
    if model.precision != "fp32":
        options = ["--bf16", *options]
    steps = program.train_peer(["--shape", model.shape, "--rows", model.rows, "--steps", model.steps,
                                "--threads", args.threads, *options], env)
    return milliseconds(steps, model.warmup)


@contextlib.contextmanager
def intel_library():
    """A shared library that makes MKL take the path of an Intel processor; None on such a one."""
    if machine.cpu_vendor() == "GenuineIntel":
        yield None
        return
    with tempfile.TemporaryDirectory(prefix="llmops-bench-") as folder:
        library = os.path.join(folder, "libintel.so")
        subprocess.run(["cc", "-shared", "-fPIC", "-x", "c", "-", "-o", library], check=True,
                       text=True, input="int mkl_serv_intel_cpu_true(void) { return 1; }")
        yield library


def run_rounds(args, model, names):
    """Milliseconds a step of every round: {"ours" or peer: [..]}."""
    begin = time.monotonic()
    with intel_library() as intel:
        if intel:
            names = [form for name in names
                     for form in ((name, name + INTEL) if model.both else (name + INTEL,))]
        times = {name: [] for name in ["ours", *names]}
        for number in range(args.rounds):
            if time.monotonic() - begin > 60 * args.minutes:
                break
            turns = list(times)
            turns = turns[number % len(turns):] + turns[:number % len(turns)]
            for name in turns:
                times[name].append(measure_ours(args, model) if name == "ours"
                                   else measure_peer(args, model, name, intel))
            report.note(f"round {number + 1}: " +
                        ", ".join(f"{n} {t[-1]:.1f} ms" for n, t in times.items()))
    return times


def main():
    parser = argparse.ArgumentParser(description=__doc__.split(":")[0])
    program.add_arguments(parser)
    parser.add_argument("--model", choices=MODELS, default="char")
    parser.add_argument("--peers", help="some of the model's, instead of all")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--minutes", type=float, default=60, help="start no round after this")
    args = parser.parse_args()
    model = MODELS[args.model]
    if model.cpu and not all(flag in machine.cpu_name() for flag in ("avx512_bf16", "amx_bf16")):
        report.note(f"{args.model}: left out, this processor lacks AVX512-BF16 or AMX")
        return

    watch = machine.Watch()
    times = run_rounds(args, model, args.peers.split(",") if args.peers else list(model.bounds))
    shares = watch.shares()
    for name in list(times)[1:]:
        ratio, low, high = stats.paired_ratio(times["ours"], times[name])
        peer = name.removesuffix(INTEL)
        bounds = model.bounds.get(peer)
        form = ", MKL as on an Intel processor" if name != peer else ""
        report.row(f"train_speed_{args.model}_{name}", f"{model.what}: {PEERS[peer][0]}{form}",
                   f"{bounds[0]}x" if bounds else "-", f"{bounds[1]}x" if bounds else "-",
                   f"{ratio:.2f}x [{low:.2f}, {high:.2f}]", ratio, bounds,
                   {"ours ms": round(statistics.median(times["ours"]), 1),
                    "theirs ms": round(statistics.median(times[name]), 1),
                    "best ms": [round(min(times["ours"]), 1), round(min(times[name]), 1)],
                    "rounds": len(times["ours"]), **shares})


if __name__ == "__main__":
    main()

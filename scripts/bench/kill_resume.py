#!/usr/bin/env python3
"""Kills a training run with SIGKILL at many moments, resumes each to its end, and compares weights,
optimizer state and every point of every deterministic series with a run that was left alone.

  kill_resume.py                  50 kills of a 200-step run that saves every 5 steps
  kill_resume.py --enumerate      a kill at every write of a short run's two checkpoints
  kill_resume.py --kills 8        fewer; exit status 1 unless all are bit-identical (a test)
"""

import argparse
import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import time

import program
import report
import series

RECIPE = """\
version: 1
seed: 7
output_dir: out
model:
  arch: gpt2
  config: {hidden_size: 64, num_hidden_layers: 2, num_attention_heads: 4, dropout: 0.1}
tokenizer: {type: char}
data:
  train: [{synth: {kind: stories, documents: 300}}]
  eval_split: 0.1
  max_seq_length: 32
train: {micro_batch_size: 8, max_steps: %(steps)d, precision: fp32, ema_decay: 0.99, device: cpu,
        threads: %(threads)d}
lr_scheduler: {warmup_steps: 2}
checkpoint: {save_steps: 5, keep_last: 2, keep_best: 1}
eval: {eval_steps: %(eval_steps)d, max_batches: 20}
logging: {logging_steps: 1}
"""
# Measured with a clock, or of the machine: they differ from run to run.
CLOCKED = {"tokens_per_second", "mfu", "step_seconds"}
SAVE_POINTS = ["checkpoint.create", "checkpoint.file", "checkpoint.manifest", "checkpoint.sync",
               "checkpoint.rename", "checkpoint.latest"]
PRUNE_POINTS = ["checkpoint.prune", "checkpoint.remove"]


class Folder:
    """One run's working directory: recipe, store, cache, outputs."""

    def __init__(self, args, path):
        self.args, self.path = args, path
        with open(os.path.join(path, "recipe.yaml"), "w") as file:
            file.write(RECIPE % vars(args))

    def start(self, fault=None):
        command = [os.path.abspath(self.args.bin), "train", "recipe.yaml", "--resume", "auto",
                   "--progress", "json"]
        env = program.environment(self.path, {"LLMOPS_FAULT": fault} if fault else None)
        return subprocess.Popen(command, cwd=self.path, env=env, text=True, bufsize=1,
                                stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)

    def finish(self):
        process = self.start()
        errors = process.communicate()[1]
        if process.returncode != 0:
            raise RuntimeError(f"the resumed run ended with {process.returncode}: {errors[-500:]}")

    def result(self):
        """What must be the same, by name."""
        last = os.path.join(self.path, "out", f"checkpoint-{self.args.steps}")
        found = {}
        for name in ("model.safetensors", "model.ema.safetensors", "state/optimizer.safetensors"):
            with open(os.path.join(last, name), "rb") as file:
                found[name] = hashlib.sha256(file.read()).hexdigest()
        with open(os.path.join(last, "state/trainer.json")) as file:
            state = json.load(file)
        state.pop("seconds")
        found["state/trainer.json"] = json.dumps(state)
        runs = series.read_series(os.path.join(self.path, "store"))
        if len(runs) != 1:
            raise RuntimeError(f"{len(runs)} runs in the store")
        for name, points in next(iter(runs.values())).items():
            if name not in CLOCKED and not name.startswith("sys/"):
                found[name] = points
        return found

    def place(self):
        """Where a killed run was, by what it left."""
        out = os.path.join(self.path, "out")
        names = os.listdir(out) if os.path.isdir(out) else []
        if any(name.endswith(".removed") for name in names):
            return "prune"
        return "save" if any(".tmp" in name for name in names) else "elsewhere"


def kill_after(folder, seconds):
    process = folder.start()
    try:
        process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
    return folder.place() if process.returncode == -signal.SIGKILL else None


def kill_at_point(folder, fault, place):
    process = folder.start(fault)
    process.communicate()
    return place if process.returncode == -signal.SIGKILL else None


def kill_in_eval(folder, step, seconds):
    """An evaluation follows the line of its step at once, and ends with a line of its own."""
    process = folder.start()
    lines = []
    for line in process.stderr:
        lines.append(line)
        if json.loads(line).get("step") == step:
            time.sleep(seconds)
            break
    process.kill()
    lines += process.stderr.readlines()
    process.wait()
    return None if any("eval/loss" in line and f'"step":{step},' in line.replace(" ", "")
                       for line in lines) else "eval"


def plan(kills, args, duration, eval_seconds):
    """What to do to each run: about a third at named points of a save, a tenth in an evaluation and
    in pruning, the rest at random times."""
    dice = random.Random(args.seed)
    saves = args.steps // 5
    for number in range(kills):
        kind = ("time", "save", "time", "eval", "time", "save", "time", "prune", "save", "time")[number % 10]
        if kind == "time":
            seconds = dice.uniform(0.1, 1.0) * duration
            yield kind, lambda f, s=seconds: kill_after(f, s)
        elif kind == "eval":
            step = args.eval_steps * dice.randint(1, args.steps // args.eval_steps)
            seconds = dice.uniform(0.0, 0.5) * eval_seconds
            yield kind, lambda f, k=step, s=seconds: kill_in_eval(f, k, s)
        else:
            point = dice.choice(SAVE_POINTS if kind == "save" else PRUNE_POINTS)
            passing = dice.randint(1, saves * (5 if point == "checkpoint.file" else 1) - 4)
            yield kind, lambda f, p=f"{point}:{passing}:kill", k=kind: kill_at_point(f, p, k)


def try_one(args, action, expected):
    """(where it was killed or None, what differs)"""
    with program.work_folder() as path:
        folder = Folder(args, path)
        place = action(folder)
        if place is None:
            return None, []
        try:
            folder.finish()
            found = folder.result()
        except (RuntimeError, OSError, ValueError) as error:
            return place, [str(error)]
        return place, sorted(k for k in expected.keys() | found.keys()
                             if expected.get(k) != found.get(k))


def undisturbed(args):
    """The result to compare with, how long it takes, and how long one evaluation does."""
    with program.work_folder() as path:
        folder = Folder(args, path)
        start = time.perf_counter()
        process = folder.start()
        marks = {}
        for line in process.stderr:
            fields = json.loads(line)
            kind = "eval" if "eval/loss" in fields else "step" if "loss" in fields else None
            if kind and fields["step"] == args.eval_steps:
                marks[kind] = time.perf_counter()
        if process.wait() != 0:
            raise SystemExit(f"the undisturbed run ended with {process.returncode}")
        return folder.result(), time.perf_counter() - start, marks["eval"] - marks["step"]


def random_kills(args, expected, duration, eval_seconds):
    places, identical, done = {}, 0, 0
    for kind, action in plan(10 * args.kills, args, duration, eval_seconds):
        if done == args.kills:
            break
        place, differences = try_one(args, action, expected)
        if place is None:
            continue  # the run was over before
        done += 1
        places[place] = places.get(place, 0) + 1
        identical += not differences
        report.note(f"{done}: {kind}, killed in {place}: {', '.join(differences) or 'identical'}")
    return identical, done, places


def every_write(args, expected):
    """Kills at the first, second, third … of all points until a run gets through."""
    identical, passing = 0, 0
    while True:
        passing += 1
        place, differences = try_one(
            args, lambda f: kill_at_point(f, f"*:{passing}:kill", "write"), expected)
        if place is None:
            return identical, passing - 1
        identical += not differences
        if differences:
            report.note(f"write {passing}: {', '.join(differences)}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    program.add_arguments(parser, text=False)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--enumerate", action="store_true")
    args = parser.parse_args()
    args.steps, args.eval_steps = (10, 5) if args.enumerate else (200, 20)

    expected, duration, eval_seconds = undisturbed(args)
    report.note(f"{len(expected)} things compared; a run takes {duration:.1f} s (seed {args.seed})")
    if args.enumerate:
        identical, done = every_write(args, expected)
        report.row("kill_every_write", "SIGKILL at every write of a run of two checkpoints, resumed",
                   "-", "all identical", f"{identical} of {done}", identical / done, (1, 1))
    else:
        identical, done, places = random_kills(args, expected, duration, eval_seconds)
        report.row("kill_resume", f"SIGKILL at {done} moments of a 200-step run, resumed: bit-identical",
                   f"{done} of {done}", "every write", f"{identical} of {done}", identical / done,
                   (1, 1), {"killed in": places})
    sys.exit(0 if identical == done else 1)


if __name__ == "__main__":
    main()

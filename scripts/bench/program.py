"""Runs the llmops program for the benchmarks."""

import json
import os
import subprocess
import sys
import tempfile
import time

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
PEER = os.path.join(ROOT, "scripts", "bench", "peer_gpt.py")


def add_arguments(parser, text=True):
    parser.add_argument("--bin", default=os.path.join(ROOT, "build/release/bin/llmops"))
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    if text:
        parser.add_argument("--text", required=True, help="tinyshakespeare.txt")


def recipe(name):
    return os.path.join(ROOT, "recipes", name)


def char_overrides(text, threads):
    """For recipes/shakespeare-char-cpu.yaml."""
    return [f"data.train.0.path={os.path.abspath(text)}", f"train.threads={threads}"]


# No evaluation, samples or checkpoints while training.
QUIET = ["eval.eval_steps=0", "eval.at_end=false", "generate.count=0", "checkpoint.save_steps=0",
         "logging.logging_steps=1"]


def work_folder():
    """Temporary working directory: the store, the cache and the outputs of a run go there."""
    return tempfile.TemporaryDirectory(prefix="llmops-bench-")


def environment(folder, extra=None):
    env = {k: v for k, v in os.environ.items() if not k.startswith(("LLMOPS_", "OMP_", "MKL_"))}
    if "LLMOPS_TORCH_DIR" in os.environ:
        env["LLMOPS_TORCH_DIR"] = os.environ["LLMOPS_TORCH_DIR"]
    return env | {"LLMOPS_STORE": os.path.join(folder, "store")} | (extra or {})


def step_lines(stream):
    """The steps of `--progress json`, as they come."""
    for line in stream:
        if line.startswith("{"):
            fields = json.loads(line)
            if "step_seconds" in fields:
                fields["seconds"] = fields["step_seconds"]  # as peer_gpt.py calls it
            if "loss" in fields and "seconds" in fields:
                yield fields


def train(binary, recipe_path, overrides, folder, options=(), env=None):
    """One training run to its end: (steps, result). Ends this script when the run fails."""
    command = [binary, "train", recipe_path, *overrides, "--progress", "json", "--json", *options]
    errors = os.path.join(folder, "stderr.txt")
    with open(errors, "w") as file:
        done = subprocess.run(command, cwd=folder, env=environment(folder, env), text=True,
                              stdout=subprocess.PIPE, stderr=file)
    with open(errors) as file:
        if done.returncode != 0:
            sys.exit(f"{' '.join(command)}: exit {done.returncode}\n{file.read()[-2000:]}")
        return list(step_lines(file)), json.loads(done.stdout)


def export(binary, recipe_path, overrides, folder, steps):
    """Initial weights and the batches of the first steps: (folder, file)."""
    init, batches = os.path.join(folder, "init"), os.path.join(folder, "batches")
    command = [binary, "train", recipe_path, *overrides, "--quiet", "--export-init", init,
               "--export-batches", batches, "--export-steps", str(steps)]
    subprocess.run(command, cwd=folder, env=environment(folder), check=True)
    return init, batches


def show_run(binary, run, folder):
    """What `llmops track show --json` says of a run."""
    return json.loads(subprocess.check_output([binary, "track", "show", run, "--json"], cwd=folder,
                                              env=environment(folder)))


def train_peer(options, env=None):
    """All steps of scripts/bench/peer_gpt.py."""
    command = [sys.executable, PEER, *map(str, options)]
    done = subprocess.run(command, env=os.environ | (env or {}), text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE)
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)}: exit {done.returncode}\n{done.stderr[-2000:]}")
    return list(map(json.loads, done.stdout.splitlines()))


def seconds_to_first_step(command, folder, env, stream):
    """From the command to its first completed step; then it is killed. `stream`: where steps are
    printed, "stdout" or "stderr"."""
    start = time.perf_counter()
    other = {"stdout": "stderr", "stderr": "stdout"}[stream]
    process = subprocess.Popen(command, cwd=folder, env=env, text=True, bufsize=1,
                               **{stream: subprocess.PIPE, other: subprocess.DEVNULL})
    try:
        for _ in step_lines(getattr(process, stream)):
            return time.perf_counter() - start
        sys.exit(f"{' '.join(command)}: no step, exit {process.wait()}")
    finally:
        process.kill()
        process.wait()

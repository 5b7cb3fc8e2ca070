"""Runs the program in a folder of its own and looks at what it left there."""
import contextlib
import hashlib
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
# Where a sync costs nothing, if there is such a place: thousands of them are made here.
PLACE = "/dev/shm" if os.access("/dev/shm", os.W_OK | os.X_OK) else None
TIMEOUT_S = 600  # only so that a hanging program fails the test

# A run of a second or less: every duty of the loop comes up within its eight steps.
RECIPE = """\
version: 1
output_dir: out
model: {arch: llama, config: {hidden_size: 16, num_hidden_layers: 1, num_attention_heads: 2}}
data:
  train: [{path: text.txt, document: line}]
  eval_split: 0.2
  max_seq_length: 16
train: {micro_batch_size: 2, max_steps: 8, threads: 1, ema_decay: 0.5}
eval: {eval_steps: 4}
checkpoint: {save_steps: 2, keep_last: 2}
generate: {count: 1, every_steps: 4, max_tokens: 5, prompts: [the]}
logging: {logging_steps: 1, system_metrics_seconds: 0}
"""
TEXT = "".join(f"the quick brown fox {i} jumps over the lazy dog\n" for i in range(60))


def points():
    """The names of all fault points, from the sources: the registry that no test may miss."""
    names = set()
    for source in (REPOSITORY / "lib").rglob("*.cpp"):
        names |= set(re.findall(r'\b(?:pass|fault_point)\("([a-z_.]+)"', source.read_text()))
    return names


class Result:
    def __init__(self, status, stdout, stderr):
        self.status, self.stdout, self.stderr = status, stdout, stderr

    def __repr__(self):
        return f"status {self.status}\nstdout: {self.stdout}\nstderr: {self.stderr}"


class ProgramTest(unittest.TestCase):
    """A test with a folder of its own, which holds the recipe and its text."""

    longMessage = True

    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="llmops-fault-", dir=PLACE)).resolve()
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.prepare(self.folder)

    @staticmethod
    def prepare(folder):
        (folder / "recipe.yaml").write_text(RECIPE)
        (folder / "text.txt").write_text(TEXT)

    @contextlib.contextmanager
    def in_new_folder(self):
        """The same test in a fresh folder, one of many."""
        outer = self.folder
        with tempfile.TemporaryDirectory(prefix="llmops-fault-", dir=PLACE) as name:
            self.folder = pathlib.Path(name).resolve()
            self.prepare(self.folder)
            try:
                yield self.folder
            finally:
                self.folder = outer

    def environment(self, fault=None, **more):
        kept = {k: v for k, v in os.environ.items()
                if not k.startswith("LLMOPS_") or k == "LLMOPS_TORCH_DIR"}
        kept.update({"HOME": str(self.folder), "LC_ALL": "C.UTF-8", **more})
        if fault:
            kept["LLMOPS_FAULT"] = fault
        return kept

    def start(self, *arguments, fault=None, prefix=(), env=None, **more):
        return subprocess.Popen([*prefix, PROGRAM, *arguments], cwd=self.folder, text=True,
                                env=self.environment(fault, **(env or {})), errors="replace",
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, **more)

    def finish(self, process):
        try:
            stdout, stderr = process.communicate(timeout=TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            self.fail(f"{process.args} is still running after {TIMEOUT_S} s")
        return Result(process.returncode, stdout, stderr)

    def run_program(self, *arguments, **more):
        return self.finish(self.start(*arguments, **more))

    def train(self, *arguments, **more):
        return self.run_program("train", "recipe.yaml", *arguments, **more)

    def check(self, result, status, *stderr_parts):
        self.assertEqual(result.status, status, result)
        for part in stderr_parts:
            self.assertIn(part, result.stderr)
        return result

    # What is left.

    def show(self, run="@last"):
        return json.loads(self.check(self.run_program("track", "show", run, "--json"), 0).stdout)

    def runs(self):
        if not (self.folder / ".llmops/store.db").exists():
            return []
        result = self.run_program("track", "ls", "--json")
        if result.status == 8 and "the store is empty" in result.stderr:
            return []  # stopped between making the file and its tables
        return json.loads(self.check(result, 0).stdout)

    def checkpoints(self, out="out"):
        return sorted(int(p.name[11:]) for p in (self.folder / out).glob("checkpoint-*"))

    def final_state(self, out="out"):
        """Everything of the last checkpoint that a resume must give again, times left out."""
        folder = self.folder / out / (self.folder / out / "latest").read_text().strip()
        state = {}
        for file in sorted(folder.rglob("*")):
            if file.is_dir() or file.name == "manifest.json":
                continue
            if file.name == "trainer.json":
                trainer = json.loads(file.read_text())
                trainer.pop("seconds")
                state[file.name] = trainer
            else:
                state[file.name] = hashlib.sha256(file.read_bytes()).hexdigest()
        return state

    def metrics(self, run="@last"):
        """The recorded values by step, those of speed left out."""
        tail = self.check(self.run_program("track", "tail", run, "--json", "-n", "100000"), 0)
        values = {}
        for line in map(json.loads, tail.stdout.splitlines()):
            for name, value in line.get("metrics", {}).items():
                if name not in ("tokens_per_second", "mfu", "step_seconds"):
                    values[name, line["step"]] = value
        return values

    def outcome(self, out="out"):
        return self.final_state(out), self.metrics()

    def undisturbed(self, *arguments):
        """The outcome of the same training when nothing happens."""
        with self.in_new_folder():
            self.check(self.train(*arguments), 0)
            return self.outcome()


def main():
    global PROGRAM
    PROGRAM = str(pathlib.Path(sys.argv.pop(1)).resolve() / "llmops")
    unittest.main(module="__main__", verbosity=2)

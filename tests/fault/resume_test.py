"""What a resume takes, what it refuses, and what it passes over.

  resume_test.py BIN [TEST…]
"""
import contextlib
import json
import pathlib
import shutil
import sqlite3
import struct

import program

FILE = "model.safetensors"


def flip(folder):
    content = bytearray((folder / FILE).read_bytes())
    content[len(content) // 2] ^= 1
    (folder / FILE).write_bytes(content)


DAMAGES = {
    "a flipped bit": flip,
    "a truncated file": lambda folder: (folder / FILE).write_bytes(
        (folder / FILE).read_bytes()[:-1]),
    "an empty file": lambda folder: (folder / FILE).write_bytes(b""),
    "a missing file": lambda folder: (folder / "state/trainer.json").unlink(),
    "an extra file": lambda folder: (folder / "extra.safetensors").write_bytes(b"x"),
    "a link": lambda folder: ((folder / FILE).rename(folder.parent / "elsewhere"),
                              (folder / FILE).symlink_to(folder.parent / "elsewhere")),
    "a changed manifest": lambda folder: (folder / "manifest.json").write_text(
        (folder / "manifest.json").read_text().replace('"step": 7', '"step": 8')),
    "no manifest": lambda folder: (folder / "manifest.json").unlink(),
    "no folder": lambda folder: shutil.rmtree(folder),
}


def tensors_of(path):
    """{name: (type, bytes)} of a safetensors file."""
    content = path.read_bytes()
    size = struct.unpack("<Q", content[:8])[0]
    header = json.loads(content[8:8 + size])
    header.pop("__metadata__", None)
    data = content[8 + size:]
    return {name: (info["dtype"], data[slice(*info["data_offsets"])])
            for name, info in header.items()}


def round_to_bf16(path):
    """Rewrites a safetensors file of F32 as BF16, cutting the lower half of each number."""
    content = path.read_bytes()
    size = struct.unpack("<Q", content[:8])[0]
    header, data = json.loads(content[8:8 + size]), content[8 + size:]
    for info in header.values():
        if "dtype" in info:
            info["dtype"] = "BF16"
            info["data_offsets"] = [n // 2 for n in info["data_offsets"]]
    halves = b"".join(data[i + 2:i + 4] for i in range(0, len(data), 4))
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + halves)


class ResumeTest(program.ProgramTest):
    def stop(self, *arguments):
        """A run that was stopped after step 7; 4 or 6 and 7 are saved."""
        self.check(self.train(*arguments, fault="train.update:7:term"), 143)
        self.assertEqual(self.checkpoints()[-2:], [6, 7])

    def newest(self):
        return self.folder / "out/checkpoint-7"

    def test_a_damaged_checkpoint_is_passed_over_with_a_warning(self):
        expected = self.undisturbed()
        for what, damage in DAMAGES.items():
            with self.subTest(damage=what), self.in_new_folder():
                self.stop()
                damage(self.newest())
                gone = not self.newest().exists()
                result = self.check(self.train("--resume", "auto"), 0, "at step 6")
                self.assertEqual("checkpoint-7 is skipped" in result.stderr, not gone, result)
                self.assertEqual(self.outcome(), expected)

    def test_without_a_valid_checkpoint_nothing_is_started_or_overwritten(self):
        self.stop()
        for step in self.checkpoints():
            flip(self.folder / f"out/checkpoint-{step}")
        before = sorted(str(p) for p in (self.folder / "out").rglob("*"))
        self.check(self.train("--resume", "auto"), 10, "none of the")
        self.check(self.train(), 2, "holds checkpoints")
        self.assertEqual(sorted(str(p) for p in (self.folder / "out").rglob("*")), before)

    def test_an_allowed_change_that_is_interrupted_goes_on_with_the_same_command(self):
        self.stop()
        changed = ("seed=7", "--resume", "auto", "--allow-change", "seed")
        self.check(self.train(*changed, fault="train.sample:1:term"), 143)
        self.check(self.train(*changed), 0)

    def test_a_change_of_the_result_is_refused_with_what_changed(self):
        self.stop()
        where = ("--resume", "out/checkpoint-7")
        for change in ("seed=7", "train.global_batch_size=4", "optimizer.weight_decay=0",
                       "model.config.rope_theta=500.0", "data.max_seq_length=8", "tokenizer.type=char"):
            key, value = change.split("=")
            with self.subTest(change=change):
                result = self.check(self.train(change, *where), 2, "not the run that was saved",
                                    f"-> {value}", "--allow-change")
                self.assertIn(key, result.stderr)
        self.check(self.train("train.max_steps=6", *where), 2, "beyond the 6 steps")
        self.check(self.train("seed=7", *where, "--allow-change", "sede"), 2, "did you mean seed?")
        # Under auto it is another run, and its folder is taken.
        self.check(self.train("seed=7", "--resume", "auto"), 2, "not the run that was saved: seed: 42 -> 7")
        self.assertEqual(self.checkpoints()[-1], 7)
        self.check(self.train("optimizer.weight_decay=0", *where, "--allow-change",
                              "optimizer.weight_decay"), 0,
                   "changed since the checkpoint: optimizer.weight_decay: 0.1 -> 0")

    def test_what_is_frozen_keeps_bits_and_type_over_a_resume(self):
        self.check(self.train("--export-init", "base"), 0)
        round_to_bf16(self.folder / "base" / FILE)
        frozen = ("model={path: ./base}",
                  'train.freeze=[model.embed_tokens.weight, "model.layers.0.mlp.*"]')
        self.check(self.train(*frozen, "--output-dir", "whole"), 0)
        self.stop(*frozen)
        first = tensors_of(self.newest() / FILE)
        self.check(self.train(*frozen[:1], "--resume", "out/checkpoint-7"), 2,
                   "train.freeze: [", "-> []")
        self.check(self.train(*frozen[:1], "--resume", "out/checkpoint-7", "--allow-change",
                              "train.freeze"), 2, "model.path=out/checkpoint-7")
        self.check(self.train(*frozen, "--resume", "auto"), 0)
        self.assertEqual(self.final_state(), self.final_state("whole"))
        base = tensors_of(self.folder / "base" / FILE)
        for file in (FILE, "model.ema.safetensors"):
            saved = tensors_of(self.folder / "out/checkpoint-8" / file)
            self.assertEqual(saved.keys(), base.keys())
            for name, (kind, content) in saved.items():
                stays = "embed_tokens" in name or ".mlp." in name
                if stays:
                    self.assertEqual((kind, content), base[name], name)
                before = first[name] if file == FILE else base[name]
                self.assertEqual((kind, content) == before, stays, name)
                self.assertEqual(kind, "BF16" if stays else "F32", name)
        moments = tensors_of(self.folder / "out/checkpoint-8/state/optimizer.safetensors")
        self.assertNotIn("m.embedding.weight", moments)
        self.assertIn("m.head.weight", moments)
        # What was frozen is read again as it is.
        self.check(self.run_program("generate", "out/checkpoint-8", "the", "--max-tokens", "4"), 0)

    def test_another_number_of_threads_is_allowed_and_told(self):
        self.stop()
        self.check(self.train("train.threads=2", "--resume", "out/checkpoint-7"), 0,
                   "2 threads instead of 1")

    def test_a_folder_named_on_the_command_line_is_not_exchanged(self):
        self.stop()
        self.check(self.train("--output-dir", "elsewhere", "--resume", "auto"), 0)
        self.assertEqual(self.checkpoints()[-1], 7)
        self.check(self.train("--resume", "out"), 0, "at step 7")

    def test_a_resume_keeps_out_of_the_checkpoints_of_another_run(self):
        self.stop()
        self.check(self.train("seed=3", "--output-dir", "other"), 0)
        self.check(self.train("--output-dir", "other", "--resume", "out/checkpoint-7"), 2,
                   "checkpoints of another run")

    def test_what_an_earlier_attempt_logged_counts_for_expect(self):
        self.check(self.train("expect=[eval/loss <= 100]", fault="train.sample:1:term"), 143)
        self.check(self.train("expect=[eval/loss <= 100]", "--resume", "auto"), 0)

    def test_how_far_and_how_often_may_change(self):
        self.stop()
        self.check(self.train("train.max_steps=9", "checkpoint.save_steps=3", "eval.eval_steps=0",
                              "logging.logging_steps=2", "--resume", "auto"), 0, "step 9/9")
        self.assertEqual(len(self.runs()), 1)
        self.assertEqual(self.checkpoints()[-1], 9)

    def test_changed_data_is_another_run(self):
        self.stop()
        (self.folder / "text.txt").write_text(program.TEXT + "one more line\n")
        self.check(self.train("--resume", "out/checkpoint-7"), 2, "digest.data")
        self.check(self.train("--resume", "auto"), 2, "not the run that was saved: digest.data")

    def test_a_finished_run_is_named_again_and_extended_by_a_longer_horizon(self):
        first = self.check(self.train(), 0)
        for store in ((), ("--store", "other"), ("--no-record",)):
            again = self.check(self.train("--resume", "auto", *store), 0, "has finished at step 8")
            self.assertEqual(again.stdout, first.stdout)
        self.assertEqual(self.show()["attempts"][-1]["attempt"], 1)
        self.check(self.train("train.max_steps=6", "--resume", "auto"), 2, "beyond the 6 steps")
        self.check(self.train("train.max_steps=10", "--resume", "auto"), 0, "at step 8")
        self.check(self.train("train.max_steps=12", "--resume", "out/checkpoint-10"), 0)
        self.assertEqual(len(self.runs()), 1)
        self.assertEqual(self.checkpoints()[-1], 12)

    def test_a_run_that_stopped_early_has_finished(self):
        early = ("eval.eval_steps=1", "eval.early_stopping_patience=2",
                 "eval.early_stopping_min_delta=100", "train.max_steps=50")
        first = self.check(self.train(*early), 0)
        again = self.check(self.train(*early, "--resume", "auto"), 0, "has finished at step")
        self.assertEqual(again.stdout, first.stdout)
        self.check(self.train(*early, "train.max_steps=60", "--resume", "auto"), 0, "resuming")

    def test_expectations_of_a_finished_run_are_judged_again(self):
        failing = ("expect=[eval/loss <= 1]", "--resume", "auto")
        first = self.check(self.train(*failing), 3, "it is")
        again = self.check(self.train(*failing), 3, "it is", "has finished")
        self.assertEqual(again.stdout, first.stdout)
        self.assertEqual(self.show()["attempts"][-1]["attempt"], 1)
        self.check(self.train("expect=[eval/loss <= 100]", "--resume", "auto"), 0)
        self.check(self.train(*failing, "--store", "other"), 4, "not in this store")

    def test_auto_finds_the_checkpoints_of_a_run_that_this_store_does_not_know(self):
        expected = self.undisturbed()
        self.stop()
        earlier = self.show()["id"]
        other = ("--store", "other")
        self.check(self.train("--resume", "auto", *other, fault="train.sample:1:term"), 143,
                   "at step 7", f"run {earlier}, which is not in this store")
        self.check(self.train("--resume", "auto", *other), 0)
        shown = self.check(self.run_program("track", "show", "@last", "--json", *other), 0)
        run = json.loads(shown.stdout)
        self.assertEqual(run["attempts"][0]["from_step"], 7)
        self.assertIn(earlier, [e["text"] for e in run["events"] if e["code"] == "resumed"][0])
        self.assertEqual([a["path"] for a in run["artifacts"] if a["role"] == "input"],
                         [str(self.folder / "out/checkpoint-7")])
        self.assertEqual(len(run["attempts"]), 2)
        self.assertEqual(self.final_state(), expected[0])

    def test_auto_goes_on_after_a_new_store_a_link_and_no_record(self):
        for what, change in {
                "no store": lambda f: shutil.rmtree(f / ".llmops"),
                "moved behind a link": lambda f: ((f / "out").rename(f / "big"),
                                                  (f / "out").symlink_to("big")),
                "the folder a link leads to": lambda f: (f / "other").symlink_to("out")}.items():
            with self.subTest(change=what), self.in_new_folder() as folder:
                self.stop()
                change(folder)
                name = "other" if (folder / "other").exists() else "out"
                self.check(self.train("--output-dir", name, "--resume", "auto"), 0, "at step 7")
                self.assertEqual(len(self.runs()), 1)
        self.stop("--no-record")
        self.check(self.train("--resume", "auto"), 0, "at step 7")

    def test_auto_goes_on_after_a_failure(self):
        expected = self.undisturbed()
        # Of the second save, at step 4; storage is what ended it.
        self.check(self.train(fault="checkpoint.rename:2:eio"), 11)
        self.assertEqual(self.checkpoints(), [2])
        self.check(self.train("--resume", "auto"), 0, "at step 2")
        self.assertEqual(self.outcome(), expected)
        for status in (1, 2, 6, 7, 9, 10):
            with self.subTest(status=status), self.in_new_folder() as folder:
                self.stop()
                with contextlib.closing(sqlite3.connect(folder / ".llmops/store.db")) as store:
                    store.execute("UPDATE run SET status = 'failed', exit_code = ?", (status,))
                    store.commit()
                self.check(self.train("--resume", "auto"), 0, "at step 7")
                self.assertEqual(len(self.runs()), 1)

    def test_a_checkpoint_that_came_from_another_machine_goes_on_as_a_run_of_its_own(self):
        expected = self.undisturbed()
        self.stop()
        came = pathlib.Path(self.folder / "out/checkpoint-7")
        with self.in_new_folder() as folder:
            shutil.copytree(came, folder / "came/checkpoint-7")
            self.check(self.train("--resume", "came/checkpoint-7"), 0, "not in this store")
            self.assertEqual(self.show()["status"], "finished")
            self.assertEqual(self.final_state(), expected[0])


if __name__ == "__main__":
    program.main()

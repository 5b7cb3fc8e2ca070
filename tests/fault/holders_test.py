"""Several processes at one folder or one store.

  holders_test.py BIN [TEST…]
"""
import contextlib
import json
import os
import pathlib
import signal
import sqlite3
import subprocess

import program

LONG = ("train.max_steps=100000000", "eval.eval_steps=0", "generate.every_steps=0",
        "checkpoint.save_steps=0")


class HoldersTest(program.ProgramTest):
    @contextlib.contextmanager
    def running(self, *arguments):
        """A training that is under way, and is stopped afterwards."""
        process = self.start("train", "recipe.yaml", *LONG, "--progress", "json", *arguments)
        for line in process.stderr:
            if json.loads(line).get("step", 0) >= 1:
                break
        try:
            yield process
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
                self.check(self.finish(process), self.ending)

    ending = 143

    def test_a_second_process_is_refused_the_folder_of_the_first(self):
        with self.running("--name", "first"):
            self.check(self.train(), 9, "in use by run first (process ")
            self.check(self.train(*LONG, "--resume", "auto"), 9, "in use by run first (process ")
            self.check(self.train("--store", "other"), 9, "another process")
            self.check(self.train("--no-record"), 9, "in use by run first")
            self.assertEqual(self.checkpoints(), [])
        self.assertEqual([r["status"] for r in self.runs()], ["stopped"])
        self.assertEqual(self.show("first")["exit_code"], 143)

    @contextlib.contextmanager
    def held(self):
        """Another program within a transaction that writes."""
        with contextlib.closing(sqlite3.connect(self.folder / ".llmops/store.db",
                                                isolation_level=None)) as store:
            store.execute("begin immediate")
            yield
            store.execute("rollback")

    def stop(self, process):
        process.send_signal(signal.SIGTERM)
        return self.check(self.finish(process), 143, "stopped by SIGTERM", "is incomplete",
                          "another process holds the store")

    def test_a_stop_while_another_program_holds_the_store_is_saved(self):
        with self.running("--name", "first") as process, self.held():
            self.stop(process)
            (step,) = self.checkpoints()
        self.assertEqual(self.show("first")["status"], "crashed")
        self.check(self.train(f"train.max_steps={step + 1}", "--resume", "auto"), 0,
                   "may be missing: the run ended before they could be recorded")
        self.assertEqual([e["step"] for e in self.show("first")["events"]
                          if e["code"] == "record_gap"], [step])

    def test_a_training_that_ends_while_another_program_holds_the_store_is_saved(self):
        process = self.start("train", "recipe.yaml", "--progress", "json", fault="train.step:4:usr1")
        for line in process.stderr:
            if json.loads(line).get("step", 0) >= 1:
                break
        with self.held():
            result = self.check(self.finish(process), 11, "is incomplete", "checkpoint-8 is whole")
        self.assertIn("checkpoint-8", result.stdout)
        self.assertEqual(self.checkpoints()[-1], 8)

    def test_a_store_that_goes_away_under_a_run_is_reported_and_the_run_saved(self):
        for replaced in (False, True):
            with self.subTest(replaced=replaced), self.in_new_folder():
                with self.running("--name", "first") as process:
                    (self.folder / ".llmops").rename(self.folder / "away")
                    if replaced:
                        self.check(self.train("--output-dir", "out2", "--name", "second"), 0)
                    process.send_signal(signal.SIGTERM)
                    self.check(self.finish(process), 143, "store.db: the file was deleted, moved or "
                               "replaced while it was in use", "is incomplete")
                self.assertEqual(len(self.checkpoints()), 1)
                if replaced:
                    self.assertEqual([(r["name"], r["status"]) for r in self.runs()],
                                     [("second", "finished")])

    def test_a_run_in_another_pid_namespace_is_running(self):
        inside = ("unshare", "--pid", "--fork", "--kill-child", "--mount-proc")
        if subprocess.run([*inside, "true"], check=False, capture_output=True).returncode != 0:
            self.skipTest("no PID namespace can be made here")
        process = self.start("train", "recipe.yaml", *LONG, "--progress", "json", "--name", "first",
                             prefix=inside)
        for line in process.stderr:
            if json.loads(line).get("step", 0) >= 1:
                break
        # Process 1 in there, and another process out here.
        self.assertEqual([r["status"] for r in self.runs()], ["running"])
        self.check(self.train(), 9, "in use by run first (process 1 ")
        (child,) = pathlib.Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        os.kill(int(child), signal.SIGTERM)
        self.check(self.finish(process), 143)

    def test_two_processes_share_a_store(self):
        with self.running("--name", "first"):
            self.check(self.train("--output-dir", "out2", "--name", "second"), 0)
            self.check(self.run_program("eval", "--model", "out2", "--data", "text.txt"), 0)
            self.assertEqual([r["status"] for r in self.runs()],
                             ["finished", "finished", "running"])
        self.assertEqual(self.show("first")["status"], "stopped")

    @staticmethod
    def steps(process, count):
        """Reads until the training has reported so many steps more."""
        for line in process.stderr:
            count -= json.loads(line).get("step", 0) >= 1
            if count == 0:
                return

    def cache(self):
        (cache,) = (self.folder / ".llmops/cache").glob("tokens-*.bin")
        return cache

    def test_a_cache_that_is_touched_replaced_or_deleted_under_a_run_stays_as_it_was(self):
        with self.running() as process:
            cache = self.cache()

            def lengthen():
                with cache.open("ab") as file:
                    file.write(b"more")

            def replace():
                other = cache.with_name("other")
                other.write_bytes(b"other")
                other.replace(cache)

            for act in cache.touch, lengthen, replace, cache.unlink:
                act()
                self.steps(process, 3)
        self.assertEqual(self.show()["exit_code"], 143)

    def test_a_cache_that_is_cut_or_overwritten_under_a_run_ends_it(self):
        self.ending = 10

        def overwrite(cache):
            with cache.open("r+b") as file:
                file.write(bytes(cache.stat().st_size))

        for number, act in enumerate((lambda cache: os.truncate(cache, 0), overwrite)):
            name = f"run{number}"
            with self.running("--name", name, "--output-dir", name) as process:
                act(self.cache())
                self.assertEqual(process.wait(program.TIMEOUT_S), 10)
            run = self.show(name)
            self.assertEqual((run["status"], run["exit_code"]), ("failed", 10))
            self.assertIn("the token cache was changed", run["reason"])
            self.check(self.train("--output-dir", name + "b"), 0)  # builds it again


class StoreTest(program.ProgramTest):
    """A store that is not as it should be."""

    def setUp(self):
        super().setUp()
        self.check(self.train(), 0)
        self.database = self.folder / ".llmops/store.db"

    def train_elsewhere(self):
        return self.train("--output-dir", "out2")

    def test_a_newer_store_can_be_read_and_is_not_written(self):
        with contextlib.closing(sqlite3.connect(self.database)) as store:
            (newest,) = store.execute("PRAGMA user_version").fetchone()
            store.execute(f"PRAGMA user_version = {newest + 1}")
        self.check(self.train_elsewhere(), 10, "newer llmops", "update llmops")
        self.assertFalse((self.folder / "out2").exists())
        self.check(self.run_program("track", "ls"), 0, "newer llmops")

    def test_a_store_that_is_no_database_is_refused_before_the_work(self):
        for content in (b"not a database, but long enough to be looked at\n" * 100,
                        self.database.read_bytes()[:5000]):
            self.database.write_bytes(content)
            for name in ("store.db-wal", "store.db-shm"):
                (self.database.parent / name).unlink(missing_ok=True)
            with self.subTest(size=len(content)):
                self.check(self.run_program("track", "ls"), 10, "store.db")
                self.check(self.train_elsewhere(), 10, "store.db")
                self.check(self.run_program("eval", "--model", "out", "--data", "text.txt"), 10)
                self.assertFalse((self.folder / "out2").exists())
                self.assertEqual(self.database.read_bytes(), content)

    def test_a_database_of_another_program_is_left_alone(self):
        with contextlib.closing(sqlite3.connect(self.folder / "store.db")) as other:
            other.execute("CREATE TABLE t(x)")
        self.check(self.train("--store", ".", "--output-dir", "out2"), 10, "store.db: ",
                   "not an llmops store")
        self.check(self.run_program("track", "ls", "--store", "."), 10, "store.db: ",
                   "not an llmops store")

    def test_no_record_needs_no_store(self):
        self.database.write_bytes(b"not a database")
        self.check(self.train("--output-dir", "out2", "--no-record"), 0)


if __name__ == "__main__":
    program.main()

"""A disk that is full, fails or may not be written: exit 11, the checkpoints before are whole, and the
run goes on once there is room. A store that cannot be written costs the record, never the training.

  storage_test.py BIN [TEST…]      EveryPassingTest takes minutes
"""
import os
import shutil
import stat
import subprocess

import program

POINTS_WITHOUT_WRITING = {"data.read", "eval.batch", "train.step", "train.update",
                          "train.sample"}


def writing_points():
    return sorted(program.points() - POINTS_WITHOUT_WRITING - {"checkpoint.exchange"})


class DiskTest(program.ProgramTest):
    @classmethod
    def setUpClass(cls):
        case = cls()
        case.setUp()
        cls.addClassCleanup(case.doCleanups)
        cls.expected = case.undisturbed()

    def failed(self, fault):
        """Whether the fault came up, after it was recovered from."""
        with self.in_new_folder():
            result = self.train(fault=fault)
            if result.status == 0:
                return False
            self.check(result, 11)
            problems = [line for line in result.stderr.splitlines() if line.startswith("llmops: ")]
            self.assertEqual(len(problems), 1, result)
            for run in self.runs():
                self.assertIn((run["status"], run["exit_code"]),
                              [("failed", 11), ("crashed", None)], result)
            for step in self.checkpoints():
                self.check(self.run_program("generate", f"out/checkpoint-{step}",
                                            "--max-tokens", "1"), 0)
            if fault.startswith("store.commit"):
                self.check(result, 11, "the record of run", "is incomplete",
                           f"{self.folder}/out/checkpoint-8 is whole")
            self.check(self.train("--resume", "auto"), 0)
            self.assertEqual(len(self.runs()), 1)
            self.check_outcome()
            return True

    def check_outcome(self):
        """As if nothing had been, but for values whose loss the run shows."""
        state, values = self.outcome()
        self.assertEqual(state, self.expected[0])
        missing = self.expected[1].keys() - values.keys()
        self.assertEqual(values, {k: v for k, v in self.expected[1].items() if k not in missing})
        gaps = [e for e in self.show()["events"] if e["code"] == "record_gap"]
        self.assertEqual(bool(missing), bool(gaps))


class EveryPointTest(DiskTest):
    def test_a_failure_at_each_point_is_reported_and_recovered_from(self):
        for name in writing_points():
            with self.subTest(point=name):
                self.assertTrue(self.failed(name + ":2+:eio"), "the point was not passed")


class EveryPassingTest(DiskTest):
    def test_a_failure_at_each_passing_is_recovered_from(self):
        for name in writing_points():
            # What one commit could not write is written with the next: only a lasting failure ends.
            lasting = "+" if name == "store.commit" else ""
            with self.subTest(point=name):
                passing = 1
                while self.failed(f"{name}:{passing}{lasting}:enospc"):
                    passing += 1
                self.assertGreater(passing, 1, "the point was not passed")


class LimitTest(program.ProgramTest):
    def test_a_file_beyond_the_limit_of_the_user_is_a_storage_error(self):
        # The kernel writes what still fits: a short write, then an error instead of SIGXFSZ.
        limit = ("bash", "-c", 'ulimit -f 20; exec "$@"', "bash")
        self.check(self.train("--no-record", "tokenizer.type=byte", prefix=limit), 11,
                   "File too large")
        self.assertEqual(self.checkpoints(), [])


class PermissionTest(program.ProgramTest):
    """As a user for whom permissions hold; root is made nobody."""

    def setUp(self):
        super().setUp()
        self.prefix = ()
        if os.geteuid() != 0:
            return
        self.prefix = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")
        if shutil.which("setpriv") is None:
            self.skipTest("root without setpriv: permissions do not hold for this user")
        if subprocess.run([*self.prefix, "test", "-x", program.PROGRAM], check=False).returncode:
            self.skipTest("the user nobody cannot run the program under test")
        os.chown(self.folder, 65534, 65534)

    def read_only(self, name):
        (self.folder / name).mkdir(exist_ok=True)
        for path in [self.folder / name, *(self.folder / name).rglob("*")]:
            path.chmod(0o555 if path.is_dir() else 0o444)
            self.addCleanup(path.chmod, 0o755)

    def nothing_was_made(self):
        made = {p.name for p in self.folder.iterdir()} - {"recipe.yaml", "text.txt", "out", "locked"}
        self.assertEqual(made, set())

    def test_an_output_folder_that_cannot_be_written_is_refused_before_the_work(self):
        self.read_only("out")
        self.check(self.train(prefix=self.prefix), 11, "out: Permission denied")
        self.nothing_was_made()
        self.check(self.train("--output-dir", "text.txt/out", prefix=self.prefix), 11,
                   "text.txt: Not a directory")
        self.nothing_was_made()

    def test_an_output_folder_that_becomes_unreadable_is_a_storage_failure(self):
        process = self.start("train", "recipe.yaml", "train.max_steps=100000000",
                             "eval.eval_steps=0", "generate.every_steps=0", "--progress", "lines",
                             prefix=self.prefix)
        for line in process.stderr:
            if (self.folder / "out/latest").exists():
                break
        (self.folder / "out").chmod(0)
        self.addCleanup((self.folder / "out").chmod, 0o755)
        result = self.check(self.finish(process), 11, "Permission denied")
        self.assertEqual(self.show()["exit_code"], 11, result)
        self.check(self.train("--resume", "auto", prefix=self.prefix), 11, "Permission denied")

    def test_a_store_that_cannot_be_made_is_refused_before_the_work(self):
        self.read_only("locked")
        self.check(self.train("--store", "locked/store", prefix=self.prefix), 11,
                   "locked: Permission denied", "--no-record")
        self.nothing_was_made()

    def test_a_read_only_store_is_read_and_not_written(self):
        self.check(self.train(prefix=self.prefix), 0)
        self.read_only(".llmops")
        self.check(self.train("--output-dir", "out2", prefix=self.prefix), 11, "--no-record")
        self.check(self.run_program("eval", "--model", "out", "--data", "text.txt",
                                    prefix=self.prefix), 11, "--no-record")
        self.assertFalse((self.folder / "out2").exists())
        show = self.check(self.run_program("track", "show", "@last", prefix=self.prefix), 0)
        self.assertIn("finished", show.stdout)

    def test_a_store_is_private_whatever_the_umask(self):
        open_mask = ("bash", "-c", 'umask 000; exec "$@"', "bash")
        self.check(self.train(prefix=open_mask), 0)
        store = self.folder / ".llmops"
        self.assertEqual(stat.S_IMODE(store.stat().st_mode), 0o700)
        self.assertEqual(stat.S_IMODE((store / "store.db").stat().st_mode), 0o600)


class FullDiskTest(program.ProgramTest):
    """A file system of a few hundred kilobytes; needs the right to mount."""

    def on_small_disk(self, folder, size, script):
        probe = subprocess.run(["unshare", "-m", "mount", "-t", "tmpfs", "none", "/mnt"], check=False,
                               capture_output=True, text=True)
        if probe.returncode != 0:
            self.skipTest(f"no file system can be mounted here: {probe.stderr.strip()}")
        mount = f'set -eu; mkdir -p {folder}; mount -t tmpfs -o size={size} none {folder}\n{script}'
        done = subprocess.run(["unshare", "-m", "bash", "-c", mount], cwd=self.folder, text=True,
                              env=self.environment(LLMOPS=program.PROGRAM), capture_output=True,
                              timeout=program.TIMEOUT_S, check=False)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return done.stdout + done.stderr

    def test_a_full_disk_keeps_the_checkpoints_and_the_run_goes_on_with_more_room(self):
        expected = self.undisturbed()
        out = self.on_small_disk("out", "3m", """
            status=0; LLMOPS_FAULT=train.update:2:term $LLMOPS train recipe.yaml || status=$?
            test $status = 143
            head -c 2m /dev/zero >out/filler
            status=0; $LLMOPS train recipe.yaml --resume out/checkpoint-2 || status=$?
            test $status = 11; test "$(cat out/latest)" = checkpoint-2
            $LLMOPS generate out --max-tokens 1
            rm out/filler; mount -o remount,size=5m out
            $LLMOPS train recipe.yaml --resume auto; cp -r out saved""")
        self.assertIn("are free", out)
        self.assertEqual(self.final_state("saved")["model.safetensors"],
                         expected[0]["model.safetensors"])

    def test_checkpoints_that_will_not_fit_are_refused_before_the_run_and_the_advice_helps(self):
        out = self.on_small_disk("out", "900k", """
            for dry in --dry-run ""; do
              status=0; $LLMOPS train recipe.yaml $dry || status=$?; test $status = 11
              test -z "$(ls out)"; test ! -e .llmops/store.db
            done
            $LLMOPS train recipe.yaml checkpoint.keep_last=1 train.max_steps=4
            $LLMOPS train recipe.yaml checkpoint.keep_last=1 --resume out""")
        self.assertIn("the checkpoints need", out)
        self.assertIn("set checkpoint.keep_last=1, or free space", out)

    def test_a_new_run_is_refused_by_a_store_on_a_full_disk(self):
        self.on_small_disk(".llmops", "2m", """
            status=0; $LLMOPS train recipe.yaml || status=$?; test $status = 0
            head -c 3m /dev/zero >.llmops/filler || true
            status=0; $LLMOPS train recipe.yaml --output-dir out2 || status=$?; test $status = 11
            rm .llmops/filler; $LLMOPS track ls
            $LLMOPS train recipe.yaml --output-dir out3""")

    def test_a_store_whose_disk_fills_up_costs_the_record_and_not_the_training(self):
        out = self.on_small_disk("store", "1m", """
            export LLMOPS_STORE=store
            mkfifo progress
            $LLMOPS train recipe.yaml train.max_steps=100000000 eval.eval_steps=0 \\
              generate.every_steps=0 checkpoint.save_steps=0 --progress json 2>progress &
            { read -r first; head -c 2m /dev/zero >store/filler || true; kill $!; cat; } <progress
            status=0; wait $! || status=$?; test $status = 143
            rm store/filler
            $LLMOPS train recipe.yaml --resume auto \\
              train.max_steps=$(($(sed s/checkpoint-// out/latest) + 1))
            $LLMOPS track show @last""")
        self.assertIn("No space left on device", out)
        self.assertIn("is incomplete", out)
        self.assertIn("may be missing", out)
        self.assertIn("finished", out)


if __name__ == "__main__":
    program.main()

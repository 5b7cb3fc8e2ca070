"""The same numbers whatever surrounds the program, and no death where something is short.

  surroundings_test.py BIN [TEST…]
"""
import os
import shutil
import subprocess
import unittest

import program


def limited(limits):
    return ("bash", "-c", f'ulimit {limits}; exec "$@"', "bash")


class SurroundingsTest(program.ProgramTest):
    def test_a_locale_with_decimal_commas_changes_nothing(self):
        if shutil.which("localedef") is None:
            self.skipTest("no localedef: no locale with decimal commas can be made")
        made = subprocess.run(["localedef", "-i", "de_DE", "-f", "UTF-8",
                               self.folder / "de_DE.UTF-8"], capture_output=True, check=False)
        if not (self.folder / "de_DE.UTF-8").exists():
            self.skipTest(f"no locale with decimal commas can be made: {made.stderr.decode()}")
        expected = self.undisturbed()
        german = {"LOCPATH": str(self.folder), "LC_ALL": "de_DE.UTF-8", "LANG": "de_DE.UTF-8"}
        self.check(self.train(env=german), 0, "loss 5.")
        shown = self.check(self.run_program("track", "show", "@last", env=german), 0)
        self.assertNotIn(",", shown.stdout.split("train/loss")[1].splitlines()[0])
        self.assertEqual(self.outcome(), expected)

    def test_home_user_and_terminal_may_be_unknown(self):
        bare = ("env", "-u", "HOME", "-u", "USER", "-u", "LC_ALL", "-u", "LANG", "-u", "TERM")
        self.check(self.train(prefix=bare), 0)
        self.assertEqual(self.show()["status"], "finished")

    def test_one_core_gives_the_same_numbers(self):
        expected = self.undisturbed()
        self.check(self.train(prefix=("taskset", "-c", "0")), 0)
        self.assertEqual(self.outcome(), expected)

    def test_threads_that_wait_go_to_sleep_soon_unless_the_user_says_otherwise(self):
        for setting, expected in (("A=b", "10000"), ("OMP_WAIT_POLICY=PASSIVE", "0"),
                                  ("GOMP_SPINCOUNT=77", "77")):
            with self.subTest(setting=setting), self.in_new_folder():
                bare = ("env", "-u", "OMP_WAIT_POLICY", "-u", "GOMP_SPINCOUNT")
                result = self.train(prefix=(*bare, "OMP_DISPLAY_ENV=VERBOSE", setting))
                self.check(result, 0, f"GOMP_SPINCOUNT = '{expected}'")

    @unittest.skipIf("ASAN_OPTIONS" in os.environ, "the address sanitizer reserves 16 TB of addresses")
    def test_memory_that_does_not_suffice_is_told_before_the_first_step(self):
        # Address space for the program and its libraries, not for a model of gigabytes.
        result = self.train("model.config.hidden_size=8192", "model.config.num_attention_heads=64",
                            "train.ema_decay=0", "checkpoint.save_steps=0", "checkpoint.keep_last=1",
                            "checkpoint.keep_best=0", prefix=limited("-v 3000000"))
        self.check(result, 6)
        self.assertNotIn("step 1", result.stderr)
        self.assertEqual(self.checkpoints(), [])
        for run in self.runs():
            self.assertEqual((run["status"], run["exit_code"]), ("failed", 6))

    def test_few_descriptors_are_an_error_in_one_line(self):
        for count in (5, 8, 12, 16):
            with self.subTest(descriptors=count), self.in_new_folder():
                result = self.train(prefix=limited(f"-n {count}"))
                self.assertIn(result.status, (0, 1, 11), result)
                if result.status:
                    self.assertTrue(result.stderr.splitlines()[-1].startswith("llmops: "), result)

    @unittest.skipIf(os.geteuid() != 0 or shutil.which("setpriv") is None,
                     "a limit of processes counts those of the user, and needs one of its own")
    def test_few_processes_are_an_error_in_one_line_or_fewer_threads(self):
        user = ("setpriv", f"--reuid={1_000_000 + os.getpid()}", "--clear-groups")
        statuses = []
        for count in (1, 2, 4, 6, 8, 10, 12, 14, 40):
            with self.subTest(processes=count), self.in_new_folder():
                self.folder.chmod(0o777)
                result = self.train("train.threads=4", "train.micro_batch_size=4",
                                    "logging.system_metrics_seconds=1",
                                    prefix=(*user, *limited(f"-u {count}")))
                self.assertIn(result.status, (0, 1), result)
                if result.status:
                    self.assertRegex(result.stderr.splitlines()[-1], "^llmops: cannot start a thread")
                statuses.append(result.status)
        self.assertEqual((statuses[0], statuses[-1]), (1, 0))

    def test_folders_that_vanish_under_a_run_end_it_in_one_line(self):
        process = self.start("train", "recipe.yaml", "train.max_steps=100000000",
                             "eval.eval_steps=0", "generate.every_steps=0",
                             "checkpoint.save_steps=0", "--progress", "lines")
        for line in process.stderr:
            if line.startswith("step 1/"):
                break
        shutil.rmtree(self.folder / "out")
        (self.folder / "out").write_text("in the way")
        process.terminate()
        self.check(self.finish(process), 11, "out: ")
        self.assertEqual(self.show()["exit_code"], 11)


if __name__ == "__main__":
    program.main()

"""A training that is killed and started again at once, as supervisors do.

  supervisor_test.py BIN [TEST…]
"""
import signal
import subprocess

import program

# A model whose memory takes the kernel some milliseconds to free after a kill.
LARGE = ("model.config.hidden_size=1024", "model.config.num_attention_heads=8",
         "model.config.num_hidden_layers=2", "optimizer.learning_rate=1e-5")


class SupervisorTest(program.ProgramTest):
    def killed_after(self, step, *arguments):
        """A training that has been sent SIGKILL when it printed this step; not yet waited for."""
        process = self.start("train", "recipe.yaml", "--resume", "auto", "--progress", "lines",
                             *arguments)
        for line in process.stderr:
            if line.startswith(f"step {step}/"):
                process.send_signal(signal.SIGKILL)
                return process
        self.fail(f"step {step} did not come: {self.finish(process)}")

    def test_a_restart_right_after_a_kill_goes_on(self):
        expected = self.undisturbed()
        # Each next one starts while the one before may still be ending, and is a zombie after that.
        dying = [self.killed_after(step) for step in (3, 4, 5, 6, 7)]
        self.check(self.train("--resume", "auto"), 0)
        for process in dying:
            self.assertEqual(self.finish(process).status, -signal.SIGKILL)
        self.assertEqual(self.outcome(), expected)
        run = self.show()
        self.assertEqual((run["status"], len(run["attempts"])), ("finished", 6))

    def test_a_restart_waits_for_a_process_that_frees_its_memory(self):
        for store in ((), ("--store", "other"), ("--no-record",)):
            with self.subTest(store=store), self.in_new_folder():
                process = self.killed_after(2, *LARGE, "checkpoint.save_steps=2")
                self.check(self.train("--resume", "auto", *LARGE, *store,
                                      "train.max_time=1ms"), 5)
                self.finish(process)

    def test_a_loop_of_restarts_ends_with_the_run(self):
        expected = self.undisturbed()
        # The command of a unit file or an entry point: the same every time, until it succeeds.
        loop = subprocess.run(
            ["bash", "-c",
             'for k in 9 14 20 40 80 160 1000000; do '
             'LLMOPS_FAULT="*:$k:kill" "$0" train recipe.yaml --resume auto --quiet && exit 0; '
             '[ $? = 137 ] || exit 1; done; exit 1', program.PROGRAM],
            cwd=self.folder, env=self.environment(), text=True, capture_output=True, check=False,
            timeout=program.TIMEOUT_S)
        self.assertEqual(loop.returncode, 0, loop)
        self.assertEqual(self.outcome(), expected)
        again = self.check(self.train("--resume", "auto", "--quiet"), 0)
        self.assertEqual(again.stdout, loop.stdout)


if __name__ == "__main__":
    program.main()

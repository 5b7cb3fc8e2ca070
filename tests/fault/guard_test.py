"""Numbers that are not finite: the update is skipped, the guard's window never sees them, and after
enough of them the run goes back to its last good checkpoint, or ends as diverged.

  guard_test.py BIN [TEST…]
"""
import json
import math

import program


class GuardTest(program.ProgramTest):
    def state(self):
        folder = self.folder / "out" / (self.folder / "out/latest").read_text().strip()
        return json.loads((folder / "state/trainer.json").read_text())

    def events(self, code):
        return [e for e in self.show()["events"] if e["code"] == code]

    def test_a_step_without_a_finite_loss_changes_nothing_and_stays_out_of_the_window(self):
        clean = self.undisturbed()[1]
        self.check(self.train(fault="train.step:5:nan"), 0, "update skipped")
        window = self.state()["guard"]["window"]
        self.assertEqual(len(window), 7)
        self.assertTrue(all(map(math.isfinite, window)))
        self.assertEqual(self.state()["guard"]["bad_in_a_row"], 0)
        self.assertEqual([e["step"] for e in self.events("non_finite")], [5])
        # Its batch is the only one that was not learned from: the loss of the next step says that
        # the weights are those before.
        metrics = self.metrics()
        self.assertEqual([metrics["train/loss", s] for s in range(1, 5)],
                         [clean["train/loss", s] for s in range(1, 5)])
        self.assertTrue(math.isfinite(metrics["train/loss", 6]))

    def test_bad_steps_in_a_row_roll_back_and_skip_their_data(self):
        faults = ",".join(f"train.step:{step}:nan" for step in (5, 6, 7))
        self.check(self.train(fault=faults), 0, "rolled back from step 7 to step 4")
        self.assertEqual(len(self.events("rollback")), 1)
        state = self.state()
        self.assertEqual((state["step"], state["rollbacks"]), (8, 1))
        self.assertEqual(state["rows"], 2 * (7 + 4))
        self.assertEqual(self.show()["status"], "finished")

    def test_a_rollback_without_a_checkpoint_begins_anew_behind_the_bad_data(self):
        faults = ",".join(f"train.step:{step}:nan" for step in (1, 2, 3))
        self.check(self.train("checkpoint.save_steps=0", fault=faults), 0,
                   "rolled back from step 3 to step 0")
        state = self.state()
        self.assertEqual((state["step"], state["rollbacks"], state["rows"]), (8, 1, 22))

    def test_when_rolling_back_does_not_help_the_run_ends_as_diverged(self):
        result = self.check(self.train("train.max_steps=20", fault="train.step:5+:nan"), 7, "diverged at step")
        self.assertEqual(len(result.stdout.splitlines()), 1)
        run = self.show()
        self.assertEqual((run["status"], run["exit_code"]), ("failed", 7))
        self.assertIn("after 3 rollbacks", run["reason"])
        self.assertEqual(len(self.events("rollback")), 3)
        # What is saved is sound.
        self.check(self.run_program("generate", "out", "the", "--max-tokens", "3"), 0)
        self.check(self.run_program("eval", "--model", "out", "--data", "text.txt"), 0)

    def test_a_run_that_was_killed_after_a_rollback_ends_like_one_that_was_not(self):
        faults = ",".join(f"train.step:{step}:nan" for step in (3, 4, 5))
        self.check(self.train("eval.eval_steps=0", fault=faults), 0, "to step 2")
        expected = self.outcome()
        with self.in_new_folder():
            self.check(self.train("eval.eval_steps=0", fault=faults + ",train.step:10:kill"), -9)
            self.check(self.train("eval.eval_steps=0", "--resume", "auto"), 0)
            self.assertEqual(self.outcome(), expected)


if __name__ == "__main__":
    program.main()

"""After a kill at any fault point the next command sees the old state or the new, and the run that is
resumed ends as one that was never disturbed: the same weights, optimizer, state and metrics.

  kill_test.py BIN [TEST…]      EveryPassingTest takes minutes
"""
import program

# Points that a plain run does not pass: what has to happen before.
EARLIER = {"checkpoint.exchange": "eval.batch:2:term"}


class KillTest(program.ProgramTest):
    @classmethod
    def setUpClass(cls):
        case = cls()
        case.setUp()
        cls.addClassCleanup(case.doCleanups)
        cls.expected = case.undisturbed()

    def check_whole(self):
        """Every checkpoint that can be seen is complete, and the store can be read."""
        for run in self.runs():
            self.assertIn(run["status"], ("crashed", "finished"))
        for step in self.checkpoints():
            self.check(self.run_program("generate", f"out/checkpoint-{step}", "--max-tokens", "1"), 0)

    def check_recovers(self):
        self.check(self.train("--resume", "auto"), 0)
        self.assertEqual(self.show()["status"], "finished")
        self.assertEqual(self.outcome(), self.expected)
        names = {p.name for p in (self.folder / "out").iterdir()}
        self.assertLessEqual({"checkpoint-6", "checkpoint-8", "latest"}, names)
        # A kill before the last pruning leaves one more; the next save would take it.
        self.assertLessEqual(names, {"checkpoint-4", "checkpoint-6", "checkpoint-8", "latest"})

    def killed(self, fault):
        """Whether the fault came up, after it was recovered from."""
        with self.in_new_folder():
            earlier = EARLIER.get(fault.split(":")[0])
            resume = ()
            if earlier:
                self.check(self.train(fault=earlier), 143)
                resume = ("--resume", "auto")
            result = self.train(*resume, fault=fault + ":kill")
            if result.status == 0:
                return False
            self.assertEqual(result.status, -9, result)
            self.check_whole()
            self.check_recovers()
            return True


class EveryPointTest(KillTest):
    def test_a_kill_at_each_point_is_recovered_from(self):
        for name in sorted(program.points()):
            with self.subTest(point=name):
                self.assertTrue(self.killed(f"{name}:1"), "the point was not passed")


    def test_a_kill_before_the_last_move_of_the_pointer_is_recovered_from(self):
        self.assertTrue(self.killed("checkpoint.latest:4"))


class EveryPassingTest(KillTest):
    def test_a_kill_at_each_passing_is_recovered_from(self):
        total = 0
        # One passing of these is like another, and EveryPointTest has one.
        for name in sorted(program.points() - {"eval.batch", "train.sample"}):
            passing = 1
            with self.subTest(point=name):
                # The store commits once a second, so the count of those differs between runs.
                while self.killed(f"{name}:{passing}"):
                    passing += 1
                self.assertGreater(passing, 1, "the point was not passed")
            total += passing - 1
        print(f"{total} kills")

    def test_a_run_that_is_killed_again_and_again_comes_to_its_end(self):
        kills = 0
        for passing in range(1, 200):
            result = self.train("--resume", "auto", fault=f"checkpoint.file:{passing % 20 + 1}:kill")
            if result.status == 0:
                break
            self.assertEqual(result.status, -9, result)
            kills += 1
        self.assertEqual(result.status, 0, result)
        self.assertEqual(self.outcome(), self.expected)
        self.assertGreater(kills, 3)


if __name__ == "__main__":
    program.main()

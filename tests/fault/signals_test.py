"""A signal, whenever it comes, ends a run that is saved, recorded and goes on as if nothing was.

  signals_test.py BIN [TEST…]
"""
import json
import os
import signal
import unittest

import program

STATUS = {"term": 143, "int": 130, "hup": 129}
NAMES = {"term": "SIGTERM", "int": "SIGINT", "hup": "SIGHUP"}

# Where in a run the signal comes. The points are passed in the order of the loop.
MOMENTS = {
    "in the middle of the first step": "train.step:1",
    "in the middle of a later step": "train.step:5",
    "in the middle of the last step": "train.step:8",
    "at the end of a step": "train.update:5",
    "in an evaluation": "eval.batch:2",
    "in the last evaluation": "eval.batch:40",
    "in the last evaluation of the average": "eval.batch:60",
    "in a sample": "train.sample:2",
    "in the last sample": "train.sample:7",
    "while a checkpoint is written": "checkpoint.file:3",
    "while the last checkpoint is published": "checkpoint.rename:4",
}


class StopTest(program.ProgramTest):
    def check_stopped(self, result, name):
        self.check(result, STATUS[name], f"stopped by {NAMES[name]}")
        run = self.show()
        self.assertEqual((run["status"], run["exit_code"], run["reason"]),
                         ("stopped", STATUS[name], f"stopped by {NAMES[name]}"))

    def check_moment(self, moment, name):
        result = self.train(fault=f"{MOMENTS[moment]}:{name}")
        if result.status == 0:
            # All that was asked for was there when the signal came: nothing is left to stop.
            self.assertEqual(moment, "while the last checkpoint is published")
        else:
            self.check_stopped(result, name)
            self.check(self.train("--resume", "auto"), 0)
        self.assertEqual(len(self.runs()), 1)
        self.assertEqual(self.show()["status"], "finished")
        self.assertEqual(self.outcome(), self.expected)

    def test_a_stop_at_any_moment_is_saved_and_resumed_to_the_same_end(self):
        self.expected = self.undisturbed()
        for number, moment in enumerate(MOMENTS):
            name = list(STATUS)[number % 3]
            with self.subTest(moment=moment, signal=name), self.in_new_folder():
                self.check_moment(moment, name)

    def test_a_stop_while_reading_data_leaves_no_run(self):
        for name, status in STATUS.items():
            with self.subTest(signal=name):
                self.check(self.train(fault=f"data.read:1:{name}"), status, NAMES[name])
                self.assertEqual(self.runs(), [])
                self.assertFalse((self.folder / "out").exists())
        self.check(self.train(), 0)

    def test_a_second_signal_ends_at_once_and_the_run_is_resumable(self):
        expected = self.undisturbed()
        result = self.train(fault="train.update:5:term,checkpoint.file:18:int")
        self.assertEqual(result.status, 1, result)
        self.assertEqual(self.show()["status"], "crashed")
        self.check(self.train("--resume", "auto"), 0)
        self.assertEqual(self.outcome(), expected)

    def test_usr1_saves_and_goes_on(self):
        expected = self.undisturbed()
        with self.in_new_folder():
            self.check(self.train(fault="train.step:5:usr1"), 0)
            events = [e["text"] for e in self.show()["events"] if e["code"] == "checkpoint"]
            self.assertIn("checkpoint-5", " ".join(events))
            self.assertEqual(self.outcome(), expected)

    def test_a_signal_from_outside_stops_a_run_under_way(self):
        process = self.start("train", "recipe.yaml", "train.max_steps=1000000", "eval.eval_steps=0",
                             "checkpoint.save_steps=0", "--progress", "json",
                             start_new_session=True)
        for line in process.stderr:
            if json.loads(line).get("step", 0) >= 3:
                break
        os.killpg(process.pid, signal.SIGTERM)
        self.check_stopped(self.finish(process), "term")
        self.assertEqual(len(self.checkpoints()), 1)

    def test_a_signal_that_was_ignored_at_the_start_stays_ignored(self):
        # As nohup and a shell's background jobs ask for.
        trap = ("bash", "-c", 'trap "" HUP INT; exec "$@"', "bash")
        self.check(self.train(fault="train.update:2:hup,train.update:3:int", prefix=trap), 0)
        self.assertEqual(self.show()["status"], "finished")

    def test_eval_and_generate_stop_with_the_status_of_the_signal(self):
        self.check(self.train(), 0)
        result = self.run_program("eval", "--model", "out", "--data", "text.txt",
                                  fault="eval.batch:2:int")
        self.check_stopped(result, "int")
        self.assertEqual(result.stdout, "")
        # The same few tokens again and again: drawn ones would end with the end of a document.
        process = self.start("generate", "out", "the", "--max-tokens", "10000000",
                             "--temperature", "0")
        self.assertEqual(process.stdout.read(3), "the")
        process.send_signal(signal.SIGTERM)
        self.check(self.finish(process), 143)


class TimeTest(program.ProgramTest):
    def test_max_time_saves_and_the_run_is_resumable(self):
        expected = self.undisturbed()
        result = self.check(self.train("train.max_time=0.000001s"), 5, "train.max_time is spent")
        run = self.show()
        self.assertEqual((run["status"], run["exit_code"]), ("stopped", 5))
        self.assertEqual(len(result.stdout.splitlines()), 1)
        self.check(self.train("--resume", "auto"), 0)
        self.assertEqual(self.outcome(), expected)


if __name__ == "__main__":
    program.main()

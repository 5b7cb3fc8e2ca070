"""The runner finds each kind of difference, and --update mends exactly those."""
import contextlib
import io
import pathlib
import sys
import tempfile
import unittest
from unittest import mock

sys.dont_write_bytecode = True
import run_cli_test


class Runner(unittest.TestCase):
    def run_file(self, text, *flags, suffix=".test"):
        """(exit status, what was printed, the file afterwards)"""
        with tempfile.TemporaryDirectory() as folder:
            file = pathlib.Path(folder) / ("case" + suffix)
            file.write_text(text)
            out = io.StringIO()
            with mock.patch.object(sys, "argv", ["runner", "--bin", folder, *flags, str(file)]), \
                 contextlib.redirect_stdout(out), self.assertRaises(SystemExit) as end:
                run_cli_test.main()
            return end.exception.code, out.getvalue(), file.read_text()

    def passes(self, text, **more):
        code, out, _ = self.run_file(text, **more)
        self.assertEqual(0, code, out)

    def fails(self, text, needle, **more):
        code, out, _ = self.run_file(text, **more)
        self.assertEqual(1, code)
        self.assertIn(needle, out)

    def test_what_is_expected_passes(self):
        self.passes("# a note\n\n[file a.txt]\nx\n\n# y\n[end]\n$ cat a.txt\nx\n\n# y\n\n"
                    "# the next case\n$ echo bad >&2;\n> exit 3\n[stderr]\nbad\n[exit 3]\n")

    def test_other_output_fails(self):
        self.fails("$ echo a\nb\n", "+a")
        self.fails("$ echo a; echo b\na\n", "+b")
        self.fails("$ true\na\n", "-a")

    def test_unexpected_errors_and_statuses_fail(self):
        self.fails("$ echo a >&2\n", "stderr")
        self.fails("$ exit 4\n", "exit status 4, expected 0")
        self.fails("$ true\n[exit 1]\n", "exit status 0, expected 1")
        self.passes("$ echo a >&2\n[stderr ignored]\n")

    def test_wildcards_match_within_and_across_lines(self):
        self.passes("$ echo step 12 of 20\nstep <*> of 20\n")
        self.fails("$ echo step 12 of 21\nstep <*> of 20\n", "+step 12 of 21")
        self.passes("$ seq 5\n1\n...\n5\n")
        self.passes("$ seq 2\n...\n1\n2\n...\n")
        self.fails("$ seq 5\n1\n...\n4\n", "stdout")

    def test_commands_share_a_directory_that_has_no_name(self):
        self.passes("$ echo x >kept\n$ cat kept\nx\n$ pwd\n$TMP\n$ echo $HOME\n$TMP\n")

    def test_update_writes_what_was_printed_and_keeps_wildcards(self):
        code, _, text = self.run_file(
            "# note\n$ echo at 5; echo new\nat <*>\n\n# two\n$ echo e >&2; exit 2\n\n$ echo same\nsame\n", "--update")
        self.assertEqual(0, code)
        self.assertEqual("# note\n$ echo at 5; echo new\nat <*>\nnew\n\n# two\n$ echo e >&2; exit 2\n"
                         "[stderr]\ne\n[exit 2]\n\n$ echo same\nsame\n", text)
        self.passes(text)

    def test_markdown_runs_console_blocks_alone(self):
        text = ("```yaml title=\"a.yaml\"\nx: 1\n```\n```sh\nfalse\n```\n"
                "```console\n$ cat a.yaml; echo step 7  loss 1.93 >&2\nx: 1\nstep 9 loss 2.1e-4\n```\n")
        self.passes(text, suffix=".md")
        self.fails(text.replace("x: 1\nstep", "y: 1\nstep"), "output", suffix=".md")
        self.fails("```console\n$ exit 2\n```\n", "exit status 2", suffix=".md")

    def test_markdown_takes_any_number_with_any_unit_and_any_rest_of_a_line(self):
        def page(actual, expected):
            return f"```console\n$ echo '{actual}'\n{expected}\n```\n"
        self.passes(page("took 2m 05s (4.1 MiB) more", "took 850 ms (12 B) more"), suffix=".md")
        self.passes(page("took 850 ms more", "took 1.5 s more"), suffix=".md")
        self.fails(page("took 850 us more", "took 1.5 s more"), "output", suffix=".md")
        self.passes(page("Once upon a time", "Once…"), suffix=".md")
        self.fails(page("Never", "Once…"), "output", suffix=".md")


if __name__ == "__main__":
    unittest.main()

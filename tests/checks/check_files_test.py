"""Each offence that check_files.py knows is found in a small tree that holds it, and only it."""
import pathlib
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True
import check_files


class CheckFiles(unittest.TestCase):
    def offences(self, files):
        with tempfile.TemporaryDirectory() as folder:
            root = pathlib.Path(folder)
            for name, text in {"tests/CMakeLists.txt": "add_subdirectory(cli)", **files}.items():
                (root / name).parent.mkdir(parents=True, exist_ok=True)
                (root / name).write_text(text)
            return list(check_files.check(root))

    def one(self, files, needle):
        found = self.offences(files)
        self.assertEqual(len(found), 1, found)
        self.assertIn(needle, found[0])

    def test_a_clean_tree_passes(self):
        self.assertEqual([], self.offences({
            "lib/base/CMakeLists.txt": "llmops_sources(a.cpp deep/b.cpp)",
            "lib/base/a.cpp": "x\n" * 800, "lib/base/a.h": "x\n" * 200, "lib/base/deep/b.cpp": "",
            "tests/cli/CMakeLists.txt": "", "tests/unit/base/CMakeLists.txt": "",
            "lib/base/commonality.h": "", "tests/golden/long.txt": "x\n" * 9000,
        }))

    def test_long_files_fail(self):
        lists = {"lib/base/CMakeLists.txt": "a.cpp"}
        self.one({**lists, "lib/base/a.cpp": "x\n" * 801}, "801 lines, at most 800")
        self.one({"lib/base/a.h": "x\n" * 201}, "201 lines, at most 200")

    def test_vague_names_fail(self):
        for name in ("lib/util/a.h", "lib/base/string_utils.h", "lib/base/common.h", "scripts/helper.py",
                     "lib/base/thread_manager.h", "lib/base/run_impl.h", "tests/misc/x.txt"):
            self.one({name: ""}, "says nothing")

    def test_an_unlisted_source_fails(self):
        self.one({"lib/base/CMakeLists.txt": "ba.cpp a.cpp.in", "lib/base/a.cpp": ""}, "in no CMakeLists.txt")
        self.one({"tests/unit/base/CMakeLists.txt": "", "tests/unit/base/a_test.cpp": ""}, "a_test.cpp: in no")

    def test_an_unregistered_test_folder_fails(self):
        self.one({"tests/fault/CMakeLists.txt": ""}, "tests/fault: not added")


if __name__ == "__main__":
    unittest.main()

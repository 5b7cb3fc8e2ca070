"""Each offence that check_layers.py knows is found in a small tree that holds it, and only it."""
import pathlib
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True
import check_layers

EDGES = """
llmops_module(base)
llmops_module(config DEPS base)
llmops_module(store DEPS base)  # llmops_module(ghost)
llmops_module(command DEPS base
  store PACKAGES CLI11::CLI11)
llmops_module(tensor/kernels DEPS base)
llmops_module(tensor DEPS tensor/kernels)
"""


class CheckLayers(unittest.TestCase):
    def offences(self, files, edges=EDGES):
        with tempfile.TemporaryDirectory() as folder:
            root = pathlib.Path(folder)
            for name, text in {"lib/CMakeLists.txt": edges, "apps/none": "", **files}.items():
                (root / name).parent.mkdir(parents=True, exist_ok=True)
                (root / name).write_text(text)
            return list(check_layers.check(root))

    def one(self, files, needle, edges=EDGES):
        found = self.offences(files, edges)
        self.assertEqual(len(found), 1, found)
        self.assertIn(needle, found[0])

    def test_a_clean_tree_passes(self):
        self.assertEqual([], self.offences({
            "lib/store/run.cpp": '#include "base/error.h"\n#include "store/run.h"\n#include <sqlite3.h>\n',
            "lib/tensor/engine.cpp": '#include "tensor/kernels/mm.h"\n#include <ATen/ops/mm.h>\n',
            "lib/command/program.cpp": '#include "store/run.h"\nvoid f() { std::printf("x"); exit(1); }\n',
            "lib/base/text.cpp": '// exit(1)\n/* abort() */ auto s = "printf(";\nint n = snprintf(b, 1, "");\n'
                                 'x.exit(1); y->abort();\n',
            "apps/llmops/main.cpp": '#include "command/program.h"\n',
        }))

    def test_an_include_without_an_edge_fails(self):
        self.one({"lib/base/a.cpp": '\n#include "store/run.h"\n'}, "lib/base/a.cpp:2: base may not include store")

    def test_an_indirect_edge_is_no_edge(self):
        self.one({"lib/tensor/a.cpp": '#include "base/error.h"\n'}, "tensor may not include base")

    def test_an_unknown_header_fails(self):
        self.one({"lib/base/a.cpp": '#include "elsewhere/x.h"\n'}, "in no module")

    def test_a_folder_outside_every_module_fails(self):
        self.one({"lib/ghost/a.cpp": ""}, "in no llmops_module")

    def test_a_cycle_and_an_upward_edge_fail(self):
        found = self.offences({}, "llmops_module(base DEPS store)\nllmops_module(store DEPS base)\n")
        self.assertEqual(2, len(found))
        self.assertIn("stands below", found[0])
        self.assertIn("cycle base -> store -> base", found[1])

    def test_an_edge_to_nowhere_fails(self):
        self.one({}, "which is no module", "llmops_module(base DEPS moon)\n")

    def test_foreign_headers_have_their_place(self):
        for header in ("ATen/ops/mm.h", "torch/torch.h", "c10/core/Device.h", "sqlite3.h",
                       "yaml-cpp/yaml.h", "nlohmann/json.hpp", "regex", "CLI/CLI.hpp"):
            self.one({"lib/base/a.cpp": f"#include <{header}>\n"}, "does not belong")

    def test_foreign_headers_stand_in_one_file(self):
        self.one({"lib/store/a.cpp": "#include <sqlite3.h>\n", "lib/store/b.h": "#include <sqlite3.h>\n"},
                 "store/a.cpp, store/b.h; 1 file may")

    def test_printing_and_exiting_belong_to_command(self):
        for call in ('printf("x")', 'std::fprintf(f, "x")', "std::cout << 1", "exit(1)", "std::abort()",
                     "_exit(1)", 'fmt::print("x")', "std::terminate()"):
            self.one({"lib/store/a.cpp": f"void f() {{ {call}; }}\n"}, "only command/ does")

    def test_a_program_sees_command_only(self):
        self.one({"apps/llmops/main.cpp": '#include "store/run.h"\n'}, "command/ only")


if __name__ == "__main__":
    unittest.main()

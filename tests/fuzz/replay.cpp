// Runs a target over its seeds: replay FILE-OR-FOLDER...
// A file NAME.hex holds bytes as hexadecimal digits.
#include <fmt/format.h>

#include "base/file.h"
#include "tests/fuzz/fuzz.h"

namespace {

int digit(char c) {
  return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

std::string bytes_of(std::string_view digits) {
  std::string bytes;
  int high = -1;
  for (const char c : digits) {
    if (c == '\n') continue;
    llmops::fuzz::require(digit(c) >= 0, "a seed in hex has only digits");
    if (high < 0) {
      high = digit(c);
    } else {
      bytes += static_cast<char>(high << 4 | digit(c));
      high = -1;
    }
  }
  llmops::fuzz::require(high < 0, "a seed in hex has whole bytes");
  return bytes;
}

void replay(const std::string& path) {
  std::string bytes = llmops::read_file(path);
  if (path.ends_with(".hex")) bytes = bytes_of(bytes);
  fmt::print("{}\n", path);
  std::fflush(stdout);
  LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
}

}  // namespace

int main(int argc, char** argv) {
  int count = 0;
  for (int i = 1; i < argc; ++i) {
    const std::string path = argv[i];
    std::vector<std::string> files{path};
    if (llmops::is_directory(path)) {
      files = llmops::list_directory(path);
      for (std::string& file : files) file = llmops::join_path(path, file);
    }
    for (const std::string& file : files) replay(file);
    count += static_cast<int>(files.size());
  }
  fmt::print("{} inputs\n", count);
  return count > 0 ? 0 : 1;
}

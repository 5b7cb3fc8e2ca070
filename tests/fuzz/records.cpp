// Text files as the data module reads them. The first byte chooses the format.
#include "data/documents.h"
#include "data/input_file.h"
#include "tests/fuzz/fuzz.h"

using namespace llmops::data;
using llmops::fuzz::require;
using llmops::fuzz::returns;

namespace {

class Checker : public DocumentSink {
 public:
  void text(std::string_view piece) override {
    require(!llmops::invalid_utf8(piece), "a piece is whole characters of valid UTF-8");
  }
  void end_document() override {}
};

const char* name_of(std::uint8_t format) {
  return format == 'z' ? "a.txt.gz" : format == 's' ? "a.txt.zst" : "a";
}

void read(std::uint8_t format, const std::string& path) {
  InputFile file(path);
  Checker sink;
  switch (format) {
    case 'j':
      return read_json_lines(file, path, "text", sink);
    case 'c':
      return read_csv(file, path, ',', "text", sink);
    case 't':
      return read_csv(file, path, '\t', "text", sink);
    case 'a':
      return read_json_array(file, path, "m.text", sink);
    case 'l':
      return read_text(file, path, "line", sink);
    case 'p':
      return read_text(file, path, "paragraph", sink);
    default:
      return read_text(file, path, "file", sink);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const auto bytes = llmops::fuzz::text_of(data + 1, size - 1);
  const std::string path = llmops::fuzz::file_of(name_of(data[0]), bytes);
  returns([&] { read(data[0], path); });
  return 0;
}

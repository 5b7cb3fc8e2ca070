#include "data/input_file.h"

#include <sys/stat.h>
#include <zlib.h>
#include <zstd.h>

#include "data/sources.h"
#include "tests/catch.h"
#include "tests/errors.h"
#include "tests/unit/data/scratch.h"

namespace llmops::data {

namespace {

std::string gzip(std::string_view text, int level = 6) {
  z_stream stream{};
  REQUIRE(deflateInit2(&stream, level, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) == Z_OK);
  std::string out(deflateBound(&stream, text.size()), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  REQUIRE(deflate(&stream, Z_FINISH) == Z_STREAM_END);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

std::string zstd(std::string_view text) {
  std::string out(ZSTD_compressBound(text.size()), '\0');
  const std::size_t size = ZSTD_compress(out.data(), out.size(), text.data(), text.size(), 3);
  REQUIRE_FALSE(ZSTD_isError(size));
  out.resize(size);
  return out;
}

std::string content_of(const std::string& path) {
  InputFile file(path);
  std::string all, block;
  while (file.read(block)) {
    CHECK_FALSE(block.empty());
    all += block;
  }
  CHECK(file.consumed() == static_cast<std::int64_t>(read_file(path).size()));
  return all;
}

// Text that is larger than a block, and compresses to more than one.
std::string long_text() {
  std::string text;
  for (std::uint32_t i = 0; i < 60'000; ++i) text += std::to_string(i * 2654435761u) + "\n";
  return text;
}

}  // namespace

TEST_CASE("a file is read as it is, or expanded by its name") {
  Scratch scratch;
  for (const std::string& text : {std::string(), std::string("a"), std::string(65536, 'b'),
                                  std::string(3'000'000, 'c'), long_text()}) {
    CHECK(content_of(scratch.write("a.txt", text)) == text);
    CHECK(content_of(scratch.write("a.txt.gz", gzip(text))) == text);
    CHECK(content_of(scratch.write("a.txt.zst", zstd(text))) == text);
    // Members one after the other are one text, as gzip and zstd read them.
    CHECK(content_of(scratch.write("a.txt.gz", gzip(text) + gzip("") + gzip("end"))) ==
          text + "end");
    CHECK(content_of(scratch.write("a.txt.zst", zstd(text) + zstd("") + zstd("end"))) ==
          text + "end");
  }
}

TEST_CASE("a compressed file that ends early is refused, wherever it ends") {
  Scratch scratch;
  for (const auto& [name, whole] : {std::pair{"a.gz", gzip("some text, some text")},
                                    std::pair{"a.zst", zstd("some text, some text")}}) {
    for (std::size_t size = 0; size < whole.size(); ++size) {
      CAPTURE(name, size);
      const std::string path = scratch.write(name, whole.substr(0, size));
      CHECK_THAT(
          error_text([&] { content_of(path); }),
          ContainsSubstring(": ends within compressed data; the compressed file is damaged"));
    }
  }
}

TEST_CASE("a damaged compressed file is refused") {
  Scratch scratch;
  const std::string text = long_text();
  std::string packed = gzip(text);
  packed[packed.size() / 2] ^= 1;
  const std::string gz = scratch.write("a.gz", packed);
  CHECK_THAT(error_text([&] { content_of(gz); }), ContainsSubstring("usage: " + gz + ": "));
  const std::string zst = scratch.write("a.zst", "plain text");
  CHECK_THAT(error_text([&] { content_of(zst); }), ContainsSubstring("not valid zstd data"));
  const std::string tail = scratch.write("b.gz", gzip("text") + "tail");
  CHECK_THAT(error_text([&] { content_of(tail); }), ContainsSubstring("not valid gzip data"));
}

TEST_CASE("a small file that expands without end is refused") {
  Scratch scratch;
  std::string bomb = gzip(std::string(std::size_t{16} << 20, '\0'), 9), all;
  for (int i = 0; i < 64; ++i) all += bomb;  // a gibibyte
  const std::string path = scratch.write("a.gz", all);
  InputFile file(path);
  std::string block;
  std::size_t bytes = 0;
  const std::string text = error_text([&] {
    while (file.read(block)) bytes += block.size();
  });
  CHECK(text == "usage: " + path + ": expands to more than 1000 times its size");
  CHECK(bytes < std::size_t{128} << 20);
}

TEST_CASE("a source is a file, a folder or a glob") {
  Scratch scratch;
  const std::string line = "{\"text\":\"d\"}\n";
  scratch.write("in/b.txt", "b");
  scratch.write("in/a.txt.gz", gzip("a"));
  scratch.write("in/deep/c.csv.zst", zstd("text\nc\n"));
  scratch.write("in/deep/d.jsonl", line);
  scratch.write("in/.hidden.txt", "no");
  scratch.write("in/notes.bin", "no");
  using Documents = std::vector<std::string>;
  CHECK(documents_of(source(scratch.path("in"))) == Documents{"a", "b", "c", "d"});
  CHECK(documents_of(source(scratch.path("in/*.txt*"))) == Documents{"a", "b"});
  CHECK(documents_of(source(scratch.path("in/*/[cd].*"))) == Documents{"c", "d"});
  CHECK(documents_of(source(scratch.path("in/deep/d.jsonl"))) == Documents{"d"});
  // A file whose name looks like a pattern is that file.
  CHECK(documents_of(source(scratch.write("in/[b].txt", "itself"))) == Documents{"itself"});
  recipe::Source unknown = source(scratch.path("in/notes.bin"));
  CHECK_THAT(error_text([&] { documents_of(unknown); }),
             ContainsSubstring("set data.train.0.format to txt, jsonl, json"));
  unknown.format = "txt";
  CHECK(documents_of(unknown) == Documents{"no"});
}

TEST_CASE("what is not a text file is refused without waiting") {
  Scratch scratch;
  const auto complaint = [](const std::string& path) {
    return error_text([&] { documents_of(source(path)); });
  };
  CHECK(complaint("") == "usage: data.train.0: needs a path or a synth section");
  const std::string missing = scratch.path("no.txt");
  CHECK(complaint(missing) == "usage: data.train.0.path: no such file: " + missing);
  CHECK_THAT(complaint(scratch.path("no*.txt")), ContainsSubstring("no such file"));
  make_directories(scratch.path("empty"));
  CHECK_THAT(complaint(scratch.path("empty")), ContainsSubstring("no file with a known ending"));
  const std::string fifo = scratch.path("fifo.txt");
  REQUIRE(::mkfifo(fifo.c_str(), 0600) == 0);
  CHECK(complaint(fifo) == "usage: " + fifo + ": not a regular file");
}

}  // namespace llmops::data

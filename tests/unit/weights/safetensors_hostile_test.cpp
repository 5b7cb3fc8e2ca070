#include <sys/stat.h>
#include <unistd.h>

#include "base/random.h"
#include "tests/catch.h"
#include "tests/errors.h"
#include "tests/temporary_directory.h"
#include "weights/safetensors.h"

namespace llmops::weights {
namespace {

std::string with_length(std::uint64_t length, const std::string& rest) {
  std::string bytes;
  for (int i = 0; i < 8; ++i) bytes += static_cast<char>(length >> (8 * i) & 0xff);
  return bytes + rest;
}

std::string file_of(const std::string& header, std::size_t data_bytes = 0) {
  return with_length(header.size(), header + std::string(data_bytes, '\x01'));
}

std::string tensor(const std::string& shape, const std::string& offsets,
                   const std::string& dtype = "F32", const std::string& name = "x") {
  return "\"" + name + R"(":{"dtype":")" + dtype + R"(","shape":)" + shape + R"(,"data_offsets":)" +
         offsets + "}";
}

std::string one(const std::string& shape, const std::string& offsets,
                const std::string& dtype = "F32") {
  return "{" + tensor(shape, offsets, dtype) + "}";
}

struct Hostile {
  std::string what, bytes, text;
};

std::vector<Hostile> broken_envelopes() {
  return {
      {"empty file", "", "0 bytes"},
      {"seven bytes", "1234567", "7 bytes"},
      {"header of length 0", with_length(0, ""), "does not begin"},
      {"header longer than the file", with_length(100, "{}"), "longer than the file"},
      {"header over the limit", with_length(100'000'001, "{}"), "over the limit"},
      {"header length 2^64 - 1", with_length(~std::uint64_t{0}, "{}"), "over the limit"},
      {"header length that wraps with 8", with_length(~std::uint64_t{0} - 7, "{}"), "limit"},
      {"header length 2^63", with_length(std::uint64_t{1} << 63, "{}"), "over the limit"},
      {"not JSON", file_of("garbage"), "does not begin"},
      {"leading space", file_of(" {}"), "does not begin"},
      {"an array", file_of("[]"), "does not begin"},
      {"a truncated object", file_of(R"({"x":)"), "not valid JSON"},
      {"two values", file_of("{}{}"), "not valid JSON"},
      {"invalid UTF-8", file_of("{\"\xff\xfe\":1}"), "not valid JSON"},
      {"a NUL byte", file_of(std::string("{}\0", 3)), "NUL"},
      {"deep nesting", file_of("{\"x\":" + std::string(100000, '[')), "nested deeper"},
      {"trailing bytes without a tensor", file_of("{}", 4), "4 bytes of data"},
      {"trailing bytes after the tensors", file_of(one("[1]", "[0,4]"), 5), "5 bytes of data"},
      {"a pickle", std::string("\x80\x02}q\x00X\x05\x00\x00\x00model", 14), "over the limit"},
  };
}

std::vector<Hostile> broken_entries() {
  const std::string good = tensor("[1]", "[0,4]");
  return {
      {"an entry that is a number", file_of(R"({"x":1})"), "is not an object"},
      {"an entry that is null", file_of(R"({"x":null})"), "is not an object"},
      {"no dtype", file_of(R"({"x":{"shape":[1],"data_offsets":[0,4]}})", 4), "no dtype"},
      {"no shape", file_of(R"({"x":{"dtype":"F32","data_offsets":[0,4]}})", 4), "no shape"},
      {"no offsets", file_of(R"({"x":{"dtype":"F32","shape":[1]}})", 4), "no data_offsets"},
      {"an unknown key",
       file_of(R"({"x":{"dtype":"F32","shape":[1],"data_offsets":[0,4],"y":1}})", 4), "unknown"},
      {"unknown dtype", file_of(one("[1]", "[0,4]", "F8_E4M3"), 4), "unsupported dtype F8_E4M3"},
      {"dtype in lower case", file_of(one("[1]", "[0,4]", "f32"), 4), "unsupported dtype"},
      {"dtype with escapes", file_of(one("[1]", "[0,4]", "\\u001b[31m"), 4), "\\x1b[31m"},
      {"dtype that is a number",
       file_of(R"({"x":{"dtype":4,"shape":[1],"data_offsets":[0,4]}})", 4), "not a string"},
      {"shape that is a number", file_of(one("4", "[0,4]"), 4), "not an array"},
      {"negative dimension", file_of(one("[-1]", "[0,4]"), 4), "not a size"},
      {"two negative dimensions", file_of(one("[-1,-1]", "[0,4]"), 4), "not a size"},
      {"fractional dimension", file_of(one("[1.0]", "[0,4]"), 4), "not a size"},
      {"dimension 1e30", file_of(one("[1e30]", "[0,4]"), 4), "not a size"},
      {"dimension 2^64", file_of(one("[18446744073709551616]", "[0,4]"), 4), "not a size"},
      {"dimension 2^64 - 1", file_of(one("[18446744073709551615]", "[0,4]"), 4), "not a size"},
      {"dimension as text", file_of(one("[\"1\"]", "[0,4]"), 4), "not a size"},
      {"dimension NaN", file_of(one("[NaN]", "[0,4]"), 4), "not valid JSON"},
      {"product that wraps to 0", file_of(one("[4294967296,4294967296]", "[0,0]")), "overflows"},
      {"product that wraps to 4", file_of(one("[4611686018427387905]", "[0,4]"), 4), "overflows"},
      {"overflow hidden by a 0",
       file_of(one("[4611686018427387904,4611686018427387904,0]", "[0,0]")), "overflows"},
      {"seventeen dimensions", file_of(one("[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1]", "[0,4]"), 4),
       "16 dimensions"},
      {"offsets that are not a pair", file_of(one("[1]", "[0,4,8]"), 4), "two numbers"},
      {"offsets of text", file_of(one("[1]", R"(["0","4"])"), 4), "not sizes"},
      {"negative offsets", file_of(one("[1]", "[-4,0]"), 4), "not sizes"},
      {"reversed offsets", file_of(one("[1]", "[4,0]"), 4), "reversed"},
      {"offsets after the end", file_of(one("[2]", "[0,8]"), 4), "after the end"},
      {"offsets that wrap", file_of(one("[1]", "[9223372036854775807,9223372036854775807]"), 4),
       "after the end"},
      {"a gap at the start", file_of(one("[1]", "[4,8]"), 8), "begins at byte 4"},
      {"a gap between tensors",
       file_of("{" + good + "," + tensor("[1]", "[8,12]", "F32", "y") + "}", 12), "begins at"},
      {"overlapping tensors",
       file_of("{" + good + "," + tensor("[1]", "[2,6]", "F32", "y") + "}", 6), "begins at"},
      {"the same bytes twice",
       file_of("{" + good + "," + tensor("[1]", "[0,4]", "F32", "y") + "}", 4), "begins at"},
      {"F32 bytes called F16", file_of(one("[1]", "[0,4]", "F16"), 4), "needs 2 bytes"},
      {"fewer bytes than the shape", file_of(one("[2]", "[0,4]"), 4), "needs 8 bytes"},
      {"odd number of bytes", file_of(one("[1]", "[0,3]"), 3), "needs 4 bytes"},
      {"the same name twice", file_of("{" + good + "," + good + "}", 4), "twice"},
      {"the same name once escaped",
       file_of("{" + good + "," + tensor("[1]", "[4,8]", "F32", "\\u0078") + "}", 8), "twice"},
      {"metadata that is text", file_of(R"({"__metadata__":"x"})"), "__metadata__"},
      {"metadata of numbers", file_of(R"({"__metadata__":{"a":1}})"), "__metadata__ a"},
      {"metadata twice", file_of(R"({"__metadata__":{},"__metadata__":{}})"), "twice"},
  };
}

TEST_CASE("a hostile file is an error that names the file, never a crash") {
  TemporaryDirectory directory;
  const std::string path = directory.file("hostile.safetensors");
  for (const auto& cases : {broken_envelopes(), broken_entries()}) {
    for (const Hostile& hostile : cases) {
      INFO(hostile.what);
      write_file_durably(path, hostile.bytes);
      const auto error = error_of([&] { SafetensorsFile file(path); });
      REQUIRE(error.has_value());
      CHECK(error->code() == ExitCode::kDamaged);
      CHECK_THAT(error->what(), ContainsSubstring(hostile.text) && ContainsSubstring(path));
    }
  }
}

TEST_CASE("more tensors than any model has are refused before they cost memory") {
  TemporaryDirectory directory;
  const std::string path = directory.file("many.safetensors");
  std::string header = "{";
  for (int i = 0; i < 200'001; ++i) {
    if (i > 0) header += ',';
    header += tensor("[0]", "[0,0]", "U8", std::to_string(i));
  }
  write_file_durably(path, file_of(header + "}"));
  CHECK_THAT(error_text([&] { SafetensorsFile file(path); }),
             ContainsSubstring("damaged: ") && ContainsSubstring("more than 200000 tensors"));
}

TEST_CASE("what is not a regular file is refused without waiting") {
  TemporaryDirectory directory;
  const std::string fifo = directory.file("fifo");
  REQUIRE(::mkfifo(fifo.c_str(), 0600) == 0);
  for (const std::string& path :
       {fifo, directory.path(), directory.file("none"), std::string("/dev/zero")}) {
    const auto error = error_of([&] { SafetensorsFile file(path); });
    REQUIRE(error.has_value());
    CHECK(error->code() == ExitCode::kDamaged);
  }
}

TEST_CASE("a sparse file of a terabyte with a bad header costs nothing") {
  TemporaryDirectory directory;
  const std::string path = directory.file("sparse.safetensors");
  write_file_durably(path, file_of(one("[1]", "[0,4]"), 4));
  if (::truncate(path.c_str(), off_t{1} << 40) != 0) return;  // not every file system can
  CHECK_THAT(error_text([&] { SafetensorsFile file(path); }), ContainsSubstring("bytes of data"));
}

TEST_CASE("a file that shrinks after it was opened is an error") {
  TemporaryDirectory directory;
  const std::string path = directory.file("m.safetensors");
  write_file_durably(path, file_of(one("[4]", "[0,16]"), 16));
  const SafetensorsFile file(path);
  REQUIRE(::truncate(path.c_str(), 40) == 0);
  std::vector<std::byte> out(16);
  CHECK_THAT(error_text([&] { file.read(*file.find("x"), 0, out); }),
             ContainsSubstring("damaged: ") && ContainsSubstring("became shorter"));
}

// Byte noise over a good file: either it is refused, or it opens and every tensor can be read.
TEST_CASE("a flipped byte never crashes the reader") {
  const std::uint64_t seed = 7;
  CAPTURE(seed);
  TemporaryDirectory directory;
  const std::string path = directory.file("m.safetensors");
  const std::string good =
      file_of("{" + tensor("[2,3]", "[0,24]") + "," + tensor("[4]", "[24,32]", "BF16", "y") +
                  R"(,"__metadata__":{"format":"pt"}})",
              32);
  Random random(seed, RandomStream::kSynthetic);
  for (int round = 0; round < 3000; ++round) {
    std::string bytes = good;
    for (std::uint64_t flips = 1 + random.below(3); flips-- > 0;) {
      bytes[static_cast<std::size_t>(random.below(bytes.size() - 32))] ^=
          static_cast<char>(1 << random.below(8));
    }
    ::unlink(path.c_str());
    FILE* out = std::fopen(path.c_str(), "wb");
    REQUIRE(out != nullptr);
    std::fwrite(bytes.data(), 1, bytes.size(), out);
    std::fclose(out);
    const auto error = error_of([&] {
      const SafetensorsFile file(path);
      for (const TensorInfo& info : file.tensors()) {
        std::vector<std::byte> data(info.end - info.begin);
        file.read(info, 0, data);
      }
    });
    if (error && error->code() != ExitCode::kDamaged) FAIL(error->what());
  }
}

}  // namespace
}  // namespace llmops::weights

#include "weights/safetensors.h"

#include <cstring>
#include <numeric>

#include "base/hash.h"
#include "base/random.h"
#include "base/text.h"
#include "tests/catch.h"
#include "tests/errors.h"
#include "tests/temporary_directory.h"

namespace llmops::weights {
namespace {

std::string from_hex(const std::string& path) {
  std::string bytes;
  for (const std::string& line : split(read_file(path), '\n')) {
    for (std::size_t i = 0; i + 1 < line.size(); i += 2) {
      bytes += static_cast<char>(std::stoi(line.substr(i, 2), nullptr, 16));
    }
  }
  return bytes;
}

template <typename T>
std::vector<T> values(const SafetensorsFile& file, std::string_view name) {
  const TensorInfo* tensor = file.find(name);
  REQUIRE(tensor != nullptr);
  std::vector<T> out((tensor->end - tensor->begin) / sizeof(T));
  file.read(*tensor, 0, std::as_writable_bytes(std::span(out)));
  return out;
}

template <typename T>
TensorSource source(std::string name, DType type, std::vector<std::int64_t> shape,
                    std::vector<T> data) {
  return {std::move(name), type, std::move(shape),
          [data](std::uint64_t offset, std::span<std::byte> out) {
            std::memcpy(out.data(), reinterpret_cast<const char*>(data.data()) + offset,
                        out.size());
          }};
}

template <typename T>
std::vector<T> counting(std::size_t size) {
  std::vector<T> out(size);
  std::iota(out.begin(), out.end(), T{0});
  return out;
}

TEST_CASE("a file of Python's safetensors with every dtype is read") {
  TemporaryDirectory directory;
  const std::string path = directory.file("m.safetensors");
  write_file_durably(path, from_hex(GOLDEN "every_dtype.safetensors.hex"));
  const SafetensorsFile file(path);
  CHECK(file.tensors().size() == 13);
  CHECK(values<float>(file, "x.F32") == counting<float>(6));
  CHECK(values<double>(file, "x.F64") == counting<double>(6));
  CHECK(values<std::int64_t>(file, "x.I64") == counting<std::int64_t>(6));
  CHECK(values<std::int32_t>(file, "x.I32") == counting<std::int32_t>(6));
  CHECK(values<std::int16_t>(file, "x.I16") == counting<std::int16_t>(6));
  CHECK(values<std::int8_t>(file, "x.I8") == counting<std::int8_t>(6));
  CHECK(values<std::uint8_t>(file, "x.U8") == counting<std::uint8_t>(6));
  CHECK(values<std::uint8_t>(file, "x.BOOL") == std::vector<std::uint8_t>{0, 1, 1, 1, 1, 1});
  std::vector<float> half, brain;
  for (const auto bits : values<std::uint16_t>(file, "x.F16")) half.push_back(f16_to_float(bits));
  for (const auto bits : values<std::uint16_t>(file, "x.BF16")) {
    brain.push_back(bf16_to_float(bits));
  }
  CHECK(half == counting<float>(6));
  CHECK(brain == counting<float>(6));
  CHECK(file.find("x.F16")->shape == std::vector<std::int64_t>{2, 3});
  CHECK(file.find("scalar")->shape.empty());
  CHECK(values<float>(file, "scalar") == std::vector<float>{7});
  CHECK(file.find("empty")->shape == std::vector<std::int64_t>{0, 4});
  CHECK(values<float>(file, "empty").empty());
  CHECK(values<float>(file, "naïve \"name\"\n") == std::vector<float>{1});
  CHECK(file.find("x.F3") == nullptr);
  CHECK(file.find("") == nullptr);
}

TEST_CASE("what is written reads back, and the digest is the file's") {
  TemporaryDirectory directory;
  const std::string path = directory.file("m.safetensors");
  const std::size_t many = 700 * 900;  // more than one block
  const std::string digest = write_safetensors(
      path, {source<std::uint8_t>("u8", DType::kU8, {5}, counting<std::uint8_t>(5)),
             source<float>("f32", DType::kF32, {700, 900}, counting<float>(many)),
             source<std::int64_t>("i64", DType::kI64, {7}, counting<std::int64_t>(7)),
             source<float>("empty", DType::kF32, {4, 0}, {})});
  CHECK(digest == sha256_file(path));
  const SafetensorsFile file(path);
  CHECK(values<float>(file, "f32") == counting<float>(many));
  CHECK(values<std::int64_t>(file, "i64") == counting<std::int64_t>(7));
  CHECK(values<std::uint8_t>(file, "u8") == counting<std::uint8_t>(5));
  CHECK(file.find("empty")->shape == std::vector<std::int64_t>{4, 0});
  CHECK_THAT(file.read_start(), ContainsSubstring(R"("__metadata__":{"format":"pt"})"));
  for (const TensorInfo& tensor : file.tensors()) CHECK(tensor.begin % size_of(tensor.dtype) == 0);
}

TEST_CASE("a part of a tensor is read without the rest") {
  TemporaryDirectory directory;
  const std::string path = directory.file("m.safetensors");
  write_safetensors(path, {source<float>("x", DType::kF32, {100}, counting<float>(100))});
  const SafetensorsFile file(path);
  std::vector<float> part(3);
  file.read(*file.find("x"), 40, std::as_writable_bytes(std::span(part)));
  CHECK(part == std::vector<float>{10, 11, 12});
  CHECK(error_of([&] {
          file.read(*file.find("x"), 392, std::as_writable_bytes(std::span(part)));
        }).has_value());
}

TEST_CASE("the same tensors give the same bytes") {
  TemporaryDirectory directory;
  const auto write = [&](const char* name) {
    return write_safetensors(
        directory.file(name),
        {source<float>("b", DType::kF32, {2}, {1, 2}), source<float>("a", DType::kF32, {1}, {3})},
        {{"k", "v"}, {"a", "b"}});
  };
  CHECK(write("1") == write("2"));
}

TEST_CASE("a moved file reads on") {
  TemporaryDirectory directory;
  const std::string path = directory.file("m.safetensors");
  write_safetensors(path, {source<float>("x", DType::kF32, {1}, {3})});
  SafetensorsFile first(path);
  std::vector<SafetensorsFile> files;
  files.push_back(std::move(first));
  files.emplace_back(path);
  CHECK(values<float>(files[0], "x") == std::vector<float>{3});
}

TEST_CASE("any set of tensors survives the round trip") {
  const std::uint64_t seed = 20260101;
  CAPTURE(seed);
  for (std::uint64_t round = 0; round < 30; ++round) {
    Random random(seed, RandomStream::kSynthetic, round);
    TemporaryDirectory directory;
    std::vector<TensorSource> sources;
    std::map<std::string, std::vector<std::uint8_t>> expected;
    const std::uint64_t count = random.below(12);
    for (std::uint64_t i = 0; i < count; ++i) {
      const auto type = static_cast<DType>(random.below(10));
      std::vector<std::int64_t> shape;
      std::size_t bytes = size_of(type);
      for (std::uint64_t d = random.below(4); d-- > 0;) {
        shape.push_back(static_cast<std::int64_t>(random.below(6)));
        bytes *= static_cast<std::size_t>(shape.back());
      }
      std::vector<std::uint8_t> data(bytes);
      for (auto& byte : data) byte = static_cast<std::uint8_t>(random.below(256));
      const std::string name = "t\"" + std::to_string(i) + "\\\x01é";
      expected[name] = data;
      sources.push_back(source<std::uint8_t>(name, type, shape, data));
    }
    write_safetensors(directory.file("m"), sources);
    const SafetensorsFile file(directory.file("m"));
    REQUIRE(file.tensors().size() == expected.size());
    for (const auto& [name, data] : expected) CHECK(values<std::uint8_t>(file, name) == data);
  }
}

// Run by tests/peers/safetensors_round_trip.py.
TEST_CASE("writes a file for Python", "[.peer]") {
  const char* path = std::getenv("LLMOPS_PEER_FILE");
  REQUIRE(path != nullptr);
  const std::vector<std::uint16_t> ones(15, 0x3F80);
  write_safetensors(path,
                    {source<std::uint8_t>("u8", DType::kU8, {5}, counting<std::uint8_t>(5)),
                     source<std::uint16_t>("bf16", DType::kBF16, {3, 5}, ones),
                     source<float>("f32", DType::kF32, {700, 900}, counting<float>(630000)),
                     source<std::int64_t>("i64", DType::kI64, {7}, counting<std::int64_t>(7)),
                     source<float>("empty", DType::kF32, {4, 0}, {}),
                     source<float>("scalar", DType::kF32, {}, {7})},
                    {{"format", "pt"}, {"note", "a \"b\"\n"}});
}

}  // namespace
}  // namespace llmops::weights

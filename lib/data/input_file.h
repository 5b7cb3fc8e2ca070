#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace llmops::data {

enum class Compression { kNone, kGzip, kZstd };
// Decides by the end of the name: ".gz", ".zst".
Compression compression_of(std::string_view path);

// Reads a regular file, or the standard input for "-", block by block, decompressed. Throws
// Error(kUsage) for a file that cannot be read, is damaged, ends early, or expands to more than a
// thousand times its size.
class InputFile {
 public:
  explicit InputFile(const std::string& path);
  ~InputFile();

  // Replaces `block` by the next bytes. Returns false at the end. Throws an Error on a stop
  // request.
  bool read(std::string& block);
  std::int64_t consumed() const;  // bytes of the file itself, before decompression

 private:
  class Decoder;
  class GzipDecoder;
  class ZstdDecoder;
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace llmops::data

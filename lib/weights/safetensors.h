#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "base/file.h"

namespace llmops::weights {

enum class DType { kF32, kF16, kBF16, kI64, kI32, kI16, kI8, kU8, kBool, kF64 };
std::size_t size_of(DType type);
std::string_view name_of(DType type);  // "F32", as in the file

struct TensorInfo {
  std::string name;
  DType dtype = DType::kF32;
  std::vector<std::int64_t> shape;
  std::uint64_t begin = 0, end = 0;  // bytes from the start of the data section
};

// A safetensors file (huggingface/safetensors, format of version 0.4): 8-byte little-endian header
// length, JSON header, data. Opening checks everything: header length against the file, every
// number, shape product x dtype size == extent, extents contiguous from 0 to the end, no duplicate
// name. Throws Error(kDamaged) naming file and tensor. Data is read with pread, not mapped, so a
// file that shrinks is an error and not a signal.
class SafetensorsFile {
 public:
  explicit SafetensorsFile(std::string path);
  ~SafetensorsFile();
  SafetensorsFile(SafetensorsFile&& other) noexcept;

  const std::string& path() const { return path_; }
  // By position in the file.
  const std::vector<TensorInfo>& tensors() const { return tensors_; }
  const TensorInfo* find(std::string_view name) const;
  // Reads bytes [offset, offset + out.size()) of the tensor's data.
  void read(const TensorInfo& tensor, std::uint64_t offset, std::span<std::byte> out) const;
  // The bytes before the data: length and header, for a digest of the whole file.
  std::string read_start() const;

 private:
  std::string path_;
  int fd_ = -1;
  std::uint64_t data_start_ = 0;
  std::vector<TensorInfo> tensors_;
  std::vector<std::size_t> by_name_;  // positions in tensors_, sorted by name
};

// One tensor to write. `fill` is called with consecutive blocks of its bytes, in order; each holds
// whole elements.
struct TensorSource {
  std::string name;
  DType dtype = DType::kF32;
  std::vector<std::int64_t> shape;
  std::function<void(std::uint64_t offset, std::span<std::byte> out)> fill;
};
// Writes a new safetensors file durably (the caller chooses a temporary name). Returns the sha256
// of the file, computed while writing. The same tensors give the same bytes. transformers 4 loads
// only files whose metadata says {"format": "pt"}.
std::string write_safetensors(const std::string& path, const std::vector<TensorSource>& tensors,
                              const std::map<std::string, std::string>& metadata = {
                                  {"format", "pt"}});

// Widen a 16-bit value; exact.
float bf16_to_float(std::uint16_t bits);
float f16_to_float(std::uint16_t bits);

}  // namespace llmops::weights

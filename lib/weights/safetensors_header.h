#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "weights/safetensors.h"

namespace llmops::weights {

// The format limits a header to 100 MB (huggingface/safetensors). The other limits are ours: no
// model comes near 200,000 tensors in one file, and each costs memory.
constexpr std::uint64_t kMaxHeaderBytes = 100'000'000;
constexpr std::size_t kMaxTensors = 200'000;
constexpr std::size_t kMaxDimensions = 16;

// Checks the JSON header of a file with `data_bytes` bytes of data after it and returns its tensors
// by position in the file. Throws Error(kDamaged) at `path`.
std::vector<TensorInfo> parse_header(std::string_view json, std::uint64_t data_bytes,
                                     const std::string& path);

std::optional<DType> find_dtype(std::string_view name);

// Returns the bytes of a dense tensor; nothing when they do not fit 63 bits. A dimension of 0 does
// not hide an overflow of the others.
std::optional<std::uint64_t> dense_bytes(const std::vector<std::int64_t>& shape, DType type);

}  // namespace llmops::weights

// A safetensors file; and the same bytes as its JSON header alone, which needs no length before it.
#include "weights/safetensors.h"

#include "tests/fuzz/fuzz.h"
#include "weights/safetensors_header.h"

using llmops::fuzz::require;
using llmops::fuzz::returns;
using llmops::weights::TensorInfo;

namespace {

void check_extents(const std::vector<TensorInfo>& tensors, std::uint64_t bytes) {
  std::uint64_t end = 0;
  for (const TensorInfo& tensor : tensors) {
    require(tensor.begin == end && tensor.end >= tensor.begin,
            "tensors follow each other without a gap");
    require(llmops::weights::dense_bytes(tensor.shape, tensor.dtype) == tensor.end - tensor.begin,
            "a tensor has the bytes of its shape");
    end = tensor.end;
  }
  require(end == bytes, "tensors end with the data");
}

void read_all(const std::string& path, std::uint64_t file_bytes) {
  const llmops::weights::SafetensorsFile file(path);
  std::uint64_t total = 0;
  for (const TensorInfo& tensor : file.tensors()) {
    require(file.find(tensor.name)->begin == tensor.begin, "a tensor is found by its name");
    std::vector<std::byte> data(tensor.end - tensor.begin);
    file.read(tensor, 0, data);
    total += data.size();
  }
  check_extents(file.tensors(), total);
  require(total < file_bytes, "tensors lie in the file");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr std::uint64_t kDataBytes = 96;
  const std::string_view bytes = llmops::fuzz::text_of(data, size);
  const std::string path = llmops::fuzz::file_of("model.safetensors", bytes);
  returns([&] { read_all(path, size); });
  returns([&] {
    check_extents(llmops::weights::parse_header(bytes, kDataBytes, "header"), kDataBytes);
  });
  return 0;
}

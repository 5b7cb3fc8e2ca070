#include "weights/safetensors_header.h"

#include <algorithm>
#include <limits>
#include <tuple>

#include "base/error.h"
#include "base/json.h"
#include "base/text.h"

namespace llmops::weights {
namespace {

// Reads one entry. Every message names file and tensor.
class EntryReader {
 public:
  EntryReader(const std::string& name, const Json& json, std::uint64_t data_bytes,
              const std::string& path)
      : json_(json), data_bytes_(data_bytes), path_(path) {
    info_.name = name;
  }

  TensorInfo read() && {
    if (!json_.is_object()) refuse("is not an object");
    for (const auto& [key, value] : json_.as_object()) {
      if (key != "dtype" && key != "shape" && key != "data_offsets") {
        refuse("has the unknown key " + printable(key));
      }
    }
    info_.dtype = dtype();
    info_.shape = shape();
    offsets();
    const auto bytes = dense_bytes(info_.shape, info_.dtype);
    if (!bytes) refuse("has a shape whose size overflows");
    if (*bytes != info_.end - info_.begin) {
      refuse(
          fmt::format("needs {} bytes for its shape but has {}", *bytes, info_.end - info_.begin));
    }
    return std::move(info_);
  }

 private:
  [[noreturn]] void refuse(std::string_view problem) const {
    throw damaged("tensor \"{}\" {}", printable(info_.name), problem).at(path_);
  }

  const Json& member(std::string_view key) const {
    const Json* value = json_.find(key);
    if (value == nullptr) refuse(fmt::format("has no {}", key));
    return *value;
  }

  DType dtype() const {
    const Json& value = member("dtype");
    if (!value.is_string()) refuse("has a dtype that is not a string");
    const auto type = find_dtype(value.as_string());
    if (!type) refuse(fmt::format("has the unsupported dtype {}", printable(value.as_string())));
    return *type;
  }

  std::vector<std::int64_t> shape() const {
    const Json& value = member("shape");
    if (!value.is_array()) refuse("has a shape that is not an array");
    if (value.size() > kMaxDimensions) {
      refuse(fmt::format("has more than {} dimensions", kMaxDimensions));
    }
    std::vector<std::int64_t> dimensions;
    for (const Json& n : value.as_array()) {
      if (!n.is_int() || n.as_int() < 0) refuse("has a dimension that is not a size");
      dimensions.push_back(n.as_int());
    }
    return dimensions;
  }

  void offsets() {
    const Json& value = member("data_offsets");
    if (!value.is_array() || value.size() != 2) refuse("has data_offsets that are not two numbers");
    const Json &first = value.as_array()[0], &last = value.as_array()[1];
    if (!first.is_int() || !last.is_int() || first.as_int() < 0) {
      refuse("has data_offsets that are not sizes");
    }
    if (last.as_int() < first.as_int()) refuse("has reversed data_offsets");
    info_.begin = static_cast<std::uint64_t>(first.as_int());
    info_.end = static_cast<std::uint64_t>(last.as_int());
    if (info_.end > data_bytes_) refuse("ends after the end of the file");
  }

  const Json& json_;
  const std::uint64_t data_bytes_;
  const std::string& path_;
  TensorInfo info_;
};

void check_metadata(const Json& json, const std::string& path) {
  if (!json.is_object()) throw damaged("__metadata__ is not an object").at(path);
  for (const auto& [key, value] : json.as_object()) {
    if (!value.is_string()) {
      throw damaged("__metadata__ {} is not a string", printable(key)).at(path);
    }
  }
}

// Throws unless the tensors fill the data without gap or overlap.
void check_contiguous(const std::vector<TensorInfo>& tensors, std::uint64_t data_bytes,
                      const std::string& path) {
  std::uint64_t expected = 0;
  for (const TensorInfo& tensor : tensors) {
    if (tensor.begin != expected) {
      throw damaged("tensor \"{}\" begins at byte {} of the data, the one before ends at {}",
                    printable(tensor.name), tensor.begin, expected)
          .at(path);
    }
    expected = tensor.end;
  }
  if (expected != data_bytes) {
    throw damaged("{} bytes of data, the tensors account for {}", data_bytes, expected).at(path);
  }
}

}  // namespace

std::optional<std::uint64_t> dense_bytes(const std::vector<std::int64_t>& shape, DType type) {
  std::int64_t bytes = static_cast<std::int64_t>(size_of(type));
  bool empty = false;
  for (const std::int64_t n : shape) {
    if (n == 0) {
      empty = true;
    } else if (__builtin_mul_overflow(bytes, n, &bytes)) {
      return std::nullopt;
    }
  }
  return empty ? 0 : static_cast<std::uint64_t>(bytes);
}

std::vector<TensorInfo> parse_header(std::string_view json, std::uint64_t data_bytes,
                                     const std::string& path) {
  if (!json.starts_with('{')) throw damaged("the header does not begin with {{").at(path);
  JsonLimits limits;
  limits.max_depth = 3;
  limits.max_nodes = 12 * kMaxTensors;
  const Json root = parse_json(json, path, limits);
  std::vector<TensorInfo> tensors;
  if (root.size() > kMaxTensors) throw damaged("more than {} tensors", kMaxTensors).at(path);
  tensors.reserve(root.size());
  for (const auto& [name, value] : root.as_object()) {
    if (name == "__metadata__") {
      check_metadata(value, path);
    } else {
      tensors.push_back(EntryReader(name, value, data_bytes, path).read());
    }
  }
  std::sort(tensors.begin(), tensors.end(), [](const TensorInfo& a, const TensorInfo& b) {
    return std::tie(a.begin, a.end, a.name) < std::tie(b.begin, b.end, b.name);
  });
  check_contiguous(tensors, data_bytes, path);
  return tensors;
}

}  // namespace llmops::weights

#include <algorithm>
#include <set>

#include "base/error.h"
#include "base/hash.h"
#include "base/json.h"
#include "weights/safetensors.h"
#include "weights/safetensors_header.h"

namespace llmops::weights {
namespace {

// A multiple of every element size, so that blocks hold whole elements.
constexpr std::size_t kBlockBytes = std::size_t{1} << 20;

struct Entry {
  const TensorSource* source;
  std::uint64_t bytes;
};

// Widest elements first: with the header padded to 8 bytes every tensor is then aligned to its
// element, which readers that map the file want.
std::vector<Entry> in_file_order(const std::vector<TensorSource>& tensors) {
  std::vector<Entry> entries;
  std::set<std::string_view> names{"__metadata__"};
  for (const TensorSource& source : tensors) {
    LLMOPS_CHECK(names.insert(source.name).second, source.name);
    const auto bytes = dense_bytes(source.shape, source.dtype);
    LLMOPS_CHECK(bytes.has_value(), source.name);
    entries.push_back({&source, *bytes});
  }
  std::stable_sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) {
    return size_of(a.source->dtype) > size_of(b.source->dtype);
  });
  return entries;
}

std::string header_of(const std::vector<Entry>& entries,
                      const std::map<std::string, std::string>& metadata) {
  Json::Object root;
  if (!metadata.empty()) {
    Json::Object texts;
    for (const auto& [key, value] : metadata) texts.emplace_back(key, value);
    root.emplace_back("__metadata__", std::move(texts));
  }
  std::uint64_t offset = 0;
  for (const Entry& entry : entries) {
    Json::Array shape;
    for (const std::int64_t n : entry.source->shape) shape.emplace_back(n);
    Json::Array offsets{Json(offset), Json(offset + entry.bytes)};
    root.emplace_back(entry.source->name, Json::Object{{"dtype", name_of(entry.source->dtype)},
                                                       {"shape", std::move(shape)},
                                                       {"data_offsets", std::move(offsets)}});
    offset += entry.bytes;
  }
  std::string header = Json(std::move(root)).dump();
  header.append((8 - header.size() % 8) % 8, ' ');
  LLMOPS_CHECK(header.size() <= kMaxHeaderBytes);
  return header;
}

std::string length_prefix(std::uint64_t length) {
  std::string bytes;
  for (int i = 0; i < 8; ++i) bytes += static_cast<char>(length >> (8 * i) & 0xff);
  return bytes;
}

}  // namespace

std::string write_safetensors(const std::string& path, const std::vector<TensorSource>& tensors,
                              const std::map<std::string, std::string>& metadata) {
  const std::vector<Entry> entries = in_file_order(tensors);
  const std::string header = header_of(entries, metadata);
  FileWriter file(path);
  Sha256 digest;
  const std::string prefix = length_prefix(header.size());
  for (const std::string& part : {prefix, header}) {
    file.write(part);
    digest.update(part);
  }
  std::vector<std::byte> block(kBlockBytes);
  for (const Entry& entry : entries) {
    for (std::uint64_t offset = 0; offset < entry.bytes; offset += kBlockBytes) {
      const std::uint64_t count = std::min<std::uint64_t>(kBlockBytes, entry.bytes - offset);
      const std::span<std::byte> part(block.data(), static_cast<std::size_t>(count));
      entry.source->fill(offset, part);
      file.write(part);
      digest.update(part);
    }
  }
  file.close();
  return digest.finish();
}

}  // namespace llmops::weights

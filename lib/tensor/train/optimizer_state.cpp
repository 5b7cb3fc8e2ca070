#include "tensor/train/optimizer_state.h"

#include <ATen/ops/zeros.h>

#include <cstring>
#include <set>

#include "base/error.h"
#include "weights/safetensors.h"

namespace llmops::tensor {

namespace {

using weights::DType;

// One tensor of the file: `count` elements of a flat buffer from `offset` on.
struct Entry {
  std::string name;
  DType dtype;
  std::vector<std::int64_t> shape;
  Tensor* flat;
  std::int64_t offset, count;

  std::span<std::byte> bytes_in(const Tensor& host) const {
    const auto size = static_cast<std::size_t>(host.element_size());
    auto* data = static_cast<std::byte*>(host.data_ptr());
    return {data + static_cast<std::size_t>(offset) * size, static_cast<std::size_t>(count) * size};
  }
};

// The entries of one flat buffer after each other.
std::vector<std::vector<Entry>> entries_of(const arch::ParameterLayout& layout, TrainStep& step) {
  std::vector<std::vector<Entry>> buffers;
  for (const auto& [prefix, flat] :
       {std::pair{"m.", &step.moment1()}, std::pair{"v.", &step.moment2()}}) {
    std::vector<Entry>& entries = buffers.emplace_back();
    for (const arch::Parameter& p : layout.parameters) {
      if (!p.trains) continue;
      entries.push_back({prefix + p.name, DType::kF32, p.shape, flat, p.offset, p.size});
    }
  }
  buffers.push_back({{"updates", DType::kF64, {1}, &step.updates(), 0, 1}});
  return buffers;
}

}  // namespace

std::string write_optimizer(const std::string& path, const arch::ParameterLayout& layout,
                            TrainStep& step) {
  std::vector<weights::TensorSource> sources;
  for (const std::vector<Entry>& entries : entries_of(layout, step)) {
    const Tensor host = entries.front().flat->cpu();
    for (const Entry& entry : entries) {
      sources.push_back({entry.name, entry.dtype, entry.shape,
                         [entry, host](std::uint64_t offset, std::span<std::byte> out) {
                           std::memcpy(out.data(), entry.bytes_in(host).data() + offset,
                                       out.size());
                         }});
    }
  }
  return weights::write_safetensors(path, sources);
}

void read_optimizer(const std::string& path, const arch::ParameterLayout& layout, TrainStep& step) {
  const weights::SafetensorsFile file(path);
  std::set<std::string_view> unknown;
  for (const weights::TensorInfo& info : file.tensors()) unknown.insert(info.name);
  for (const std::vector<Entry>& entries : entries_of(layout, step)) {
    Tensor& flat = *entries.front().flat;
    // The gaps between parameters stay zero.
    const Tensor host =
        flat.is_cpu() ? flat : at::zeros(flat.sizes(), flat.options().device(at::kCPU));
    for (const Entry& entry : entries) {
      const weights::TensorInfo* info = file.find(entry.name);
      if (!info) throw damaged("tensor {} is missing", entry.name).at(path);
      if (info->dtype != entry.dtype || info->shape != entry.shape) {
        throw damaged("tensor {} is {} [{}], expected {} [{}]", entry.name,
                      weights::name_of(info->dtype), fmt::join(info->shape, ", "),
                      weights::name_of(entry.dtype), fmt::join(entry.shape, ", "))
            .at(path);
      }
      file.read(*info, 0, entry.bytes_in(host));
      unknown.erase(info->name);
    }
    if (!flat.is_cpu()) flat.copy_(host);
  }
  if (!unknown.empty()) throw damaged("tensor {} is unknown", *unknown.begin()).at(path);
}

}  // namespace llmops::tensor

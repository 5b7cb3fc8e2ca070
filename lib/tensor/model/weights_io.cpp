#include <ATen/ops/zeros.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <set>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "tensor/model/weights.h"

namespace llmops::tensor {

namespace {

using arch::HfTensor;
using weights::DType;
using weights::SafetensorsFile;
using weights::TensorInfo;

std::vector<SafetensorsFile> open_folder(const std::string& folder) {
  std::vector<SafetensorsFile> files;
  const std::string single = join_path(folder, "model.safetensors");
  const std::string index = join_path(folder, "model.safetensors.index.json");
  if (path_exists(single)) {
    files.emplace_back(single);
    return files;
  }
  if (!path_exists(index)) {
    throw Error(ExitCode::kNotFound, "no model.safetensors in this folder")
        .at(folder)
        .hint("give a checkpoint or Hugging Face folder; .bin files need converting first");
  }
  std::set<std::string> names;
  for (const auto& [tensor, file] : load_json(index).at("weight_map").as_object()) {
    const std::string& name = file.as_string();
    if (name.find('/') != std::string::npos || name.find('\\') != std::string::npos) {
      throw damaged("shard name {} leaves the folder", name).at(index);
    }
    names.insert(name);
  }
  for (const std::string& name : names) files.emplace_back(join_path(folder, name));
  return files;
}

// Transformers leaves out the prefix of the base class when only that was saved.
const TensorInfo* find_tensor(const std::vector<SafetensorsFile>& files, const std::string& name,
                              const SafetensorsFile** holder) {
  for (const SafetensorsFile& file : files) {
    for (std::string_view prefix : {"", "transformer.", "model."}) {
      if (!prefix.empty() && !std::string_view(name).starts_with(prefix)) continue;
      if (const TensorInfo* info = file.find(std::string_view(name).substr(prefix.size()))) {
        *holder = &file;
        return info;
      }
    }
  }
  return nullptr;
}

void to_floats(DType type, std::span<const std::byte> bytes, std::span<float> out,
               const std::string& name) {
  const std::byte* from = bytes.data();
  if (type == DType::kF32) {
    std::memcpy(out.data(), from, out.size() * sizeof(float));
    return;
  }
  if (type != DType::kBF16 && type != DType::kF16) {
    throw damaged("tensor {} has type {}; weights are F32, F16 or BF16", name,
                  weights::name_of(type));
  }
  for (std::size_t i = 0; i < out.size(); ++i) {
    std::uint16_t bits;
    std::memcpy(&bits, from + 2 * i, 2);
    out[i] = type == DType::kBF16 ? weights::bf16_to_float(bits) : weights::f16_to_float(bits);
  }
}

std::int64_t product(const std::vector<std::int64_t>& shape) {
  std::int64_t size = 1;
  for (std::int64_t n : shape) size *= n;
  return size;
}

void load_tensor(const SafetensorsFile& file, const TensorInfo& info, const HfTensor& want,
                 const arch::Parameter& parameter, float* flat) {
  const std::int64_t size = product(info.shape);
  std::vector<std::byte> raw(static_cast<std::size_t>(info.end - info.begin));
  std::vector<float> values(static_cast<std::size_t>(size));
  file.read(info, 0, raw);
  to_floats(info.dtype, raw, values, info.name);
  for (float value : values) {
    if (!std::isfinite(value))
      throw damaged("tensor {} holds NaN or Inf", info.name).at(file.path());
  }
  if (want.zero) {
    if (std::any_of(values.begin(), values.end(), [](float v) { return v != 0; })) {
      throw damaged("tensor {} is not zero, but this configuration has no such bias", info.name)
          .at(file.path());
    }
    return;
  }
  const std::int64_t columns = parameter.shape.size() > 1 ? parameter.shape[1] : 1;
  float* to = flat + parameter.offset + want.row * columns;
  if (!want.transposed) {
    std::copy(values.begin(), values.end(), to);
    return;
  }
  for (std::int64_t c = 0; c < columns; ++c) {  // the file holds [columns, rows]
    for (std::int64_t r = 0; r < want.rows; ++r) {
      to[r * columns + c] = values[static_cast<std::size_t>(c * want.rows + r)];
    }
  }
}

// Elements [first, first + out.size()) of a tensor in the file's layout.
void gather(const HfTensor& tensor, const arch::Parameter& parameter, const float* flat,
            std::int64_t first, std::span<float> out) {
  if (tensor.zero) {
    std::fill(out.begin(), out.end(), 0.0f);
    return;
  }
  const std::int64_t columns = parameter.shape.size() > 1 ? parameter.shape[1] : 1;
  const float* from = flat + parameter.offset + tensor.row * columns;
  if (!tensor.transposed) {
    std::copy(from + first, from + first + static_cast<std::int64_t>(out.size()), out.begin());
    return;
  }
  for (std::size_t i = 0; i < out.size(); ++i) {
    const std::int64_t at = first + static_cast<std::int64_t>(i);
    out[i] = from[(at % tensor.rows) * columns + at / tensor.rows];
  }
}

void load_all(const std::vector<SafetensorsFile>& files, const arch::TransformerConfig& config,
              const arch::ParameterLayout& layout, float* flat) {
  for (const HfTensor& want : arch::hf_tensors(config, layout)) {
    const SafetensorsFile* file = nullptr;
    const TensorInfo* info = find_tensor(files, want.name, &file);
    if (!info) {
      if (want.zero) continue;
      throw damaged("tensor {} is missing", want.name).at(parent_path(files.front().path()));
    }
    if (info->shape != want.shape) {
      throw damaged("tensor {} has shape [{}], the configuration wants [{}]", want.name,
                    fmt::join(info->shape, ", "), fmt::join(want.shape, ", "))
          .at(file->path());
    }
    load_tensor(*file, *info, want, layout.parameters[want.parameter], flat);
  }
}

}  // namespace

void Weights::load(const std::string& folder) {
  load_from(open_folder(folder));
}

void Weights::load_file(const std::string& path) {
  std::vector<SafetensorsFile> files;
  files.emplace_back(path);
  load_from(files);
}

void Weights::load_from(const std::vector<weights::SafetensorsFile>& files) {
  Tensor host = flat_.is_cpu() ? flat_ : at::zeros({layout_.size}, at::kFloat);
  load_all(files, config_, layout_, host.data_ptr<float>());
  if (!flat_.is_cpu()) flat_.copy_(host);
  refresh_compute();
}

std::vector<weights::TensorSource> hf_sources(const arch::TransformerConfig& config,
                                              const arch::ParameterLayout& layout,
                                              const Tensor& flat) {
  const Tensor host = flat.cpu();
  std::vector<weights::TensorSource> sources;
  for (const HfTensor& tensor : arch::hf_tensors(config, layout)) {
    weights::TensorSource source;
    source.name = tensor.name;
    source.shape = tensor.shape;
    const arch::Parameter parameter = layout.parameters[tensor.parameter];
    source.fill = [tensor, parameter, host](std::uint64_t offset, std::span<std::byte> out) {
      LLMOPS_CHECK(offset % sizeof(float) == 0 && out.size() % sizeof(float) == 0);
      gather(tensor, parameter, host.data_ptr<float>(),
             static_cast<std::int64_t>(offset / sizeof(float)),
             {reinterpret_cast<float*>(out.data()), out.size() / sizeof(float)});
    };
    sources.push_back(std::move(source));
  }
  return sources;
}

}  // namespace llmops::tensor

#include <ATen/ops/zeros.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "base/error.h"
#include "tensor/model/weights.h"

namespace llmops::tensor {

namespace {

using arch::HfTensor;
using weights::DType;
using weights::WeightFiles;

void to_floats(const WeightFiles::Block& block, std::span<float> out) {
  const std::byte* from = block.bytes.data();
  if (block.type == DType::kF32) {
    std::memcpy(out.data(), from, block.bytes.size());
    return;
  }
  for (std::size_t i = 0; i < out.size(); ++i) {
    std::uint16_t bits;
    std::memcpy(&bits, from + 2 * i, 2);
    out[i] =
        block.type == DType::kBF16 ? weights::bf16_to_float(bits) : weights::f16_to_float(bits);
  }
}

// Puts blocks of the files into their places in a flat buffer.
class Loader {
 public:
  Loader(const arch::ParameterLayout& layout, float* flat) : layout_(layout), flat_(flat) {}

  void take(const WeightFiles::Block& block) {
    values_.resize(block.bytes.size() / weights::size_of(block.type));
    to_floats(block, values_);
    for (float value : values_) {
      if (!std::isfinite(value)) refuse(block, "holds NaN or Inf");
    }
    if (block.tensor.zero) {
      check_zero(block);
    } else if (block.tensor.transposed) {
      put_transposed(block);
    } else {
      put(block);
    }
  }

 private:
  [[noreturn]] static void refuse(const WeightFiles::Block& block, std::string_view problem) {
    throw damaged("tensor {} {}", block.tensor.name, problem).at(block.path);
  }

  const arch::Parameter& parameter(const WeightFiles::Block& block) const {
    return layout_.parameters[block.tensor.parameter];
  }
  static std::int64_t columns(const arch::Parameter& parameter) {
    return parameter.shape.size() > 1 ? parameter.shape[1] : 1;
  }

  void check_zero(const WeightFiles::Block& block) const {
    if (std::any_of(values_.begin(), values_.end(), [](float v) { return v != 0; })) {
      refuse(block, "is not zero, but this configuration has no such bias");
    }
  }

  void put(const WeightFiles::Block& block) {
    const arch::Parameter& to = parameter(block);
    float* at = flat_ + to.offset + block.tensor.row * columns(to) + block.first;
    if (!block.repeated) {
      std::copy(values_.begin(), values_.end(), at);
    } else if (!std::equal(values_.begin(), values_.end(), at)) {
      refuse(block, "is not equal to lm_head.weight, but config.json ties them");
    }
  }

  void put_transposed(const WeightFiles::Block& block) {  // the file holds [columns, rows]
    const arch::Parameter& to = parameter(block);
    const std::int64_t rows = block.tensor.rows, width = columns(to);
    float* start = flat_ + to.offset + block.tensor.row * width;
    std::int64_t row = block.first % rows, column = block.first / rows;
    for (const float value : values_) {
      start[row * width + column] = value;
      if (++row == rows) {
        row = 0;
        ++column;
      }
    }
  }

  const arch::ParameterLayout& layout_;
  float* flat_;
  std::vector<float> values_;
};

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

}  // namespace

void load_flat(const WeightFiles& files, const arch::ParameterLayout& layout, Tensor& flat,
               const WeightFiles::Check& check) {
  Tensor host = flat.is_cpu() ? flat : at::zeros({layout.size}, at::kFloat);
  Loader loader(layout, host.data_ptr<float>());
  files.read([&loader](const WeightFiles::Block& block) { loader.take(block); }, check);
  if (!flat.is_cpu()) flat.copy_(host);
}

void Weights::load(const WeightFiles& files, const WeightFiles::Check& check) {
  load_flat(files, layout_, flat_, check);
  refresh_compute();
}

void Weights::load(const std::string& folder) {
  load(WeightFiles::open_folder(folder, config_));
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

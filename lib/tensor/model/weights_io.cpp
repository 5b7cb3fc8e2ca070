#include <ATen/ops/empty_like.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <type_traits>

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

std::int64_t columns(const arch::Parameter& parameter) {
  return parameter.shape.size() > 1 ? parameter.shape[1] : 1;
}

// f(pointer) to a parameter's elements on the host, float or bfloat16.
template <typename F>
void with_elements(const Tensor& tensor, const F& f) {
  if (tensor.scalar_type() == at::kBFloat16) {
    f(tensor.data_ptr<at::BFloat16>());
  } else {
    f(tensor.data_ptr<float>());
  }
}

// Puts blocks of the files into the parameters, which are on the host.
class Loader {
 public:
  Loader(const arch::ParameterLayout& layout, const ParameterTensors& to)
      : layout_(layout), to_(to) {}

  void take(const WeightFiles::Block& block) {
    values_.resize(block.bytes.size() / weights::size_of(block.type));
    to_floats(block, values_);
    for (float value : values_) {
      if (!std::isfinite(value)) refuse(block, "holds NaN or Inf");
    }
    if (block.tensor.zero) return check_zero(block);
    const Tensor& to = to_[block.tensor.parameter];
    if (!to.defined()) return;
    with_elements(to, [&](auto* elements) {
      elements += block.tensor.row * columns(layout_.parameters[block.tensor.parameter]);
      block.tensor.transposed ? put_transposed(block, elements) : put(block, elements);
    });
  }

 private:
  [[noreturn]] static void refuse(const WeightFiles::Block& block, std::string_view problem) {
    throw damaged("tensor {} {}", block.tensor.name, problem).at(block.path);
  }

  void check_zero(const WeightFiles::Block& block) const {
    if (std::any_of(values_.begin(), values_.end(), [](float v) { return v != 0; })) {
      refuse(block, "is not zero, but this configuration has no such bias");
    }
  }

  // Values are compared as rounded to the type that they are kept in.
  template <typename T>
  void put(const WeightFiles::Block& block, T* to) {
    to += block.first;
    const auto equal = [](T element, float value) { return element == static_cast<T>(value); };
    if (!block.repeated) {
      std::copy(values_.begin(), values_.end(), to);
    } else if (!std::equal(to, to + values_.size(), values_.begin(), equal)) {
      refuse(block, "is not equal to lm_head.weight, but config.json ties them");
    }
  }

  template <typename T>
  void put_transposed(const WeightFiles::Block& block, T* to) {  // the file holds [columns, rows]
    const std::int64_t rows = block.tensor.rows;
    const std::int64_t width = columns(layout_.parameters[block.tensor.parameter]);
    std::int64_t row = block.first % rows, column = block.first / rows;
    for (const float value : values_) {
      to[row * width + column] = static_cast<T>(value);
      if (++row == rows) {
        row = 0;
        ++column;
      }
    }
  }

  const arch::ParameterLayout& layout_;
  const ParameterTensors& to_;
  std::vector<float> values_;
};

// Elements [first, first + count) of a tensor in the file's layout, from the parameter's elements.
template <typename T>
void gather(const HfTensor& tensor, std::int64_t width, const T* from, std::int64_t first,
            std::int64_t count, T* out) {
  from += tensor.row * width;
  if (!tensor.transposed) {
    std::copy(from + first, from + first + count, out);
    return;
  }
  for (std::int64_t i = first; i < first + count; ++i) {
    *out++ = from[i % tensor.rows * width + i / tensor.rows];
  }
}

}  // namespace

void load_parameters(const WeightFiles& files, const arch::ParameterLayout& layout,
                     const ParameterTensors& to, const WeightFiles::Check& check) {
  ParameterTensors host;
  for (const Tensor& tensor : to) {
    const bool elsewhere = tensor.defined() && !tensor.is_cpu();
    host.push_back(elsewhere ? at::empty_like(tensor, at::TensorOptions(at::kCPU)) : tensor);
  }
  Loader loader(layout, host);
  files.read([&loader](const WeightFiles::Block& block) { loader.take(block); }, check);
  for (std::size_t i = 0; i < to.size(); ++i) {
    if (!host[i].is_same(to[i])) to[i].copy_(host[i]);
  }
}

void Weights::load(const WeightFiles& files, const WeightFiles::Check& check) {
  const std::vector<bool> bf16 = files.bf16_parameters();
  for (std::size_t i = 0; layout_.size > 0 && i < bf16.size(); ++i) {
    if (values_[i].scalar_type() == at::kBFloat16 && !bf16[i]) {
      throw failed("the type of {} is not what it was: the files were replaced",
                   layout_.parameters[i].name);
    }
  }
  load_parameters(files, layout_, values_, check);
  refresh_compute();
}

void Weights::load(const std::string& folder) {
  load(WeightFiles::open_folder(folder, config_));
}

std::vector<weights::TensorSource> hf_sources(const arch::TransformerConfig& config,
                                              const arch::ParameterLayout& layout,
                                              const ParameterTensors& values) {
  ParameterTensors on_host;
  for (const Tensor& tensor : values) on_host.push_back(tensor.defined() ? tensor.cpu() : tensor);
  std::vector<weights::TensorSource> sources;
  for (const HfTensor& tensor : arch::hf_tensors(config, layout)) {
    const Tensor host = tensor.zero ? at::zeros(tensor.shape) : on_host[tensor.parameter];
    const std::int64_t width = tensor.zero ? 1 : columns(layout.parameters[tensor.parameter]);
    const bool bf16 = host.scalar_type() == at::kBFloat16;
    sources.push_back({tensor.name, bf16 ? DType::kBF16 : DType::kF32, tensor.shape,
                       [tensor, host, width](std::uint64_t offset, std::span<std::byte> out) {
                         with_elements(host, [&](const auto* elements) {
                           using Element = std::remove_cvref_t<decltype(*elements)>;
                           gather(tensor, width, elements,
                                  static_cast<std::int64_t>(offset / sizeof(Element)),
                                  static_cast<std::int64_t>(out.size() / sizeof(Element)),
                                  reinterpret_cast<Element*>(out.data()));
                         });
                       }});
  }
  return sources;
}

}  // namespace llmops::tensor

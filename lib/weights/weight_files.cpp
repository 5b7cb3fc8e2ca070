#include "weights/weight_files.h"

#include <algorithm>
#include <map>
#include <string_view>

#include "base/error.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/text.h"
#include "weights/shard_index.h"

namespace llmops::weights {
namespace {

using arch::HfTensor;

// A multiple of every element size, so that blocks hold whole elements.
constexpr std::uint64_t kBlockBytes = std::uint64_t{1} << 20;
constexpr const char* kHead = "lm_head.weight";

std::vector<SafetensorsFile> open_all(const std::string& folder) {
  std::vector<SafetensorsFile> files;
  for (const std::string& name : weight_file_names(folder)) {
    files.emplace_back(join_path(folder, name));
  }
  return files;
}

// Whether a tensor is a buffer that follows from the configuration. Old versions of transformers
// saved them.
bool is_computed_buffer(std::string_view name, const arch::TransformerConfig& config) {
  if (config.positions == arch::Positions::kRope) return name.ends_with("rotary_emb.inv_freq");
  return name.ends_with(".attn.bias") || name.ends_with(".attn.masked_bias");
}

// The tensors that a configuration needs, by name.
class Wanted {
 public:
  Wanted(const std::vector<HfTensor>& tensors, const arch::TransformerConfig& config)
      : tensors_(tensors), holder_(tensors.size()) {
    for (std::size_t i = 0; i < tensors.size(); ++i) by_name_[tensors[i].name] = i;
    const char* embedding = config.family == "gpt2" ? "transformer.wte.weight"  //
                                                    : "model.embed_tokens.weight";
    if (config.tied) tied_head_ = by_name_.at(embedding);
  }

  // Transformers omits the prefix of the base class when only that was saved.
  std::optional<std::size_t> find(const std::string& name) const {
    for (const std::string_view prefix : {"", "transformer.", "model."}) {
      const auto at = by_name_.find(std::string(prefix) + name);
      if (at != by_name_.end()) return at->second;
    }
    return std::nullopt;
  }
  std::optional<std::size_t> tied_head() const { return tied_head_; }

  // Notes which file holds a tensor.
  void take(std::size_t index, const TensorInfo& info, const std::string& path) {
    const HfTensor& want = tensors_[index];
    if (!holder_[index].empty()) {
      throw damaged("tensor {} is in {} as well", printable(info.name), holder_[index]).at(path);
    }
    holder_[index] = base_name(path);
    check_form(want, info, path);
  }

  void check_form(const HfTensor& want, const TensorInfo& info, const std::string& path) const {
    if (info.shape != want.shape) {
      throw damaged("tensor {} has shape [{}], config.json gives it [{}]", printable(info.name),
                    fmt::join(info.shape, ", "), fmt::join(want.shape, ", "))
          .at(path);
    }
    if (info.dtype != DType::kF32 && info.dtype != DType::kBF16 && info.dtype != DType::kF16) {
      throw damaged("tensor {} has type {}; weights are F32, F16 or BF16", printable(info.name),
                    name_of(info.dtype))
          .at(path);
    }
  }

  void check_complete(const std::string& folder) const {
    for (std::size_t i = 0; i < tensors_.size(); ++i) {
      if (holder_[i].empty() && !tensors_[i].zero) {
        throw damaged("tensor {} is missing", tensors_[i].name).at(folder);
      }
    }
  }

 private:
  const std::vector<HfTensor>& tensors_;
  std::map<std::string, std::size_t, std::less<>> by_name_;
  std::vector<std::string> holder_;  // by position in tensors_; empty: not found yet
  std::optional<std::size_t> tied_head_;
};

}  // namespace

WeightFiles WeightFiles::open_folder(const std::string& folder,
                                     const arch::TransformerConfig& config) {
  return {open_all(folder), config};
}

WeightFiles WeightFiles::open_file(const std::string& path, const arch::TransformerConfig& config) {
  std::vector<SafetensorsFile> files;
  files.emplace_back(path);
  return {std::move(files), config};
}

WeightFiles::WeightFiles(std::vector<SafetensorsFile> files, const arch::TransformerConfig& config)
    : wanted_(arch::hf_tensors(config, arch::parameter_layout(config))) {
  for (SafetensorsFile& file : files) files_.push_back({std::move(file), {}});
  match(config);
}

void WeightFiles::match(const arch::TransformerConfig& config) {
  Wanted wanted(wanted_, config);
  for (File& file : files_) {
    const std::string& path = file.content.path();
    for (const TensorInfo& info : file.content.tensors()) {
      if (const auto index = wanted.find(info.name)) {
        wanted.take(*index, info, path);
        file.found.push_back(Found{*index});
      } else if (info.name == kHead && wanted.tied_head()) {
        wanted.check_form(wanted_[*wanted.tied_head()], info, path);
        file.found.push_back(Found{*wanted.tied_head(), true});
      } else if (is_computed_buffer(info.name, config)) {
        file.found.push_back(std::nullopt);
      } else {
        throw damaged("tensor {} is not part of the model that config.json describes",
                      printable(info.name))
            .at(path)
            .hint("check its layers, biases and model_type");
      }
    }
  }
  wanted.check_complete(parent_path(files_.front().content.path()));
}

std::vector<bool> WeightFiles::bf16_parameters() const {
  std::vector<bool> bf16;
  for (const File& file : files_) {
    for (std::size_t i = 0; i < file.found.size(); ++i) {
      if (!file.found[i] || file.found[i]->repeated) continue;
      const HfTensor& tensor = wanted_[file.found[i]->wanted];
      if (tensor.zero) continue;
      const std::size_t parameter = tensor.parameter;
      if (parameter >= bf16.size()) bf16.resize(parameter + 1, true);
      if (file.content.tensors()[i].dtype != DType::kBF16) bf16[parameter] = false;
    }
  }
  return bf16;
}

void WeightFiles::read(const Take& take, const Check& check) const {
  for (const File& file : files_) read_file(file, false, take, check);
  for (const File& file : files_) read_file(file, true, take, {});
}

void WeightFiles::read_file(const File& file, bool repeated, const Take& take,
                            const Check& check) const {
  const SafetensorsFile& content = file.content;
  Sha256 digest;
  if (check) digest.update(content.read_start());
  std::vector<std::byte> block(kBlockBytes);
  for (std::size_t i = 0; i < content.tensors().size(); ++i) {
    const TensorInfo& info = content.tensors()[i];
    const std::optional<Found>& found = file.found[i];
    const bool taken = found && found->repeated == repeated;
    if (!taken && !check) continue;
    const std::uint64_t bytes = info.end - info.begin;
    for (std::uint64_t at = 0; at < bytes; at += kBlockBytes) {
      const std::span part(block.data(), std::min(kBlockBytes, bytes - at));
      content.read(info, at, part);
      if (check) digest.update(part);
      if (!taken) continue;
      const auto first = static_cast<std::int64_t>(at / size_of(info.dtype));
      take({wanted_[found->wanted], info.dtype, first, part, repeated, content.path()});
    }
  }
  if (check) check(base_name(content.path()), digest.finish());
}

}  // namespace llmops::weights

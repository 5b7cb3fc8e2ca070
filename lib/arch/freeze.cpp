#include "arch/freeze.h"

#include <fnmatch.h>

#include <algorithm>
#include <set>

#include "base/error.h"
#include "base/text.h"

namespace llmops::arch {
namespace {

bool matches(const std::string& pattern, const std::string& name) {
  return fnmatch(pattern.c_str(), name.c_str(), 0) == 0;
}

[[noreturn]] void refuse(const std::string& pattern, const TransformerConfig& config,
                         const std::vector<HfTensor>& tensors) {
  Error error(ExitCode::kUsage, fmt::format("no tensor is called '{}'", pattern));
  if (config.tied && matches(pattern, "lm_head.weight")) {
    throw error.hint("the head is the embedding, " + tensors.front().name);
  }
  std::vector<std::string> names;
  for (const HfTensor& tensor : tensors) names.push_back(tensor.name);
  const auto near = nearest(pattern, names);
  throw error.hint(near ? "did you mean " + *near + "?"
                        : "names are those of model.safetensors, such as " + names.front());
}

}  // namespace

ParameterLayout frozen_layout(const TransformerConfig& config,
                              const std::vector<std::string>& patterns) {
  const ParameterLayout all = parameter_layout(config);
  if (patterns.empty()) return all;
  const std::vector<HfTensor> tensors = hf_tensors(config, all);
  std::vector<std::string> frozen(all.parameters.size()), kept(all.parameters.size());
  std::vector<bool> used(patterns.size(), false);
  for (const HfTensor& tensor : tensors) {
    if (tensor.zero) continue;  // in the file, but not in this model
    bool freezes = false;
    for (std::size_t i = 0; i < patterns.size(); ++i) {
      if (!matches(patterns[i], tensor.name)) continue;
      used[i] = freezes = true;
    }
    (freezes ? frozen : kept)[tensor.parameter] = tensor.name;
  }
  const auto unused = std::find(used.begin(), used.end(), false);
  if (unused != used.end()) {
    refuse(patterns[static_cast<std::size_t>(unused - used.begin())], config, tensors);
  }
  for (std::size_t i = 0; i < frozen.size(); ++i) {
    if (frozen[i].empty() || kept[i].empty()) continue;
    throw usage_error("{} and {} are one matrix here and freeze together", frozen[i], kept[i]);
  }
  std::set<std::string> names;  // Parameter::name
  for (std::size_t i = 0; i < frozen.size(); ++i) {
    if (!frozen[i].empty()) names.insert(all.parameters[i].name);
  }
  ParameterLayout layout =
      parameter_layout(config, [&](const Parameter& p) { return names.contains(p.name); });
  if (layout.size == 0) throw usage_error("nothing is left to train");
  return layout;
}

}  // namespace llmops::arch

#include "arch/parameters.h"

#include <algorithm>
#include <map>
#include <set>

#include "base/file.h"
#include "base/text.h"
#include "configs.h"
#include "tests/catch.h"

namespace llmops::arch {
namespace {

TEST_CASE("the layout has every weight once, decayed ones first, aligned, without overlap") {
  TransformerConfig untied = small_gpt2();
  untied.tied = false;
  untied.vocab_size = 13;
  for (const auto& config : {small_gpt2(), untied, small_llama(), small_mistral()}) {
    const ParameterLayout layout = parameter_layout(config);
    std::int64_t end = 0, total = 0;
    std::set<std::string> names;
    for (const Parameter& p : layout.parameters) {
      CHECK(p.offset >= end);
      CHECK(p.offset - end < 16);
      CHECK(p.offset % 16 == 0);
      CHECK(p.decay == (p.shape.size() == 2));
      CHECK(p.decay == (p.offset < layout.decay_size));
      end = p.offset + p.size;
      total += p.size;
      CHECK(names.insert(p.name).second);
      CHECK(layout.find(p.part, p.layer, p.bias) == &p);
    }
    CHECK(layout.size >= end);
    CHECK(layout.decay_size % 16 == 0);
    CHECK(total == config.parameter_count());
  }
}

TEST_CASE("find answers nothing for a weight that the model does not have") {
  const ParameterLayout layout = parameter_layout(small_llama());
  CHECK(layout.find(Part::kPositionEmbedding) == nullptr);
  CHECK(layout.find(Part::kQkv, 0, true) == nullptr);
  CHECK(layout.find(Part::kQkv, 2) == nullptr);
  REQUIRE(layout.find(Part::kUp, 1) != nullptr);
  CHECK(layout.find(Part::kUp, 1)->shape == std::vector<std::int64_t>{24, 8});
}

// name -> shape, as transformers saves the model of the same config.json.
std::map<std::string, std::vector<std::int64_t>> saved_by_transformers(const std::string& model) {
  std::map<std::string, std::vector<std::int64_t>> tensors;
  for (const std::string& line : split(read_file(GOLDEN + model + ".tensors.txt"), '\n')) {
    const auto words = split(line, ' ');
    if (words.size() < 2) continue;
    auto& shape = tensors[words[0]];
    for (std::size_t i = 1; i < words.size(); ++i) shape.push_back(parse_int(words[i]).value());
  }
  return tensors;
}

TEST_CASE("tensor names and shapes are those that transformers saves") {
  for (const std::string model : {"gpt2", "gpt2_untied", "llama", "llama_plain", "mistral"}) {
    INFO(model);
    const auto expected = saved_by_transformers(model);
    REQUIRE(expected.size() > 10);
    const std::string path = GOLDEN + model + ".config.json";
    const auto config = read_hf_config(load_json(path), path);
    std::map<std::string, std::vector<std::int64_t>> ours;
    for (const HfTensor& t : hf_tensors(config, parameter_layout(config))) {
      CHECK(ours.emplace(t.name, t.shape).second);
      CHECK_FALSE(t.zero);
    }
    CHECK(ours == expected);
  }
}

TEST_CASE("every element of every parameter is covered by exactly one tensor") {
  TransformerConfig biased = small_llama();
  biased.attention_bias = biased.mlp_bias = true;
  for (const auto& config : {small_gpt2(), small_llama(), biased, small_mistral()}) {
    const ParameterLayout layout = parameter_layout(config);
    std::vector<std::vector<int>> rows;
    for (const Parameter& p : layout.parameters) {
      rows.emplace_back(static_cast<std::size_t>(p.shape[0]), 0);
    }
    for (const HfTensor& t : hf_tensors(config, layout)) {
      const Parameter& p = layout.parameters.at(t.parameter);
      auto shape = p.shape;
      shape[0] = t.rows;
      if (t.transposed) std::reverse(shape.begin(), shape.end());
      CHECK(t.shape == shape);
      for (std::int64_t r = t.row; r < t.row + t.rows; ++r) {
        ++rows.at(t.parameter).at(static_cast<std::size_t>(r));
      }
    }
    for (const auto& counts : rows) {
      CHECK(std::all_of(counts.begin(), counts.end(), [](int n) { return n == 1; }));
    }
  }
}

TEST_CASE("a gpt2 without biases is saved with zero biases, as its class needs them") {
  TransformerConfig config = small_gpt2();
  const auto with = hf_tensors(config, parameter_layout(config));
  config.attention_bias = config.mlp_bias = config.norm_bias = false;
  const ParameterLayout layout = parameter_layout(config);
  const auto without = hf_tensors(config, layout);
  REQUIRE(with.size() == without.size());
  for (std::size_t i = 0; i < with.size(); ++i) {
    CHECK(with[i].name == without[i].name);
    CHECK(with[i].shape == without[i].shape);
    const std::string& name = without[i].name;
    CHECK(without[i].zero == (name.substr(name.size() - 5) == ".bias"));
  }
}

}  // namespace
}  // namespace llmops::arch

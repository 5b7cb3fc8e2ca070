#include "weights/weight_files.h"

#include <map>

#include "base/hash.h"
#include "tests/catch.h"
#include "tests/errors.h"
#include "tests/temporary_directory.h"
#include "tests/unit/arch/configs.h"
#include "tests/unit/weights/model_folder.h"
#include "weights/shard_index.h"

namespace llmops::weights {
namespace {

using arch::small_gpt2;
using arch::small_llama;
using arch::TransformerConfig;

TensorSource plain(const std::string& name, std::vector<std::int64_t> shape,
                   DType type = DType::kF32) {
  return {name, type, std::move(shape), [](std::uint64_t, std::span<std::byte> out) {
            std::fill(out.begin(), out.end(), std::byte{0});
          }};
}

// A folder with one file of these tensors.
struct Folder {
  explicit Folder(const std::vector<TensorSource>& sources) {
    write_safetensors(directory.file(kModelFile), sources);
  }
  std::string refusal(const TransformerConfig& config) const {
    std::string text = error_text([&] { WeightFiles::open_folder(directory.path(), config); });
    const auto at = text.find(directory.path());
    if (at != std::string::npos) text.erase(at, directory.path().size() + 1);
    return text;
  }
  TemporaryDirectory directory;
};

// What read() passes on: the values of each tensor, in order of the file.
std::map<std::string, std::vector<float>> values_in(const WeightFiles& files,
                                                    const WeightFiles::Check& check = {}) {
  std::map<std::string, std::vector<float>> all;
  files.read(
      [&](const WeightFiles::Block& block) {
        std::vector<float>& values = all[block.tensor.name + (block.repeated ? " again" : "")];
        CHECK(block.first == std::ssize(values));
        CHECK(block.type == DType::kF32);
        const std::size_t before = values.size();
        values.resize(before + block.bytes.size() / 4);
        std::memcpy(values.data() + before, block.bytes.data(), block.bytes.size());
      },
      check);
  return all;
}

void check_values(const std::map<std::string, std::vector<float>>& values,
                  const TransformerConfig& config) {
  const auto tensors = arch::hf_tensors(config, arch::parameter_layout(config));
  REQUIRE(values.size() == tensors.size());
  for (std::size_t n = 0; n < tensors.size(); ++n) {
    const auto& found = values.at(tensors[n].name);
    for (std::int64_t i = 0; i < std::ssize(found); ++i) {
      if (found[static_cast<std::size_t>(i)] != value_of(n, i)) FAIL(tensors[n].name << " " << i);
    }
  }
}

std::string index_refusal(const std::string& text) {
  return error_text([&] { parse_shard_index(text, "i"); });
}

}  // namespace

TEST_CASE("the weights of a folder are read from one file or from shards alike") {
  TransformerConfig config = small_llama();
  config.vocab_size = 50'000;  // the embedding is more than one block
  const Folder whole(sources_of(config));
  check_values(values_in(WeightFiles::open_folder(whole.directory.path(), config)), config);
  for (const std::size_t count : {1u, 2u, 5u, 21u}) {
    const TemporaryDirectory sharded;
    write_shards(sharded.path(), sources_of(config), count);
    check_values(values_in(WeightFiles::open_folder(sharded.path(), config)), config);
  }
}

TEST_CASE("the digest that a check gets is the one of each file") {
  TransformerConfig config = small_gpt2();
  const TemporaryDirectory directory;
  std::vector<TensorSource> sources = sources_of(config);
  sources.push_back(plain("transformer.h.0.attn.bias", {1, 1, 16, 16}));  // not handed on
  write_shards(directory.path(), sources, 3);
  std::map<std::string, std::string> digests;
  const auto files = WeightFiles::open_folder(directory.path(), config);
  check_values(values_in(files, [&](const std::string& name,
                                    const std::string& digest) { digests[name] = digest; }),
               config);
  CHECK(digests.size() == 3);
  for (const auto& [name, digest] : digests) CHECK(digest == sha256_file(directory.file(name)));
}

TEST_CASE("an index names plain safetensors files of its folder") {
  CHECK(parse_shard_index(R"({"weight_map":{"a":"y.safetensors","b":"x.safetensors",
                              "c":"y.safetensors"}})",
                          "i") == std::vector<std::string>{"x.safetensors", "y.safetensors"});
  for (const char* text :
       {"{}", R"({"weight_map":{}})", R"({"weight_map":[]})", R"({"weight_map":null})", "[]"}) {
    CHECK(index_refusal(text) == "damaged: i: weight_map names no tensor");
  }
  for (const char* name :
       {R"("../x.safetensors")", R"("/x.safetensors")", R"("a/x.safetensors")", R"("")", "7",
        R"("..\\x.safetensors")", R"("..")", R"("pytorch_model.bin")", R"("\nx.safetensors")"}) {
    INFO(name);
    CHECK(index_refusal(std::string(R"({"weight_map":{"a":)") + name + "}}") ==
          "damaged: i: the shard of tensor a is not the name of a safetensors file in this folder");
  }
  std::string many = R"({"weight_map":{)";
  for (std::size_t i = 0; i <= kMaxShards; ++i) {
    many += (i ? "," : "") + ("\"" + std::to_string(i) + "\":\"" + std::to_string(i)) +
            ".safetensors\"";
  }
  CHECK(index_refusal(many + "}}") == "damaged: i: more than 500 shards");
}

TEST_CASE("a shard that is missing or an index that is too large is refused") {
  const TemporaryDirectory directory;
  write_shards(directory.path(), sources_of(small_llama()), 2);
  remove_all(directory.file("model-2-of-2.safetensors"));
  const auto open = [&] { WeightFiles::open_folder(directory.path(), small_llama()); };
  CHECK(error_of(open)->code() == ExitCode::kDamaged);
  CHECK(::truncate(directory.file(kShardIndexFile).c_str(), kMaxIndexBytes + 1) == 0);
  CHECK(error_text(open).ends_with("larger than 67108864 bytes"));
  remove_all(directory.file(kShardIndexFile));
  CHECK(error_of(open)->code() == ExitCode::kNotFound);
}

TEST_CASE("a tensor that the configuration does not know is refused") {
  const std::string hint =
      " is not part of the model that config.json describes; check its layers, biases and "
      "model_type";
  TransformerConfig fewer = small_llama();
  fewer.layers = 1;
  CHECK(Folder(sources_of(small_llama())).refusal(fewer) ==
        "damaged: model.safetensors: tensor model.layers.1.input_layernorm.weight" + hint);
  TransformerConfig biased = small_llama();
  biased.attention_bias = true;
  CHECK(Folder(sources_of(biased)).refusal(small_llama()) ==
        "damaged: model.safetensors: tensor model.layers.0.self_attn.q_proj.bias" + hint);
  auto normed = sources_of(small_llama());
  normed.push_back(plain("model.layers.0.self_attn.q_norm.weight", {2}));
  CHECK(Folder(normed).refusal(small_llama()) ==
        "damaged: model.safetensors: tensor model.layers.0.self_attn.q_norm.weight" + hint);
}

TEST_CASE("buffers that old versions of transformers saved are passed over") {
  auto gpt2 = sources_of(small_gpt2());
  gpt2.push_back(plain("transformer.h.0.attn.bias", {1, 1, 16, 16}, DType::kBool));
  gpt2.push_back(plain("h.1.attn.masked_bias", {}));
  CHECK(Folder(gpt2).refusal(small_gpt2()).empty());
  auto llama = sources_of(small_llama());
  llama.push_back(plain("model.layers.0.self_attn.rotary_emb.inv_freq", {1}));
  CHECK(Folder(llama).refusal(small_llama()).empty());
  llama.push_back(plain("model.layers.0.self_attn.attn.bias", {1}));
  CHECK_FALSE(Folder(llama).refusal(small_llama()).empty());
}

TEST_CASE("the names of the base class alone are known") {
  auto sources = sources_of(small_gpt2());
  for (TensorSource& source : sources) source.name.erase(0, std::string("transformer.").size());
  const Folder folder(sources);
  check_values(values_in(WeightFiles::open_folder(folder.directory.path(), small_gpt2())),
               small_gpt2());
}

TEST_CASE("the head of a tied model may be stored as well, and comes after the embedding") {
  auto sources = sources_of(small_gpt2());
  sources.insert(sources.begin(), sources.front());
  sources.front().name = "lm_head.weight";
  const Folder folder(sources);
  auto values = values_in(WeightFiles::open_folder(folder.directory.path(), small_gpt2()));
  CHECK(values.at("transformer.wte.weight again") == values.at("transformer.wte.weight"));
  values.erase("transformer.wte.weight again");
  check_values(values, small_gpt2());
}

TEST_CASE("a tensor that is missing, twice there or of another form is refused") {
  auto sources = sources_of(small_llama());
  const TensorSource norm = sources.back();
  REQUIRE(norm.name == "lm_head.weight");
  sources.pop_back();
  CHECK(Folder(sources).refusal(small_llama()).ends_with("tensor lm_head.weight is missing"));
  sources.push_back(plain("lm_head.weight", {11, 9}));
  CHECK(Folder(sources).refusal(small_llama()) ==
        "damaged: model.safetensors: tensor lm_head.weight has shape [11, 9], config.json gives it "
        "[11, 8]");
  sources.back() = plain("lm_head.weight", {11, 8}, DType::kI64);
  CHECK(Folder(sources).refusal(small_llama()) ==
        "damaged: model.safetensors: tensor lm_head.weight has type I64; weights are F32, F16 or "
        "BF16");
  sources.back() = norm;
  sources.push_back(plain("norm.weight", {8}));  // model.norm.weight without its prefix
  CHECK(Folder(sources).refusal(small_llama()) ==
        "damaged: model.safetensors: tensor norm.weight is in model.safetensors as well");
}

TEST_CASE("a configuration far larger than its files is refused by their headers") {
  const Folder folder(sources_of(small_gpt2()));
  TransformerConfig config = small_gpt2();
  config.max_positions = 1 << 24;
  CHECK(folder.refusal(config).find("transformer.wpe.weight has shape [16, 8]") !=
        std::string::npos);
  config = small_gpt2();
  config.layers = 1000;
  CHECK(folder.refusal(config).find("is missing") != std::string::npos);
}

}  // namespace llmops::weights

#include "tensor/train/optimizer_state.h"

#include <ATen/ops/randn.h>

#include <functional>

#include "base/file.h"
#include "tests/catch.h"
#include "tests/errors.h"
#include "tests/temporary_directory.h"
#include "tests/unit/tensor/train/tiny.h"
#include "weights/safetensors.h"

namespace llmops::tensor {

namespace {

struct Run {
  explicit Run(const arch::TransformerConfig& config)
      : weights(config, at::Device(at::kCPU), false), step(tiny_plan(4, 12), {}, 1.0, 0, weights) {}
  Weights weights;
  TrainStep step;
};

// Random moments in the parameters' places, zeros in the gaps between them.
void fill(Run& run) {
  for (Tensor* flat : {&run.step.moment1(), &run.step.moment2()}) {
    for (const arch::Parameter& p : run.weights.layout().parameters) {
      flat->narrow(0, p.offset, p.size).copy_(at::randn({p.size}));
    }
  }
  run.step.updates().fill_(7);
}

using Sources = std::vector<weights::TensorSource>;

// The file again, changed.
void rewrite(const std::string& path, const std::function<void(Sources&)>& change) {
  Sources sources;
  {
    const auto file = std::make_shared<weights::SafetensorsFile>(path);
    for (const weights::TensorInfo& info : file->tensors()) {
      sources.push_back({info.name, info.dtype, info.shape,
                         [file, info](std::uint64_t offset, std::span<std::byte> out) {
                           file->read(info, offset, out);
                         }});
    }
    change(sources);
    weights::write_safetensors(path + ".new", sources);
  }
  REQUIRE(std::rename((path + ".new").c_str(), path.c_str()) == 0);
}

}  // namespace

TEST_CASE("the optimizer's state is read as it was written, whatever the order of the tensors") {
  for (const auto& config : {tiny_gpt2(), tiny_llama()}) {
    const TemporaryDirectory folder;
    const std::string path = folder.file("optimizer.safetensors");
    Run saved(config), read(config);
    fill(saved);
    write_optimizer(path, saved.weights.layout(), saved.step);
    rewrite(path, [](Sources& sources) { std::reverse(sources.begin(), sources.end()); });
    read_optimizer(path, read.weights.layout(), read.step);
    CHECK(read.step.moment1().equal(saved.step.moment1()));
    CHECK(read.step.moment2().equal(saved.step.moment2()));
    CHECK(read.step.updates().equal(saved.step.updates()));
  }
}

TEST_CASE("a tensor that is missing, unknown or of another shape is damage that names it") {
  const TemporaryDirectory folder;
  const std::string path = folder.file("optimizer.safetensors");
  Run run(tiny_llama());
  fill(run);
  const auto problem_after = [&](const std::function<void(Sources&)>& change) {
    remove_all(path);
    write_optimizer(path, run.weights.layout(), run.step);
    rewrite(path, change);
    return error_text([&] { read_optimizer(path, run.weights.layout(), run.step); });
  };
  const auto named = [](Sources& sources, const std::string& name) {
    const auto at = std::find_if(sources.begin(), sources.end(),
                                 [&](const auto& source) { return source.name == name; });
    REQUIRE(at != sources.end());
    return at;
  };
  const std::string start = "damaged: " + path + ": tensor ";
  CHECK(problem_after([&](Sources& s) { s.erase(named(s, "v.layers.1.qkv.weight")); }) ==
        start + "v.layers.1.qkv.weight is missing");
  CHECK(problem_after([&](Sources& s) {
          named(s, "m.layers.0.up.weight")->name = "m.layers.9.up.weight";
        }) == start + "m.layers.0.up.weight is missing");
  CHECK(problem_after([&](Sources& s) {
          s.push_back(*named(s, "updates"));
          s.back().name = "extra";
        }) == start + "extra is unknown");
  CHECK(problem_after([&](Sources& s) {
          named(s, "m.layers.0.out.weight")->shape = {16, 64};
        }) == start + "m.layers.0.out.weight is F32 [16, 64], expected F32 [32, 32]");
  CHECK(problem_after([&](Sources& s) {
          named(s, "updates")->dtype = weights::DType::kF32;
          named(s, "updates")->shape = {2};
        }) == start + "updates is F32 [2], expected F64 [1]");
}

}  // namespace llmops::tensor

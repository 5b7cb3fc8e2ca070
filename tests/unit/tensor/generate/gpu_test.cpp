#include "tensor/generate/language_model.h"
#include "tests/unit/tensor/cuda.h"
#include "tests/unit/tensor/generate/answers.h"
#include "tests/unit/tensor/model/models.h"
#include "tests/unit/tensor/model/passes.h"

namespace llmops::tensor {

TEST_CASE("on a GPU generation and scores are those of the CPU", "[.gpu]") {
  if (!has_cuda()) return;
  for (const NamedConfig& shape : every_shape()) {
    CAPTURE(shape.name);
    Weights host(shape.config, at::Device(at::kCPU), false);
    Weights device(shape.config, at::Device(at::kCUDA, 0), false);
    randomize(host, 61);
    randomize(device, 61);
    const auto on_cpu = make_model(shape.config, host.tensors(), false);
    const auto on_gpu = make_model(shape.config, device.tensors(), false);
    const Ids prompt = random_batch(shape.config, 1, 5, 61).inputs;
    CHECK(answer_of(*on_gpu, greedy(prompt, 50)).ids == answer_of(*on_cpu, greedy(prompt, 50)).ids);

    const data::Batch batch = random_batch(shape.config, 3, 17, 61);
    std::vector<float> got(batch.targets.size()), want(batch.targets.size());
    on_gpu->score(batch, got);
    on_cpu->score(batch, want);
    for (std::size_t i = 0; i < got.size(); ++i) CHECK(got[i] == Approx(want[i]).margin(1e-4));
  }
}

}  // namespace llmops::tensor

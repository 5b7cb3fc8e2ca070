// Prints, as JSON, the bytes that the loss layer needs beyond its inputs and gradients: the growth
// of the peak memory over one forward and backward of the head, as scripts/bench/loss_layer_peer.py
// measures it for PyTorch.
//
//   loss_layer ROWS WIDTH VOCABULARY
#include <ATen/ops/randn.h>
#include <ATen/ops/zeros.h>
#include <fmt/format.h>

#include <cstdio>

#include "base/file.h"
#include "base/resources.h"
#include "base/text.h"
#include "plan/buffers.h"
#include "recipe/recipe.h"
#include "tensor/model/transformer.h"

namespace {

using namespace llmops;

constexpr std::int64_t kLength = 1024;

std::int64_t status_bytes(std::string_view field) {
  for (const std::string& line : split(read_file("/proc/self/status"), '\n')) {
    if (!line.starts_with(std::string(field) + ":")) continue;
    std::string_view number = trim(std::string_view(line).substr(field.size() + 1));
    number.remove_suffix(3);  // " kB"
    return parse_int(trim(number)).value_or(0) * 1024;
  }
  return 0;
}

void reset_peak() {
  std::FILE* file = std::fopen("/proc/self/clear_refs", "w");
  if (file == nullptr) return;
  std::fputs("5", file);
  std::fclose(file);
}

bool is_of_the_loss(const plan::Buffer& buffer) {
  for (const char* name : {"norm_final", "dnorm", "targets", "logits", "losses"}) {
    if (buffer.name == name) return true;
  }
  return false;
}

// The plan of a GPT-2 of this width decides how many rows of logits exist at one time.
struct Head {
  arch::TransformerConfig config;
  plan::Plan plan;
  std::vector<plan::Buffer> buffers;
};
Head plan_head(std::int64_t rows, std::int64_t width, std::int64_t vocabulary) {
  recipe::Recipe recipe;
  recipe.model.config.hidden_size = width;
  recipe.model.config.num_hidden_layers = 12;
  recipe.model.config.num_attention_heads = width / 64;
  recipe.data.max_seq_length = kLength;
  recipe.train.micro_batch_size = rows / kLength;
  recipe.train.max_steps = 1;
  recipe.train.precision = recipe::Precision::kFp32;
  Head head;
  head.config = recipe::model_config(recipe, vocabulary);
  plan::Machine machine;
  machine.cores = available_cores();
  machine.available_memory = machine.free_disk = std::int64_t{1} << 40;
  head.plan = plan::make_plan(recipe, head.config, 1, rows, machine);
  for (plan::Buffer& buffer : plan::activation_buffers(head.config, head.plan)) {
    if (is_of_the_loss(buffer)) head.buffers.push_back(std::move(buffer));
  }
  return head;
}

void run(const Head& head, std::int64_t sequences, const at::Tensor& weight, at::Tensor& gradient) {
  tensor::Activations activations(head.config, head.buffers, sequences, kLength, at::kCPU,
                                  plan::Precision::kFp32);
  activations.norm_final.normal_();
  activations.targets.random_(0, weight.size(0));
  tensor::ModelTensors weights, gradients;
  weights.head.weight = weight;
  gradients.head.weight = gradient;
  gradients.final_norm.weight = at::zeros({weight.size(1)});  // something below trains
  tensor::head_loss(tensor::cpu_kernels(), weights, activations, 1.0f, &gradients, {});
}

}  // namespace

int main(int argc, char** argv) {
  const auto number = [&](int i) { return argc == 4 ? parse_int(argv[i]).value_or(0) : 0; };
  const std::int64_t rows = number(1), width = number(2), vocabulary = number(3);
  if (rows < kLength || rows % kLength != 0 || width < 64 || vocabulary < 1) {
    std::fputs("usage: loss_layer ROWS WIDTH VOCABULARY\n", stderr);
    return 2;
  }
  const Head head = plan_head(rows, width, vocabulary);
  const at::Tensor weight = at::randn({vocabulary, width});
  at::Tensor gradient = at::zeros({vocabulary, width});
  gradient.fill_(0);  // its pages are there

  reset_peak();
  const std::int64_t before = status_bytes("VmRSS");
  run(head, rows / kLength, weight, gradient);
  const std::int64_t inputs_and_gradient = 2 * rows * width * 4 + rows * 4;
  fmt::print("{{\"extra_bytes\": {}, \"chunk_rows\": {}}}\n",
             status_bytes("VmHWM") - before - inputs_and_gradient, head.plan.loss_chunk_rows);
  return 0;
}

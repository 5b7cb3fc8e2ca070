#include "tensor/kernels/cpu/cpu.h"
#include "tensor/kernels/cpu/tensors.h"

namespace llmops::tensor::cpu {
namespace {

void cross_entropy_call(const Tensor& logits, const Tensor& targets, bool gradient, float scale,
                        Tensor& losses) {
  LLMOPS_CHECK(logits.size(0) == targets.numel() && losses.numel() == targets.numel());
  raw().cross_entropy(act(logits), logits.size(0), logits.size(1), ints(targets), gradient, scale,
                      floats(losses));
}

}  // namespace

void cross_entropy(Tensor& logits, const Tensor& targets, float scale, Tensor& losses) {
  cross_entropy_call(logits, targets, true, scale, losses);
}

void cross_entropy_loss(const Tensor& logits, const Tensor& targets, Tensor& losses) {
  cross_entropy_call(logits, targets, false, 0.0f, losses);
}

}  // namespace llmops::tensor::cpu

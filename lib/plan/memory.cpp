#include <algorithm>
#include <limits>

#include "arch/parameters.h"
#include "plan/buffers.h"
#include "plan/rules.h"

namespace llmops::plan {
namespace {

constexpr std::int64_t kFloatBytes = 4, kBf16Bytes = 2;
// Rows of logits of an evaluation (tensor/generate).
constexpr std::int64_t kEvalChunkRows = 512;

// Bytes of a shard's buffers, by what they serve.
struct BufferBytes {
  std::int64_t activations = 0, loss = 0, batch = 0;
  std::int64_t total() const { return activations + loss + batch; }
};

BufferBytes sum(const std::vector<Buffer>& buffers, std::int64_t layers, Precision precision) {
  BufferBytes bytes;
  for (const Buffer& buffer : buffers) {
    const std::int64_t size = bytes_of(buffer, precision) * (buffer.per_layer ? layers : 1);
    if (buffer.name == "logits" || buffer.name == "losses") {
      bytes.loss += size;
    } else if (buffer.type == Buffer::kInt32 || buffer.name.starts_with("rope_")) {
      bytes.batch += size;
    } else {
      bytes.activations += size;
    }
  }
  return bytes;
}

std::int64_t evaluation_bytes(const recipe::Recipe& recipe, const arch::TransformerConfig& config,
                              const Plan& plan) {
  if (!evaluates(recipe)) return 0;
  ActivationShape shape;
  const std::int64_t rows =
      recipe.eval.batch_size > 0 ? recipe.eval.batch_size : recipe.train.micro_batch_size;
  shape.rows = std::min(rows, std::max<std::int64_t>(1, kMaxTokens / plan.length));
  shape.length = plan.length;
  shape.loss_chunk_rows = kEvalChunkRows;
  shape.precision = plan.precision;
  shape.training = false;
  return sum(activation_buffers(config, shape), config.layers, plan.precision).total();
}

}  // namespace

bool evaluates(const recipe::Recipe& recipe) {
  return !recipe.data.eval.empty() || recipe.data.eval_split > 0;
}

void plan_memory(const recipe::Recipe& recipe, const arch::TransformerConfig& config, Plan& plan) {
  const std::int64_t size = arch::parameter_layout(config).size;
  const bool mixed = plan.precision == Precision::kBf16Mixed;
  const BufferBytes shard = sum(activation_buffers(config, plan), config.layers, plan.precision);
  plan.memory = {
      {"weights", size * kFloatBytes},
      {"bf16 weights", mixed ? size * kBf16Bytes : 0},
      {"gradients", size * kFloatBytes * plan.shards},
      {"optimizer", 2 * size * kFloatBytes},
      {"average", recipe.train.ema_decay > 0 ? size * kFloatBytes : 0},
      {"activations", shard.activations * plan.shards},
      {"loss layer", shard.loss * plan.shards},
      {"batch", shard.batch * plan.shards},
      {"evaluation", evaluation_bytes(recipe, config, plan)},
  };
  std::erase_if(plan.memory, [](const MemoryItem& item) { return item.bytes == 0; });
}

void plan_disk(const recipe::Recipe& recipe, const arch::TransformerConfig& config, Plan& plan) {
  // Headers, configs, manifest; a tokenizer.json takes about 64 bytes a token.
  const std::int64_t texts = (std::int64_t{1} << 20) + 64 * config.vocab_size;
  const arch::ParameterLayout layout = arch::parameter_layout(config);
  std::int64_t model = 0;
  for (const arch::HfTensor& tensor : arch::hf_tensors(config, layout)) {
    std::int64_t elements = 1;
    for (const std::int64_t n : tensor.shape) elements *= n;
    model += elements * kFloatBytes;
  }
  const std::int64_t models = recipe.train.ema_decay > 0 ? 2 : 1;
  plan.checkpoint_bytes = models * model + 2 * layout.size * kFloatBytes + texts;

  const recipe::Checkpoint& policy = recipe.checkpoint;
  const std::int64_t saves =
      policy.save_steps > 0 ? (plan.total_steps + policy.save_steps - 1) / policy.save_steps : 1;
  const std::int64_t kept =
      std::max<std::int64_t>(1, policy.keep_last) + (evaluates(recipe) ? policy.keep_best : 0);
  if (__builtin_mul_overflow(std::min(saves, kept + 1), plan.checkpoint_bytes, &plan.disk_bytes)) {
    plan.disk_bytes = std::numeric_limits<std::int64_t>::max();
  }
}

}  // namespace llmops::plan

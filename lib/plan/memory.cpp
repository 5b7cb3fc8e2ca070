#include <algorithm>

#include "arch/freeze.h"
#include "plan/buffers.h"
#include "plan/rules.h"

namespace llmops::plan {
namespace {

constexpr std::int64_t kFloatBytes = 4, kBf16Bytes = 2;

// The program and its libraries before there is a model: 61 MB of their own, 79 MB of files mapped.
constexpr std::int64_t kProgramBytes = 140'000'000;

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

std::int64_t round_up(std::int64_t value, std::int64_t unit) {
  return (value + unit - 1) / unit * unit;
}

bool ever_evaluates(const recipe::Recipe& recipe, const Plan& plan) {
  const recipe::Eval& eval = recipe.eval;
  const bool between = eval.eval_steps > 0 && eval.eval_steps <= plan.total_steps;
  return recipe::has_eval_set(recipe) && (eval.at_start || eval.at_end || between);
}

// Of a model that scores or generates, besides its weights: the rotary tables of the decoder.
std::int64_t table_bytes(const arch::TransformerConfig& config) {
  const bool rope = config.positions == arch::Positions::kRope;
  return rope ? config.max_positions * config.head_dim * kFloatBytes : 0;
}

// The average is scored in float, while the buffers of the weights' own score still exist.
std::int64_t evaluation_bytes(const recipe::Recipe& recipe, const arch::TransformerConfig& config,
                              const Plan& plan) {
  if (!ever_evaluates(recipe, plan)) return 0;
  const std::int64_t wanted =
      recipe.eval.batch_size > 0 ? recipe.eval.batch_size : recipe.train.micro_batch_size;
  const std::int64_t rows = std::min(wanted, std::max<std::int64_t>(1, kMaxTokens / plan.length));
  const auto bytes = [&](Precision precision) {
    const ActivationShape shape = scoring_shape(rows, plan.length, precision);
    return table_bytes(config) +
           sum(activation_buffers(config, shape), config.layers, precision).total();
  };
  return bytes(plan.precision) + (recipe.train.ema_decay > 0 ? bytes(Precision::kFp32) : 0);
}

// Keys and values of one text, and what reads its prompt. A text that outgrows the model's length
// goes on with its newer half in a second cache.
std::int64_t sample_bytes(const recipe::Recipe& recipe, const arch::TransformerConfig& config,
                          const Plan& plan) {
  const recipe::Generate& generate = recipe.generate;
  if (generate.count == 0) return 0;
  std::int64_t prompt = 1;  // a token is a byte or more
  for (const std::string& text : generate.prompts) prompt = std::max(prompt, std::ssize(text));
  const std::int64_t whole = prompt + generate.max_tokens, most = config.max_positions;
  const bool slides = whole > most;
  const std::int64_t capacity = std::min(whole, most);
  const std::int64_t read = std::min(slides ? std::max(prompt, most / 2) : prompt, most);
  const std::int64_t cache =
      2 * config.layers * capacity * config.kv_heads * config.head_dim * (slides ? 2 : 1);
  const std::int64_t size = plan.precision == Precision::kBf16Mixed ? kBf16Bytes : kFloatBytes;
  const ActivationShape shape = scoring_shape(1, read, plan.precision);
  return table_bytes(config) + cache * size +
         sum(activation_buffers(config, shape), config.layers, plan.precision).activations;
}

// Bytes of the frozen parameters. They keep the type of their file, and float matrices get a
// rounded copy for bf16, as in tensor/model/weights.h.
struct FrozenBytes {
  std::int64_t values = 0, rounded = 0;
};
FrozenBytes frozen_bytes(const arch::TransformerConfig& config, const arch::ParameterLayout& layout,
                         const std::vector<bool>& bf16) {
  FrozenBytes bytes;
  for (std::size_t i = 0; i < layout.parameters.size(); ++i) {
    const arch::Parameter& p = layout.parameters[i];
    if (p.trains) continue;
    const bool stored_bf16 = keeps_bf16(layout, i, bf16);
    bytes.values += p.size * (stored_bf16 ? kBf16Bytes : kFloatBytes);
    if (!stored_bf16 && arch::is_multiplied(p, config)) bytes.rounded += p.size * kBf16Bytes;
  }
  return bytes;
}

// Elements of the largest matrix that is a weight.
std::int64_t largest_matrix(const arch::ParameterLayout& layout) {
  std::int64_t most = 0;
  for (const arch::Parameter& parameter : layout.parameters) {
    most = std::max(most, parameter.size);
  }
  return most;
}

// What kernels hold besides their arguments, an upper bound of what tensor/kernels/cpu/scratch.h
// grows to: per caller of products the packed operand and float sums of a bf16 result, per thread
// panels and a head's keys and values in float; and for AMX what oneDNN compiles and, where text is
// generated, a matrix in its own order.
std::int64_t kernel_bytes(const arch::TransformerConfig& config,
                          const arch::ParameterLayout& layout, const Machine& machine,
                          bool generates, const Plan& plan) {
  constexpr std::int64_t kPacked = std::int64_t{4} << 20, kPanels = std::int64_t{256} << 10;
  constexpr std::int64_t kKeys = 64, kQueries = 24, kLanes = 16;
  constexpr std::int64_t kCompiled = std::int64_t{16} << 20;
  const std::int64_t rows = plan.shard_rows * plan.length;
  const std::int64_t widest = std::max(
      {config.qkv_size(), config.intermediate_size * (config.gated ? 2 : 1), config.hidden_size});
  const std::int64_t packed =
      std::min(kPacked, kFloatBytes * std::max(largest_matrix(layout), rows * widest));
  const bool mixed = plan.precision == Precision::kBf16Mixed, amx = mixed && machine.amx;
  const std::int64_t keys = round_up(plan.length, kKeys), dim = round_up(config.head_dim, kLanes);
  const std::int64_t attention =
      kFloatBytes * (5 * keys * dim + 3 * kQueries * dim + 2 * kQueries * (keys + kLanes));
  return plan.shards * packed * (mixed && !amx ? 2 : 1) + plan.threads * (kPanels + attention) +
         (amx ? kCompiled : 0) + (amx && generates ? largest_matrix(layout) * kBf16Bytes : 0);
}

}  // namespace

bool keeps_bf16(const arch::ParameterLayout& layout, std::size_t parameter,
                const std::vector<bool>& bf16_in_files) {
  const arch::Parameter& p = layout.parameters[parameter];
  return !p.trains && p.shape.size() == 2 && parameter < bf16_in_files.size() &&
         bf16_in_files[parameter];
}

void plan_memory(const recipe::Recipe& recipe, const arch::TransformerConfig& config,
                 const Machine& machine, Plan& plan) {
  // The store's pages, the tokenizer, the buffers that write a checkpoint.
  constexpr std::int64_t kWorkBytes = std::int64_t{4} << 20;
  const arch::ParameterLayout layout = arch::frozen_layout(config, recipe.train.freeze);
  const std::int64_t size = layout.size;
  const FrozenBytes frozen = frozen_bytes(config, layout, recipe.model.base_bf16);
  const bool mixed = plan.precision == Precision::kBf16Mixed;
  const BufferBytes shard = sum(activation_buffers(config, plan), config.layers, plan.precision);
  plan.memory = {
      {"program", kProgramBytes},
      {"weights", size * kFloatBytes + frozen.values},
      {"bf16 weights", mixed ? size * kBf16Bytes + frozen.rounded : 0},
      {"gradients", size * kFloatBytes * plan.shards},
      {"optimizer", 2 * size * kFloatBytes},
      {"average", recipe.train.ema_decay > 0 ? size * kFloatBytes : 0},
      {"activations", shard.activations * plan.shards},
      {"loss layer", shard.loss * plan.shards},
      {"batch", shard.batch * plan.shards},
      {"evaluation",
       std::max(evaluation_bytes(recipe, config, plan), sample_bytes(recipe, config, plan))},
      {"kernels",
       kernel_bytes(config, layout, machine, recipe.generate.count > 0, plan) + kWorkBytes},
  };
  std::erase_if(plan.memory, [](const MemoryItem& item) { return item.bytes == 0; });
}

}  // namespace llmops::plan

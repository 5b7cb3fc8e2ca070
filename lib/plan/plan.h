#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "arch/transformer_config.h"
#include "base/json.h"
#include "recipe/recipe.h"

namespace llmops::plan {

enum class Precision { kFp32, kBf16Mixed };
using recipe::Recompute;
// How the cores share a step: each takes rows of the batch with its own gradients (small models),
// or all work on each operation (large ones).
enum class Threading { kRows, kOps };
// As in a recipe: "bf16-mixed", "selective"; "rows", "ops".
std::string_view name_of(Precision precision);

std::string_view name_of(Threading threading);

// Steps of a run that only max_time ends.
constexpr std::int64_t kOpenEnd = 1'000'000'000'000'000;

// One named part of the memory that a run will hold.
struct MemoryItem {
  std::string name;  // "weights", "activations", "loss layer" …
  std::int64_t bytes = 0;
};

// Everything about a run that follows from recipe, model and machine before it starts. The tensor
// library allocates from it; --dry-run prints it. Chosen by rule, never by timing.
struct Plan {
  Precision precision = Precision::kFp32;
  Recompute recompute = Recompute::kOff;
  Threading threading = Threading::kOps;
  int threads = 1;
  int shards = 1;                    // kRows: parts of the global batch computed side by side
  std::int64_t global_batch = 0;     // sequences of an optimizer step
  std::int64_t length = 0;           // tokens of a sequence
  std::int64_t shard_rows = 0;       // sequences that a shard computes at one time
  std::int64_t accumulation = 1;     // such passes per step
  std::int64_t loss_chunk_rows = 0;  // rows of logits that exist at one time
  // Sequences of the whole run; the last step takes what remains. 0: total_steps full ones.
  std::int64_t total_rows = 0;
  std::int64_t total_steps = 0, warmup_steps = 0;
  std::int64_t tokens_per_step = 0;
  std::int64_t parameters = 0;
  std::int64_t trained_parameters = 0;  // without those of train.freeze
  bool embedding_trains = true;         // that of tokens
  std::vector<MemoryItem> memory;
  std::int64_t checkpoint_bytes = 0;  // one checkpoint on disk
  std::int64_t disk_bytes = 0;        // all that are kept at one time, one being written included
  double flops_per_token = 0;

  std::int64_t memory_bytes() const;
  Json to_json() const;
};

struct Machine {
  int cores = 1;
  bool bf16 = false;
  bool amx = false;  // products in bf16 are oneDNN's
  std::int64_t available_memory = 0;
  std::int64_t free_disk = 0;  // for output_dir, what its checkpoints hold included
};

// Rows (sequences) and supervised tokens of an epoch as the data has them. The recipe is validated.
// Throws Error(kUsage) for a horizon or a micro batch beyond all bounds, and for a schedule that is
// longer than the run.
Plan make_plan(const recipe::Recipe& recipe, const arch::TransformerConfig& config,
               std::int64_t rows_per_epoch, std::int64_t tokens_per_epoch, const Machine& machine);

// Rows [first, first + count) of a global batch.
struct RowRange {
  std::int64_t first = 0, count = 0;
};
// The rows that a shard computes in one pass of a step of `rows` sequences. Each shard owns one
// contiguous range and takes plan.shard_rows of it at a time, in order: so the sums of its
// gradients do not depend on how many it takes.
RowRange rows_of_pass(const Plan& plan, std::int64_t rows, int shard, std::int64_t pass);

// Throws Error(kOutOfMemory) with the estimate and the smallest change that fits when the plan
// does not fit into the machine. Available memory of 0 is unknown, and everything fits.
void check_fits(const Plan& plan, const recipe::Recipe& recipe,
                const arch::TransformerConfig& config, const Machine& machine);
// Throws Error(kStorage) with what would fit when the checkpoints of the run do not.
void check_disk(const Plan& plan, const recipe::Recipe& recipe, const Machine& machine);

}  // namespace llmops::plan

#include <fmt/format.h>

#include <algorithm>

#include "arch/freeze.h"
#include "base/error.h"
#include "base/text.h"
#include "recipe/expect.h"
#include "recipe/metrics.h"
#include "recipe/model_config.h"
#include "recipe/recipe.h"

namespace llmops::recipe {

namespace {

// Checks one section after another. A rule holds or adds a problem; none throws, so one pass finds
// every error.
class Checker {
 public:
  explicit Checker(const Recipe& recipe) : r_(recipe) {}

  std::vector<Problem> run() {
    sources("data.train", r_.data.train);
    sources("data.eval", r_.data.eval);
    data();
    tokenizer();
    model();
    batch();
    horizon();
    schedule();
    evaluation();
    rest();
    return std::move(problems_);
  }

 private:
  template <typename... Args>
  void require(bool holds, std::string key, fmt::format_string<Args...> message, Args&&... args) {
    if (holds) return;
    problems_.push_back({std::move(key), fmt::format(message, std::forward<Args>(args)...)});
  }

  void sources(const std::string& list, const std::vector<Source>& sources) {
    for (std::size_t i = 0; i < sources.size(); ++i) {
      const Source& source = sources[i];
      const std::string key = fmt::format("{}.{}", list, i);
      require(!source.path.empty() || source.synth, key, "give path or synth");
      require(source.path.empty() || !source.synth, key, "give either path or synth, not both");
      const bool plain =
          source.format == "auto" && source.field == "text" && source.document == "auto";
      require(!source.synth || plain, key,
              "format, field and document apply to files, not to synth");
      require(source.format != "txt" || source.field == "text", key + ".field",
              "applies to json, jsonl, csv and tsv only; format is txt");
      require(source.path != "-" && !source.path.ends_with("/-"), key + ".path",
              "standard input can be read only once, and training text is read for its digest, for "
              "its tokens and again to resume; write it to a file");
      const bool structured = source.format != "auto" && source.format != "txt";
      require(!structured || source.document == "auto", key + ".document",
              "applies to txt only; format is {}", source.format);
    }
  }

  void data() {
    const Data& data = r_.data;
    require(!data.train.empty(), "data.train", "give at least one source of text");
    require(data.eval.empty() || data.eval_split == 0, "data.eval_split",
            "give either data.eval or data.eval_split, not both");
    require(data.packing == Packing::kDocuments || data.overlength == Overlength::kSplit,
            "data.overlength",
            "'{}' needs packing: documents; in a stream, a document continues in the next sequence",
            enum_name(data.overlength));
  }

  void tokenizer() {
    const Tokenizer& tokenizer = r_.tokenizer;
    const bool is_file = tokenizer.type == TokenizerType::kFile;
    require(!is_file || tokenizer.path.has_value(), "tokenizer.path", "type: file needs a path");
    require(is_file || !tokenizer.path, "tokenizer.path", "is read for type: file only; type is {}",
            enum_name(tokenizer.type));
    const auto& rows = r_.model.config.vocab_size;
    require(tokenizer.type != TokenizerType::kBpe || !rows || *rows >= tokenizer.vocab_size,
            "model.config.vocab_size", "{} rows are too few for tokenizer.vocab_size {}",
            rows.value_or(0), tokenizer.vocab_size);
    require(tokenizer.type != TokenizerType::kByte || !rows || *rows >= 256,
            "model.config.vocab_size", "{} rows are too few for the 256 bytes", rows.value_or(0));
  }

  void model() {
    if (r_.model.path) return;  // checked against its config.json: base_model.h
    const ModelShape& shape = r_.model.config;
    if (!shape.head_dim && shape.hidden_size % shape.num_attention_heads != 0) {
      require(false, "model.config.num_attention_heads", "hidden_size {} is not divisible by {}",
              shape.hidden_size, shape.num_attention_heads);
      return;
    }
    // The size of the vocabulary is not known before the data is read. The other rules do not
    // depend on it.
    const arch::TransformerConfig config = unchecked_model_config(r_, r_.tokenizer.vocab_size);
    for (const std::string& problem : arch::problems_of(config)) {
      require(false, "model.config", "{}", problem);
    }
    require(config.max_positions >= r_.data.max_seq_length, "model.config.max_position_embeddings",
            "{} is below data.max_seq_length {}", config.max_positions, r_.data.max_seq_length);
    if (!problems_.empty() || r_.train.freeze.empty()) return;
    try {
      arch::frozen_layout(config, r_.train.freeze);
    } catch (const Error& error) {
      require(false, "train.freeze", "{}", error.what());
    }
  }

  void batch() {
    const Train& train = r_.train;
    require(!train.global_batch_size || !train.gradient_accumulation_steps,
            "train.gradient_accumulation_steps",
            "give either global_batch_size or gradient_accumulation_steps, not both");
    require(!train.global_batch_size || *train.global_batch_size % train.micro_batch_size == 0,
            "train.global_batch_size", "{} is not a multiple of micro_batch_size {}",
            train.global_batch_size.value_or(0), train.micro_batch_size);
  }

  void horizon() {
    const Train& train = r_.train;
    const int given =
        train.max_steps.has_value() + train.epochs.has_value() + train.max_tokens.has_value();
    require(given <= 1, "train", "give only one of max_steps, epochs and max_tokens");
    require(given >= 1 || train.max_time, "train",
            "give one of max_steps, epochs, max_tokens or max_time");
    const bool open_end = given == 0 && train.max_time;
    require(!open_end || r_.lr_scheduler.name == Decay::kConstant, "lr_scheduler.name",
            "'{}' needs max_steps, epochs or max_tokens: with max_time alone the last step is not "
            "known",
            enum_name(r_.lr_scheduler.name));
    require(!open_end || !r_.lr_scheduler.warmup_ratio, "lr_scheduler.warmup_ratio",
            "needs max_steps, epochs or max_tokens");
  }

  void schedule() {
    const LrScheduler& schedule = r_.lr_scheduler;
    require(!schedule.warmup_steps || !schedule.warmup_ratio, "lr_scheduler.warmup_ratio",
            "give either warmup_steps or warmup_ratio, not both");
    require(schedule.name != Decay::kWsd ||
                schedule.warmup_ratio.value_or(0) + schedule.decay_ratio <= 1,
            "lr_scheduler.decay_ratio", "the sum of warmup_ratio and decay_ratio is above 1");
    if (r_.train.max_steps) {
      const auto problem = schedule_problem(schedule, *r_.train.max_steps);
      require(!problem, "lr_scheduler", "{}", problem.value_or(""));
    }
    require(r_.optimizer.betas.size() == 2, "optimizer.betas", "expected two numbers, found {}",
            r_.optimizer.betas.size());
  }

  void evaluation() {
    const Eval& eval = r_.eval;
    const bool has_data = has_eval_set(r_);
    require(eval.eval_steps == 0 || has_data, "eval.eval_steps",
            "needs data.eval or data.eval_split");
    require(!eval.at_start || has_data, "eval.at_start", "needs data.eval or data.eval_split");
    require(eval.early_stopping_patience == 0 || (has_data && eval.eval_steps > 0),
            "eval.early_stopping_patience",
            "needs eval.eval_steps and data.eval or data.eval_split");
    require(!r_.checkpoint.metric.starts_with("eval/ema_") || r_.train.ema_decay > 0,
            "checkpoint.metric", "'{}' needs train.ema_decay", r_.checkpoint.metric);
  }

  void rest() {
    require(r_.generate.every_steps == 0 || r_.generate.count > 0, "generate.every_steps",
            "needs generate.count");
    for (std::size_t i = 0; i < r_.logging.tags.size(); ++i) {
      const std::size_t equals = r_.logging.tags[i].find('=');
      require(equals != std::string::npos && equals > 0, fmt::format("logging.tags.{}", i),
              "not KEY=VALUE");
    }
    const std::vector<std::string> metrics = recorded_metrics(r_);
    for (const std::string& text : r_.expect) {
      try {
        const std::string metric = parse_expectation(text).metric;
        const bool known = std::find(metrics.begin(), metrics.end(), metric) != metrics.end();
        require(known, "expect", "this run records no metric {}; it records {}", metric,
                join(metrics, ", "));
      } catch (const Error& error) {
        require(false, "expect", "{}", error.what());
      }
    }
  }

  const Recipe& r_;
  std::vector<Problem> problems_;
};

}  // namespace

std::vector<std::string> recorded_metrics(const Recipe& recipe) {
  std::vector<std::string> names(std::begin(kStepSeries), std::end(kStepSeries));
  if (has_eval_set(recipe) &&
      (recipe.eval.eval_steps > 0 || recipe.eval.at_start || recipe.eval.at_end)) {
    for (const char* name : {"loss", "perplexity", "bits_per_byte", "loss_stderr"}) {
      names.push_back(std::string("eval/") + name);
      if (recipe.train.ema_decay > 0) names.push_back(std::string("eval/ema_") + name);
    }
  }
  const auto is_stories = [](const Source& s) { return s.synth && s.synth->kind == "stories"; };
  const bool stories = std::any_of(recipe.data.train.begin(), recipe.data.train.end(), is_stories);
  if (stories && recipe.generate.count > 0) {
    names.insert(names.end(), {"sample/parse_rate", "sample/novel_rate"});
  }
  return names;
}

std::vector<Problem> validate(const Recipe& recipe) {
  return Checker(recipe).run();
}

}  // namespace llmops::recipe

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>

#include "base/error.h"
#include "base/file.h"
#include "base/signal.h"
#include "base/text.h"
#include "command/arguments.h"
#include "command/commands.h"
#include "command/data_show.h"
#include "command/progress.h"
#include "data/dataset.h"
#include "data/synth.h"
#include "recipe/load.h"

namespace llmops::command {

namespace {

// The data of a recipe, with the progress of the work on the error stream of a terminal.
std::unique_ptr<data::Dataset> prepare_data(const RecipeArguments& arguments,
                                            const Invocation& invocation) {
  const recipe::LoadedRecipe loaded = recipe::load_recipe(arguments.recipe, arguments.overrides);
  loaded.require_sound();
  Progress progress(invocation.err, ProgressMode::kAuto, 1);
  auto dataset = data::prepare(loaded.recipe, [&progress](const data::PrepareProgress& p) {
    progress.phase(p.what, p.done, p.total);
  });
  const std::int64_t tokens = dataset->tokenizer().vocab_size();
  if (const auto warning = data::small_vocabulary(loaded.recipe.tokenizer, tokens)) {
    progress.note("warning: " + *warning);
  }
  return dataset;
}

struct ShowOptions {
  RecipeArguments recipe;
  ShowRows rows;
  bool json = false;
};

ExitCode show(const ShowOptions& options, const Invocation& invocation) {
  const auto dataset = prepare_data(options.recipe, invocation);
  if (options.json) {
    fmt::print(invocation.out, "{}\n", rows_json(*dataset, options.rows).dump());
  } else {
    print_rows(invocation.out, *dataset, options.rows);
  }
  return ExitCode::kOk;
}

Action define_show(CLI::App& app, const Invocation& invocation) {
  const auto options = std::make_shared<ShowOptions>();
  add_recipe_arguments(app, options->recipe);
  app.add_option("-n,--rows", options->rows.count, "How many rows")
      ->check(whole_number(config::between(1, 0x1p40)))
      ->capture_default_str();
  app.add_option("--from", options->rows.first, "The first row, in the order of training")
      ->check(whole_number(config::between(0, 0x1p40)))
      ->capture_default_str();
  app.add_flag("--eval", options->rows.eval, "Rows of the eval set");
  app.add_flag("--tokens", options->rows.tokens, "Mark the end of each token with |");
  app.add_flag("--json", options->json, "An array with an object per row");
  return [options, &invocation] { return show(*options, invocation); };
}

void print_counts(std::FILE* out, std::string_view split,
                  const std::vector<data::SourceCount>& counts) {
  for (const data::SourceCount& count : counts) {
    fmt::print(out, "{:<6} {:>10} {:>14} {:>14}  {}", split, count.documents, count.bytes,
               count.tokens, printable(count.name));
    if (count.dropped > 0) fmt::print(out, ", {} dropped", count.dropped);
    if (count.truncated > 0) fmt::print(out, ", {} truncated", count.truncated);
    fmt::print(out, "\n");
  }
}

Json counts_json(const std::vector<data::SourceCount>& counts) {
  Json array = Json::array();
  for (const data::SourceCount& count : counts) {
    array.push(Json()
                   .set("source", count.name)
                   .set("documents", count.documents)
                   .set("bytes", count.bytes)
                   .set("tokens", count.tokens)
                   .set("dropped", count.dropped)
                   .set("truncated", count.truncated));
  }
  return array;
}

struct PrepareOptions {
  RecipeArguments recipe;
  bool json = false;
};

ExitCode prepare(const PrepareOptions& options, const Invocation& invocation) {
  const auto dataset = prepare_data(options.recipe, invocation);
  const tokenizer::Tokenizer& tokenizer = dataset->tokenizer();
  const auto rows = dataset->train_batches()->rows_per_epoch();
  if (options.json) {
    const Json object = Json()
                            .set("train", counts_json(dataset->train_counts()))
                            .set("eval", counts_json(dataset->eval_counts()))
                            .set("rows", rows)
                            .set("vocab_size", tokenizer.vocab_size())
                            .set("tokenizer", tokenizer.digest())
                            .set("data", dataset->digest());
    fmt::print(invocation.out, "{}\n", object.dump());
    return ExitCode::kOk;
  }
  fmt::print(invocation.out, "{:<6} {:>10} {:>14} {:>14}  {}\n", "split", "documents", "bytes",
             "tokens", "source");
  print_counts(invocation.out, "train", dataset->train_counts());
  print_counts(invocation.out, "eval", dataset->eval_counts());
  fmt::print(invocation.out, "{} rows per epoch, vocabulary {}\n", rows, tokenizer.vocab_size());
  return ExitCode::kOk;
}

Action define_prepare(CLI::App& app, const Invocation& invocation) {
  const auto options = std::make_shared<PrepareOptions>();
  add_recipe_arguments(app, options->recipe);
  app.add_flag("--json", options->json, "An object with counts and digests");
  return [options, &invocation] { return prepare(*options, invocation); };
}

struct SynthOptions {
  recipe::Synth synth;
  std::string output, format = "auto";
};

ExitCode synth(const SynthOptions& options, const Invocation& invocation) {
  const bool json =
      options.format == "jsonl" || (options.format == "auto" && options.output.ends_with(".jsonl"));
  std::unique_ptr<FileWriter> file;
  if (!options.output.empty()) {
    const std::string name = base_name(options.output);
    if (options.format == "auto" && !json && name.find('.') != std::string::npos &&
        !name.ends_with(".txt")) {
      throw usage_error("-o {}: the name does not end in .txt or .jsonl", printable(options.output))
          .hint("say --format txt or jsonl");
    }
    if (path_exists(options.output)) {
      throw usage_error("{} exists", printable(options.output)).hint("name another file");
    }
    file = std::make_unique<FileWriter>(options.output);
  }
  for (std::int64_t i = 0; i < options.synth.documents; ++i) {
    if (i % 1024 == 0) throw_if_stop_requested("data synth");
    std::string document = data::synth_document(options.synth, i);
    if (json) document = Json().set("text", document).dump() + "\n";
    if (file) {
      file->write(document);
    } else {
      fmt::print(invocation.out, "{}", document);
    }
  }
  if (file) file->close();
  return ExitCode::kOk;
}

Action define_synth(CLI::App& app, const Invocation& invocation) {
  const auto options = std::make_shared<SynthOptions>();
  const std::vector<std::string_view> kinds = data::synth_kinds();
  app.add_option("KIND", options->synth.kind, fmt::format("One of {}", fmt::join(kinds, ", ")))
      ->required()
      ->check(CLI::IsMember(std::vector<std::string>(kinds.begin(), kinds.end())));
  app.add_option("--documents", options->synth.documents, "How many")
      ->check(whole_number(config::between(1, 1e12)))
      ->capture_default_str();
  app.add_option("--seed", options->synth.seed, "The same seed gives the same text")
      ->check(whole_number(config::at_least(0)))
      ->capture_default_str();
  app.add_option("-o,--output", options->output, "A new file; by default the standard output")
      ->type_name("FILE");
  app.add_option("--format", options->format, "auto goes by the file's name")
      ->check(CLI::IsMember({"auto", "txt", "jsonl"}))
      ->capture_default_str();
  return [options, &invocation] { return synth(*options, invocation); };
}

Action define(CLI::App& app, const Invocation& invocation) {
  static constexpr Command kVerbs[] = {
      {"show", "Rows of a recipe's batches as text", define_show},
      {"prepare", "Read and tokenize a recipe's data", define_prepare},
      {"synth", "Generated text to learn from", define_synth},
  };
  return define_verbs(app, invocation, kVerbs);
}

}  // namespace

Command data_command() {
  return {"data", "Prepare, look at and generate text", define};
}

}  // namespace llmops::command

#include "command/arguments.h"

#include <CLI/CLI.hpp>
#include <utility>

#include "base/error.h"
#include "base/file.h"
#include "base/text.h"
#include "checkpoint/checkpoint.h"
#include "config/value.h"
#include "record/run_recorder.h"
#include "store/locate.h"
#include "store/query.h"
#include "track/resolve.h"

namespace llmops::command {

namespace {

template <typename Value>
Check check_by(config::Rule rule) {
  return [rule = std::move(rule)](const std::string& text) {
    if (invalid_utf8(text)) return std::string("not valid UTF-8");
    config::Node node;
    node.kind = config::Node::Kind::kScalar;
    node.text = text;
    Value value{};
    std::string problem;
    config::assign(config::FieldRef(&value), node, rule,
                   [&problem](const config::Node&, std::string_view message, std::string_view) {
                     problem = message;
                   });
    return problem;
  };
}

std::string folder_at(const std::string& argument) {
  if (path_exists(join_path(argument, checkpoint::kConfigFile))) return argument;
  if (const auto latest = checkpoint::latest_checkpoint(argument)) return *latest;
  if (!path_exists(argument)) {
    throw Error(ExitCode::kNotFound, fmt::format("no model at {}", printable(argument)))
        .hint("give a checkpoint folder such as out/checkpoint-500");
  }
  throw Error(ExitCode::kNotFound,
              fmt::format("{} holds no config.json and no checkpoints", printable(argument)));
}

store::Run get_run(store::Store& store, const std::string& argument) {
  try {
    return track::resolve_run(store, argument);
  } catch (const Error& error) {
    if (error.code() != ExitCode::kNotFound || argument.starts_with('@')) throw;
    throw Error(ExitCode::kNotFound,
                fmt::format("no model at {} and {}", printable(argument), error.what()));
  }
}

std::string folder_of_run(const Invocation& invocation, const std::string& argument) {
  store::Store store = open_store(invocation);
  const store::Run run = get_run(store, argument);
  const auto output_dir = record::real_path(run, run.output_dir);
  std::string folder = output_dir.value_or("");
  if (run.kind == "eval") {
    for (const auto& [key, value] : list_params(store, run.row)) {
      if (key == "model" && value.is_string()) folder = value.as_string();
    }
  }
  if (!output_dir && folder.empty()) {
    throw Error(
        ExitCode::kNotFound,
        fmt::format("run {}: its folder {} depends on a variable that has another value now",
                    printable(run.name), printable(run.output_dir)))
        .hint("set the variable as it was, or give the folder");
  }
  try {
    return folder_at(folder);
  } catch (const Error& error) {
    throw Error(error.code(), fmt::format("run {}: {}", printable(run.name), error.what()));
  }
}

}  // namespace

Check whole_number(config::Rule rule) {
  return check_by<std::int64_t>(std::move(rule));
}

Check number(config::Rule rule) {
  return check_by<double>(std::move(rule));
}

Check line(config::Rule rule) {
  return check_by<std::string>(std::move(rule));
}

void add_progress_options(CLI::App& app, std::string& mode, bool& quiet) {
  app.add_option("--progress", mode,
                 "What stderr shows: one live line, lines, JSON objects, or nothing;\n"
                 "auto is line on a terminal, else lines")
      ->check(CLI::IsMember({"auto", "line", "lines", "json", "none"}))
      ->capture_default_str();
  app.add_flag("-q,--quiet", quiet, "The same as --progress none");
}

void add_compute_options(CLI::App& app, engine::LoadOptions& options) {
  app.add_option("--device", options.device, "Where to compute")
      ->check(CLI::IsMember({"cpu", "cuda"}))
      ->capture_default_str();
  app.add_option("--precision", options.precision, "Numbers to compute with")
      ->check(CLI::IsMember({"fp32", "bf16"}))
      ->capture_default_str();
  app.add_option("--threads", options.threads, "Processor threads; 0 = all cores")
      ->check(whole_number(config::between(0, 1024)))
      ->capture_default_str();
}

void add_recipe_arguments(CLI::App& app, RecipeArguments& arguments) {
  app.add_option("RECIPE", arguments.recipe, "Recipe file, or a name of llmops recipe list")
      ->required();
  const auto append = [&arguments](const std::string& word) {
    arguments.overrides.push_back(word);
  };
  app.add_option_function<std::vector<std::string>>(
      "KEY=VALUE",
      [append](const std::vector<std::string>& words) {
        for (const std::string& word : words) append(word);
      },
      "Settings laid on the recipe, as in optimizer.learning_rate=3e-4");
  app.add_option_function<std::vector<std::string>>(
         "--set",
         [append](const std::vector<std::string>& words) {
           for (const std::string& word : words) append(word);
         },
         "The same, for scripts; laid on after the bare ones")
      ->type_name("KEY=VALUE")
      ->expected(1)
      ->take_all();
}

std::string resolve_device(const std::string& wanted) {
  if (wanted == "cpu") return "cpu";
  // The driver's device file is there exactly when a CUDA device may answer; opening the CUDA
  // libraries on a machine without one would cost half a second.
  const bool driver = path_exists("/dev/nvidiactl");
  if (wanted == "auto" && !driver) return "cpu";
  if (!driver) {
    throw failed("no NVIDIA driver on this machine, and the device is to be cuda")
        .hint("use train.device=cpu or --device cpu");
  }
  try {
    const bool answers = engine::load_engine("cuda").has_cuda();
    if (!answers && wanted == "cuda") throw failed("no CUDA device answers");
    return answers ? "cuda" : "cpu";
  } catch (const Error&) {
    // A GPU without the CUDA libraries that scripts/setup.sh --cuda brings.
    if (wanted == "cuda") throw;
    return "cpu";
  }
}

store::Store open_store(const Invocation& invocation) {
  store::Store store = store::Store::open_to_read(store::get_store(invocation.store));
  if (store.is_newer()) {
    tell(invocation.err,
         "llmops: warning: the store was made by a newer llmops; some of it may not show\n");
  }
  return store;
}

std::string model_folder(const Invocation& invocation, const std::string& argument) {
  const bool is_run = argument.starts_with('@');  // @best:-eval/loss has a slash too
  const bool is_path =
      argument.find('/') != std::string::npos || argument.starts_with('.') || path_exists(argument);
  if (!is_run && (is_path || !store::find_store(invocation.store))) {
    return folder_at(argument);
  }
  return folder_of_run(invocation, argument);
}

std::unique_ptr<tokenizer::Tokenizer> load_tokenizer(const std::string& folder) {
  checkpoint::ManifestCheck(folder).require(checkpoint::kTokenizerFile);
  return tokenizer::load_tokenizer(folder);
}

void check_tokenizer(const tokenizer::Tokenizer& tokenizer, const engine::Model& model,
                     const std::string& folder) {
  if (tokenizer.vocab_size() > model.config().vocab_size) {
    throw damaged("the tokenizer has {} tokens, the model has embeddings for {}",
                  tokenizer.vocab_size(), model.config().vocab_size)
        .at(folder);
  }
}

}  // namespace llmops::command

#include "command/model_argument.h"

#include "base/error.h"
#include "base/file.h"
#include "base/text.h"
#include "checkpoint/checkpoint.h"
#include "command/open_store.h"
#include "record/run_recorder.h"
#include "store/locate.h"
#include "store/query.h"
#include "track/resolve.h"

namespace llmops::command {

namespace {

std::string folder_at(const std::string& argument) {
  if (path_exists(join_path(argument, "config.json"))) return argument;
  const std::string latest = join_path(argument, "latest");
  if (path_exists(latest)) {
    const std::string name(trim(read_file(latest, 4096, ExitCode::kDamaged)));
    if (name.empty() || name.find('/') != std::string::npos) {
      throw damaged("does not name a checkpoint of its folder").at(latest);
    }
    const std::string folder = join_path(argument, name);
    if (path_exists(join_path(folder, "config.json"))) return folder;
    throw damaged("names {}, which is no checkpoint of its folder", printable(name)).at(latest);
  }
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
  checkpoint::ManifestCheck(folder).require("tokenizer.json");
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

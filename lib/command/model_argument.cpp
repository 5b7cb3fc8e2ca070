#include "command/model_argument.h"

#include "base/error.h"
#include "base/file.h"
#include "base/text.h"

namespace llmops::command {

std::string model_folder(const std::string& argument) {
  if (path_exists(join_path(argument, "config.json"))) return argument;
  const std::string latest = join_path(argument, "latest");
  if (path_exists(latest)) {
    const std::string name(trim(read_file(latest, 4096, ExitCode::kDamaged)));
    if (name.empty() || name.find('/') != std::string::npos) {
      throw damaged("does not name a checkpoint of its folder").at(latest);
    }
    const std::string folder = join_path(argument, name);
    if (path_exists(join_path(folder, "config.json"))) return folder;
  }
  if (!path_exists(argument)) {
    throw Error(ExitCode::kNotFound, fmt::format("no model at {}", printable(argument)))
        .hint("give a checkpoint folder such as out/checkpoint-500");
  }
  throw Error(ExitCode::kNotFound,
              fmt::format("{} holds no config.json and no checkpoints", printable(argument)));
}

void check_tokenizer(const text::Tokenizer& tokenizer, const engine::Model& model,
                     const std::string& folder) {
  if (tokenizer.vocab_size() > model.config().vocab_size) {
    throw damaged("the tokenizer has {} tokens, the model has embeddings for {}",
                  tokenizer.vocab_size(), model.config().vocab_size)
        .at(folder);
  }
}

}  // namespace llmops::command

#include "command/completion_command.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>

#include "base/text.h"
#include "command/completion_scripts.h"

namespace llmops::command {

namespace {

constexpr const char* kHow =
    "bash: source <(llmops completion bash)        in ~/.bashrc\n"
    "zsh:  llmops completion zsh > ~/.zfunc/_llmops   with fpath+=~/.zfunc before compinit\n"
    "fish: llmops completion fish > ~/.config/fish/completions/llmops.fish";

Action define(CLI::App& app, const Invocation& invocation) {
  const auto shell = std::make_shared<std::string>();
  app.add_option("SHELL", *shell, "bash, zsh or fish")
      ->required()
      ->check(CLI::IsMember({"bash", "zsh", "fish"}));
  app.footer(kHow);
  return [shell, &invocation] {
    const CompletedCommand program = completed_program();
    fmt::print(invocation.out, "{}",
               *shell == "bash"  ? bash_completion(program)
               : *shell == "zsh" ? zsh_completion(program)
                                 : fish_completion(program));
    return ExitCode::kOk;
  };
}

}  // namespace

Command completion_command() {
  return {"completion", "Completion of commands for a shell", define};
}

}  // namespace llmops::command

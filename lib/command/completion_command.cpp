#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>

#include "command/commands.h"
#include "command/completion_scripts.h"
#include "command/help.h"

namespace llmops::command {

namespace {

constexpr const char* kHow =
    "bash: source <(llmops completion bash)        in ~/.bashrc\n"
    "zsh:  llmops completion zsh > ~/.zfunc/_llmops   with fpath+=~/.zfunc before compinit\n"
    "fish: llmops completion fish > ~/.config/fish/completions/llmops.fish";

std::string one_line(std::string text) {
  for (char& c : text) c = c == '\n' ? ' ' : c;
  return text;
}

CompletedOption read_option(const CLI::Option& option) {
  CompletedOption read;
  for (const std::string& name : option.get_lnames()) read.names.push_back("--" + name);
  for (const std::string& name : option.get_snames()) read.names.push_back("-" + name);
  read.description = one_line(option.get_description());
  if (option.get_type_size() != 0) read.value = option.get_type_name();
  read.choices = choices_of(option);
  return read;
}

CompletedCommand read_command(const CLI::App& app, std::string path,
                              const std::vector<CompletedOption>& shared) {
  CompletedCommand read;
  read.path = std::move(path);
  read.description = one_line(app.get_description());
  for (const CLI::Option* option : app.get_options()) {
    if (option->get_group().empty()) continue;  // not shown
    if (!option->get_positional()) {
      read.options.push_back(read_option(*option));
    } else if (option->get_single_name() == "KEY=VALUE") {
      read.takes_settings = true;
    } else if (read.argument.empty()) {
      read.argument = option->get_single_name();
      read.choices = choices_of(*option);
    }
  }
  read.options.insert(read.options.end(), shared.begin(), shared.end());
  for (const CLI::App* verb : app.get_subcommands({})) {
    read.children.push_back(read_command(*verb, read.path + " " + verb->get_name(), shared));
  }
  return read;
}

// Declares every command as for parsing, and reads its options.
CompletedCommand completed_program() {
  const std::vector<CompletedOption> shared{{{"--store"}, std::string(kStoreHelp), "PATH", {}},
                                            {{"--no-color"}, std::string(kNoColorHelp), "", {}}};
  CompletedCommand program;
  program.options = shared;
  program.options.push_back({{"--help", "-h"}, "Help of a command", "", {}});
  program.options.push_back({{"--version"}, "Version of this program", "", {}});
  for (const Command& command : commands()) {
    Invocation invocation;
    CLI::App app{std::string(command.summary)};
    app.set_help_flag("-h,--help", "This text");
    const Action action = command.define(app, invocation);
    program.children.push_back(read_command(app, std::string(command.name), shared));
  }
  return program;
}

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

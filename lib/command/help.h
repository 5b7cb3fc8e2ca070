#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

namespace llmops::command {

// Words that an option with a closed list takes; empty for any other.
std::vector<std::string> choices_of(const CLI::Option& option);

// The help text of a command: what a value is instead of a type and its bounds, the default after
// the description, and with a verb the options that all commands share.
class HelpFormatter : public CLI::Formatter {
 public:
  HelpFormatter();
  std::string make_description(const CLI::App* app) const override;
  std::string make_subcommands(const CLI::App* app, CLI::AppFormatMode mode) const override;
  std::string make_option_opts(const CLI::Option* option) const override;
  std::string make_option_desc(const CLI::Option* option) const override;
  std::string make_option_usage(const CLI::Option* option) const override;
};

}  // namespace llmops::command

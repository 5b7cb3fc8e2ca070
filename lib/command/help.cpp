#include "command/help.h"

#include "base/text.h"

namespace llmops::command {

namespace {

// CLI11 writes the type and what checks it as "TEXT:{a,b}" or "INT:INT in [1 - 9]".
std::string type_of(const CLI::Option& option) {
  const std::string text = option.get_type_name();
  return text.substr(0, text.find(':'));
}

bool takes_value(const CLI::Option& option) {
  return option.get_type_size() != 0;
}

std::string value_name(const CLI::Option& option) {
  const std::vector<std::string> choices = choices_of(option);
  if (!choices.empty()) return join(choices, "|");
  const std::string type = type_of(option);
  if (type == "INT" || type == "UINT") return "N";
  if (type == "FLOAT") return "X";
  return type;
}

}  // namespace

std::vector<std::string> choices_of(const CLI::Option& option) {
  const std::string text = option.get_type_name();
  const std::size_t open = text.find(":{"), close = text.rfind('}');
  if (open == std::string::npos || close == std::string::npos) return {};
  return split(text.substr(open + 2, close - open - 2), ',');
}

HelpFormatter::HelpFormatter() {
  label("SUBCOMMAND", "VERB");
  column_width(32);
}

std::string HelpFormatter::make_description(const CLI::App* app) const {
  return app->get_description() + "\n\n";
}

std::string HelpFormatter::make_subcommands(const CLI::App* app, CLI::AppFormatMode mode) const {
  std::string text = CLI::Formatter::make_subcommands(app, mode);
  // After the verb's own options, which end here.
  if (const CLI::App* parent = app->get_parent()) {
    for (const CLI::Option* option : parent->get_options()) {
      if (option != parent->get_help_ptr()) text += make_option(option, false);
    }
  }
  return text;
}

std::string HelpFormatter::make_option_opts(const CLI::Option* option) const {
  if (option->get_positional() || !takes_value(*option)) return "";
  return " " + value_name(*option);
}

std::string HelpFormatter::make_option_desc(const CLI::Option* option) const {
  std::string text = option->get_description();
  const std::string standard = option->get_default_str();
  if (!standard.empty()) text += " (default: " + standard + ")";
  if (option->get_required() && !option->get_positional()) text += " (required)";
  return text;
}

std::string HelpFormatter::make_option_usage(const CLI::Option* option) const {
  std::string name = option->get_name(true, false);
  const bool many = option->get_expected_max() >= CLI::detail::expected_max_vector_size;
  if (many) name += "...";
  return option->get_required() ? name : "[" + name + "]";
}

}  // namespace llmops::command

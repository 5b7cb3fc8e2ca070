#include "command/program.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <optional>
#include <sstream>
#include <system_error>

#include "base/error.h"
#include "base/json.h"
#include "base/signal.h"
#include "base/text.h"
#include "base/version.h"
#include "command/command.h"
#include "command/help.h"
#include "command/terminal.h"

namespace llmops::command {

namespace {

std::string help_text() {
  std::string text = fmt::format(
      "llmops {}: train, evaluate and track language models\n\n"
      "Usage: llmops COMMAND [options]\n\nCommands:\n",
      version());
  for (const Command& command : commands()) {
    text += fmt::format("  {:<12}{}\n", command.name, command.summary);
  }
  text += fmt::format(
      "\nOptions of every command:\n  -h, --help          Help of a command\n"
      "  --store PATH        {}\n  --no-color          {}\n"
      "\nOptions without a command:\n"
      "  --version           Version of this program\n",
      kStoreHelp, kNoColorHelp);
  return text;
}

const Command& find_command(std::string_view name) {
  std::vector<std::string> names;
  for (const Command& command : commands()) {
    if (command.name == name) return command;
    names.emplace_back(command.name);
  }
  Error error = usage_error("no such command '{}'", name);
  if (const auto near = nearest(name, names)) throw error.hint("did you mean " + *near + "?");
  throw error.hint("see llmops --help");
}

// The innermost command or verb that was named.
const CLI::App& innermost(const CLI::App& app) {
  const CLI::App* found = &app;
  while (!found->get_subcommands().empty()) found = found->get_subcommands().front();
  return *found;
}

// Returns a sentence of CLI11 in the words of this program.
std::string reworded(std::string text) {
  for (char& c : text) c = c == '\n' ? ' ' : c;
  text = std::string(trim(text));
  // "--progress: loud not in {auto,line}"
  constexpr std::string_view kNotIn = " not in {", kMissing = " missing";
  const std::size_t value = text.find(": ") + 2, end = text.rfind(kNotIn);
  if (end != std::string::npos && end >= value && text.ends_with('}')) {
    const std::string list = text.substr(end + kNotIn.size());
    return fmt::format("{}'{}' is not one of {}", text.substr(0, value),
                       text.substr(value, end - value),
                       join(split(list.substr(0, list.size() - 1), ','), ", "));
  }
  // "--set: 1 required KEY=VALUE missing"
  const std::string required = ": 1 required ";
  const std::size_t at = text.find(required);
  if (at != std::string::npos && text.ends_with(kMissing)) {
    const std::size_t what = at + required.size();
    return text.substr(0, at) + " needs " + text.substr(what, text.size() - kMissing.size() - what);
  }
  return text;
}

// What CLI11 found wrong, as one line.
Error describe(const CLI::ParseError& problem, const CLI::App& app) {
  const CLI::App& command = innermost(app);
  std::string name = command.get_name();
  for (const CLI::App* up = command.get_parent(); up != nullptr; up = up->get_parent()) {
    name = up->get_name() + " " + name;
  }
  name = name.substr(std::min(name.size(), name.find(' ') + 1));  // without "llmops"
  const std::string see = fmt::format("see llmops {} --help", name);
  const std::vector<std::string> extras = app.remaining(true);
  std::vector<std::string> verbs;
  for (const CLI::App* verb : command.get_subcommands({})) verbs.push_back(verb->get_name());
  if (extras.empty() && !verbs.empty()) {
    return usage_error("{}: name one of {}", name, join(verbs, ", "));
  }
  if (extras.empty()) {
    return usage_error("{}: {}", name, reworded(problem.what())).hint(see);
  }
  std::vector<std::string> known;
  const bool is_option = extras[0].starts_with('-');
  if (is_option) {
    for (const CLI::Option* option : command.get_options()) {
      if (option->get_group().empty()) continue;  // not shown
      for (const std::string& option_name : option->get_lnames())
        known.push_back("--" + option_name);
    }
  } else {
    known = verbs;
  }
  const std::string given = extras[0].substr(0, extras[0].find('='));
  const auto near = nearest(given, known);
  return usage_error("{}: {} '{}'", name,
                     is_option       ? "unknown option"
                     : known.empty() ? "unexpected argument"
                                     : "no such verb",
                     given)
      .hint(near ? "did you mean " + *near + "?" : see);
}

// Options that are allowed before the command as well as after it.
struct Leading {
  int command_at = 1;
  bool help = false, version = false;
};

Leading read_leading(const std::vector<std::string>& arguments, Invocation& invocation) {
  Leading leading;
  std::size_t i = 1;
  for (; i < arguments.size() && arguments[i].starts_with('-'); ++i) {
    const std::string& word = arguments[i];
    if (word == "-h" || word == "--help") {
      leading.help = true;
    } else if (word == "--version") {
      leading.version = true;
    } else if (word == "--no-color") {
      invocation.no_color = true;
    } else if (word.starts_with("--store=")) {
      invocation.store = word.substr(8);
    } else if (word == "--store" && i + 1 < arguments.size()) {
      invocation.store = arguments[++i];
    } else if (word == "--store") {
      throw usage_error("--store needs a path");
    } else {
      const std::vector<std::string> known{"--help", "--version", "--store", "--no-color"};
      const auto near = nearest(word, known);
      throw usage_error("unknown option '{}'", word)
          .hint(near ? "did you mean " + *near + "?" : "see llmops --help");
    }
  }
  leading.command_at = static_cast<int>(i);
  return leading;
}

ExitCode run_command(const Command& command, std::vector<std::string> words,
                     Invocation& invocation) {
  CLI::App app{std::string(command.summary), "llmops " + std::string(command.name)};
  app.formatter(std::make_shared<HelpFormatter>());
  app.set_help_flag("-h,--help", "This text");
  const Action action = command.define(app, invocation);
  app.add_option("--store", invocation.store, std::string(kStoreHelp))->type_name("PATH");
  app.add_flag("--no-color", invocation.no_color, std::string(kNoColorHelp));
  try {
    app.parse(std::move(words));
  } catch (const CLI::CallForHelp& call) {
    std::ostringstream help, nothing;
    app.exit(call, help, nothing);
    fmt::print(invocation.out, "{}", help.str());
    return ExitCode::kOk;
  } catch (const CLI::ParseError& problem) {
    throw describe(problem, app);
  }
  return action();
}

ExitCode dispatch(Invocation& invocation) {
  const Leading leading = read_leading(invocation.arguments, invocation);
  if (leading.version) {
    fmt::print(invocation.out, "llmops {}\n", version());
    return ExitCode::kOk;
  }
  const auto at = static_cast<std::size_t>(leading.command_at);
  if (leading.help) {
    fmt::print(invocation.out, "{}", help_text());
    return ExitCode::kOk;
  }
  if (at >= invocation.arguments.size()) {
    tell_text(invocation.err, help_text());
    return ExitCode::kUsage;
  }
  const Command& command = find_command(invocation.arguments[at]);
  // CLI11 wants the words last first.
  std::vector<std::string> words(invocation.arguments.rbegin(),
                                 invocation.arguments.rend() - leading.command_at - 1);
  return run_command(command, std::move(words), invocation);
}

ExitCode dispatch_and_flush(Invocation& invocation) {
  const ExitCode code = dispatch(invocation);
  flush_results(invocation.out);
  return code;
}

// A file that is opened while a standard stream is closed takes its number, and what is meant for
// the stream is written into the file. The wrong direction, so that using the stream still fails.
void reserve_standard_streams() {
  for (const int fd : {0, 1, 2}) {
    if (::fcntl(fd, F_GETFD) >= 0 || errno != EBADF) continue;
    if (::open("/dev/null", fd == 0 ? O_WRONLY : O_RDONLY) < 0) return;
  }
}

// Whether stderr is to hold JSON Lines and nothing else. Read from the words as they were typed,
// for errors of the other options too.
bool wants_json_lines(const std::vector<std::string>& words) {
  const auto option = std::ranges::find(words, "--progress");
  return (option < words.end() - 1 && option[1] == "json") ||
         std::ranges::find(words, "--progress=json") != words.end();
}

}  // namespace

Action define_verbs(CLI::App& app, const Invocation& invocation, std::span<const Command> verbs) {
  app.require_subcommand(1);
  std::vector<std::pair<CLI::App*, Action>> actions;
  for (const Command& verb : verbs) {
    CLI::App* child = app.add_subcommand(std::string(verb.name), std::string(verb.summary));
    child->group("Verbs");
    child->fallthrough();
    actions.emplace_back(child, verb.define(*child, invocation));
  }
  return [actions = std::move(actions)] {
    for (const auto& [child, action] : actions) {
      if (child->parsed()) return action();
    }
    return ExitCode::kUsage;
  };
}

int run_program(int argc, char** argv) {
  reserve_standard_streams();
  Invocation invocation;
  invocation.arguments.assign(argv, argv + argc);
  const char* no_color = std::getenv("NO_COLOR");
  invocation.no_color = no_color != nullptr && *no_color != '\0';
  install_signal_handlers();
  const bool json = wants_json_lines(invocation.arguments);
  const auto report = [&](ExitCode code, std::string_view what) {
    const int status = static_cast<int>(code);
    // Several lines are several problems, of a recipe for example.
    for (const std::string& line : split(what, '\n')) {
      if (json) {
        const Json object =
            Json::object().set("error", line).set("code", name_of(code)).set("exit_code", status);
        tell(invocation.err, "{}\n", object.dump());
      } else {
        tell(invocation.err, "llmops: {}\n", printable(line));
      }
    }
    return status;
  };
  try {
    return static_cast<int>(dispatch_and_flush(invocation));
  } catch (const Error& error) {
    std::fflush(invocation.out);
    return report(error.code(), error.what());
  } catch (const std::system_error& error) {
    if (std::ferror(invocation.out) == 0) return report(ExitCode::kFailed, error.what());
    // The results did not reach their reader. A reader that left is not a failure.
    if (error.code().value() == EPIPE) return static_cast<int>(ExitCode::kOk);
    return report(ExitCode::kStorage,
                  fmt::format("cannot write standard output: {}", error.code().message()));
  } catch (const std::bad_alloc&) {
    return report(ExitCode::kOutOfMemory, "out of memory");
  } catch (const std::exception& error) {
    return report(ExitCode::kFailed, fmt::format("internal error: {}", error.what()));
  }
}

}  // namespace llmops::command

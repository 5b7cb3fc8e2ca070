#include "command/completion_scripts.h"

#include <fmt/format.h>

#include <functional>

#include "base/text.h"
#include "recipe/shipped.h"

namespace llmops::command {

namespace {

constexpr const char* kRuns =
    R"sh(llmops track ls -n 50 --json 2>/dev/null | sed -n 's/^    "name": "\(.*\)",$/\1/p')sh";

void each(const CompletedCommand& command, const std::function<void(const CompletedCommand&)>& f) {
  f(command);
  for (const CompletedCommand& child : command.children) each(child, f);
}

std::string replaced(std::string text, std::string_view mark, std::string_view with) {
  for (std::size_t at = 0; (at = text.find(mark, at)) != std::string::npos; at += with.size()) {
    text.replace(at, mark.size(), with);
  }
  return text;
}

std::string quoted(const std::string& text) {
  return "'" + replaced(text, "'", R"('\'')") + "'";
}

bool names_run(const std::string& value) {
  return value == "RUN" || value == "MODEL";
}

std::string recipe_names() {
  std::vector<std::string> names;
  for (const recipe::Shipped& shipped : recipe::shipped_recipes()) {
    names.emplace_back(shipped.name);
  }
  return join(names, " ");
}

// Patterns of a shell's case for the commands and verbs, each in quotes.
std::string path_patterns(const CompletedCommand& program) {
  std::vector<std::string> patterns;
  each(program, [&](const CompletedCommand& command) {
    if (command.path.empty()) return;
    const bool verb = command.path.find(' ') != std::string::npos;
    patterns.push_back("'" + (verb ? command.path : " " + command.path) + "'");
  });
  return join(patterns, "|");
}

// Those of "COMMAND OPTION" for the options that take a value.
std::string value_patterns(const CompletedCommand& program) {
  std::vector<std::string> patterns;
  each(program, [&](const CompletedCommand& command) {
    for (const CompletedOption& option : command.options) {
      if (option.value.empty()) continue;
      for (const std::string& name : option.names) {
        patterns.push_back("'" + command.path + " " + name + "'");
      }
    }
  });
  return join(patterns, "|");
}

// Lines of a case with what `words` gives for an option's value, where that is known.
std::string value_cases(const CompletedCommand& program, const std::string& open,
                        const std::function<std::string(const std::string&)>& offer) {
  std::string text;
  each(program, [&](const CompletedCommand& command) {
    for (const CompletedOption& option : command.options) {
      const bool run = names_run(option.value);
      if (option.choices.empty() && !run) continue;
      for (const std::string& name : option.names) {
        text += fmt::format("    {}'{} {}') {} ;;\n", open, command.path, name,
                            offer(run ? "@last $(_llmops_runs)" : join(option.choices, " ")));
      }
    }
  });
  return text;
}

// What the first argument of a command may be, as words of a shell; empty for files alone.
std::string argument_words(const CompletedCommand& command) {
  if (!command.choices.empty()) return join(command.choices, " ");
  if (names_run(command.argument)) return "@last $(_llmops_runs)";
  if (command.argument == "RECIPE" || command.argument == "NAME") return recipe_names();
  return "";
}

std::string option_names(const CompletedCommand& command) {
  std::string text;
  for (const CompletedOption& option : command.options) {
    for (const std::string& name : option.names) text += (text.empty() ? "" : " ") + name;
  }
  return text;
}

}  // namespace

std::string bash_completion(const CompletedCommand& program) {
  std::string options, arguments;
  each(program, [&](const CompletedCommand& command) {
    options += fmt::format("      '{}') words='{}' ;;\n", command.path, option_names(command));
    std::string words = argument_words(command);
    for (const CompletedCommand& child : command.children) {
      words += (words.empty() ? "" : " ") + child.path.substr(child.path.rfind(' ') + 1);
    }
    if (!words.empty()) {
      arguments += fmt::format("      '{} 0') words=\"{}\" ;;\n", command.path, words);
    }
    if (command.takes_settings) {
      arguments += fmt::format("      '{} '[1-9]*) words=$(_llmops_keys); compopt -o nospace ;;\n",
                               command.path);
    }
  });
  std::string text = R"(# Completion of llmops for bash; made by llmops completion bash.
_llmops_runs() { @RUNS; }
_llmops_keys() { llmops recipe schema --keys 2>/dev/null | sed 's/$/=/'; }
_llmops() {
  local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} at='' words='' word i n=0
  for ((i = 1; i < COMP_CWORD; i++)); do
    word=${COMP_WORDS[i]}
    case "$at $word" in
      @VALUED) ((i++)) ;;
      @PATHS) at=${at:+$at }$word ;;
      *) [[ $word == -* ]] || ((n++)) ;;
    esac
  done
  case "$at $prev" in
@VALUES    @VALUED) ;;
    *)
    if [[ $cur == -* ]]; then case $at in
@OPTIONS    esac; else case "$at $n" in
@ARGUMENTS    esac; fi ;;
  esac
  COMPREPLY=($(compgen -W "$words" -- "$cur"))
}
complete -o bashdefault -o default -F _llmops llmops
)";
  text = replaced(std::move(text), "@RUNS", kRuns);
  text = replaced(std::move(text), "@VALUED", value_patterns(program));
  text = replaced(std::move(text), "@PATHS", path_patterns(program));
  text = replaced(
      std::move(text), "@VALUES",
      value_cases(program, "", [](const std::string& words) { return "words=\"" + words + "\""; }));
  text = replaced(std::move(text), "@OPTIONS", options);
  return replaced(std::move(text), "@ARGUMENTS", arguments);
}

std::string zsh_completion(const CompletedCommand& program) {
  const auto described = [](const std::string& word, const std::string& description) {
    return " " + quoted(replaced(word, ":", "\\:") + ":" + description);
  };
  std::string options, arguments;
  each(program, [&](const CompletedCommand& command) {
    options += fmt::format("      ('{}') offered=(", command.path);
    for (const CompletedOption& option : command.options) {
      for (const std::string& name : option.names) options += described(name, option.description);
    }
    options += ") ;;\n";
    if (!command.children.empty()) {
      arguments += fmt::format("    ('{} 0') offered=(", command.path);
      for (const CompletedCommand& child : command.children) {
        arguments += described(child.path.substr(child.path.rfind(' ') + 1), child.description);
      }
      arguments += "); _describe command offered ;;\n";
    } else if (const std::string words = argument_words(command); !words.empty()) {
      const bool closed = command.argument == "RUN" || !command.choices.empty();
      arguments += fmt::format("    ('{} 0') compadd -- {}{} ;;\n", command.path, words,
                               closed ? "" : "; _files");
    }
    if (command.takes_settings) {
      arguments += fmt::format("    ('{} '[1-9]*) compadd -S '' -- $(_llmops_keys); _files ;;\n",
                               command.path);
    }
  });
  std::string text = R"(#compdef llmops
# Completion of llmops for zsh; made by llmops completion zsh.
_llmops_runs() { @RUNS; }
_llmops_keys() { llmops recipe schema --keys 2>/dev/null | sed 's/$/=/'; }
_llmops() {
  local at='' word prev=${words[CURRENT-1]}
  local -i i n=0
  local -a offered
  for ((i = 2; i < CURRENT; i++)); do
    word=${words[i]}
    case "$at $word" in
      (@VALUED) ((i++)) ;;
      (@PATHS) at=${at:+$at }$word ;;
      (*) [[ $word == -* ]] || ((n++)) ;;
    esac
  done
  case "$at $prev" in
@VALUES    (@VALUED) _files; return ;;
  esac
  if [[ $PREFIX == -* ]]; then
    case $at in
@OPTIONS    esac
    _describe -o option offered
    return
  fi
  case "$at $n" in
@ARGUMENTS    (*) _files ;;
  esac
}
if [[ $funcstack[1] == _llmops ]]; then _llmops "$@"; else compdef _llmops llmops; fi
)";
  text = replaced(std::move(text), "@RUNS", kRuns);
  text = replaced(std::move(text), "@VALUED", value_patterns(program));
  text = replaced(std::move(text), "@PATHS", path_patterns(program));
  text =
      replaced(std::move(text), "@VALUES", value_cases(program, "(", [](const std::string& words) {
                 return "compadd -- " + words + "; return";
               }));
  text = replaced(std::move(text), "@OPTIONS", options);
  return replaced(std::move(text), "@ARGUMENTS", arguments);
}

std::string fish_completion(const CompletedCommand& program) {
  std::vector<std::string> paths;
  std::string lines;
  each(program, [&](const CompletedCommand& command) {
    if (!command.path.empty()) paths.push_back("'" + command.path + "'");
    const std::string here =
        fmt::format("complete -c llmops -n '__llmops_is \"{}\"'", command.path);
    for (const CompletedCommand& child : command.children) {
      lines += fmt::format("{} -f -a {} -d {}\n", here,
                           child.path.substr(child.path.rfind(' ') + 1), quoted(child.description));
    }
    const std::string words =
        replaced(argument_words(command), "$(_llmops_runs)", "(__llmops_runs)");
    if (!words.empty()) {
      lines += fmt::format("{}{} -a '{}'\n", here, command.argument == "RUN" ? " -f" : "", words);
    }
    if (command.takes_settings) lines += here + " -a '(__llmops_keys)'\n";
    for (const CompletedOption& option : command.options) {
      lines += here;
      for (const std::string& name : option.names) {
        lines += name.starts_with("--") ? " -l " + name.substr(2) : " -s " + name.substr(1);
      }
      if (!option.choices.empty()) {
        lines += fmt::format(" -x -a '{}'", join(option.choices, " "));
      } else if (names_run(option.value)) {
        lines += " -r -a '@last (__llmops_runs)'";
      } else if (!option.value.empty()) {
        lines += " -r";
      }
      lines += " -d " + quoted(option.description) + "\n";
    }
  });
  std::string text = R"(# Completion of llmops for fish; made by llmops completion fish.
function __llmops_runs; @RUNS; end
function __llmops_keys; llmops recipe schema --keys 2>/dev/null | sed 's/$/=/'; end
function __llmops_is
    set -l at
    for word in (commandline -opc)[2..-1]
        switch "$at $word"
            case @PATHS
                set at (string trim -- "$at $word")
        end
    end
    test "$at" = "$argv[1]"
end
)";
  text = replaced(std::move(text), "@RUNS", kRuns);
  text = replaced(std::move(text), "@PATHS", replaced(path_patterns(program), "|", " "));
  return text + lines;
}

}  // namespace llmops::command

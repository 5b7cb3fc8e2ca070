#pragma once

#include "command/command.h"

// The commands of the table in command_table.cpp, and verbs that have a source of their own.
namespace llmops::command {

Command completion_command();
Command data_command();
Command eval_command();
Command generate_command();
Command recipe_command();
Command track_command();
Command train_command();

Action define_track_plot(CLI::App& app, const Invocation& invocation);  // the verb `track plot`

}  // namespace llmops::command

#pragma once

#include "command/command.h"

namespace llmops::command {

// The verb `track plot`.
Action define_track_plot(CLI::App& app, const Invocation& invocation);

}  // namespace llmops::command

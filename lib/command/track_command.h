#pragma once

#include "command/command.h"

namespace llmops::command {

Command track_command();  // ls, show, plot, tail

}  // namespace llmops::command

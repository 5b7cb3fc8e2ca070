#pragma once

#include "command/command.h"

namespace llmops::command {

Command eval_command();

}  // namespace llmops::command

#pragma once

#include "command/command.h"

namespace llmops::command {

Command train_command();

}  // namespace llmops::command

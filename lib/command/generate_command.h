#pragma once

#include "command/command.h"

namespace llmops::command {

Command generate_command();

}  // namespace llmops::command

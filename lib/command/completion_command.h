#pragma once

#include "command/command.h"

namespace llmops::command {

Command completion_command();

}  // namespace llmops::command

#pragma once

#include "command/command.h"

namespace llmops::command {

Command recipe_command();

}  // namespace llmops::command

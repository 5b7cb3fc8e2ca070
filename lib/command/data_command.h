#pragma once

#include "command/command.h"

namespace llmops::command {

// llmops data show | prepare | synth
Command data_command();

}  // namespace llmops::command

#pragma once

#include "command/command.h"
#include "store/store.h"

namespace llmops::command {

// The store of a command that reads; Error(kNotFound) when there is none. Warns on err when it was
// made by a newer llmops.
store::Store open_store(const Invocation& invocation);

}  // namespace llmops::command

#pragma once

namespace llmops::command {

// The whole program: parses the arguments, runs one command, prints an Error as one line and
// returns the exit status.
int run(int argc, char** argv);

}  // namespace llmops::command

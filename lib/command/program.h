#pragma once

namespace llmops::command {

// Parses the arguments, runs one command, prints an Error as one line, and returns the exit status
// of the process.
int run_program(int argc, char** argv);

}  // namespace llmops::command

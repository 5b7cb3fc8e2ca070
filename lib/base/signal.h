#pragma once

#include <string_view>

#include "base/exit_code.h"

namespace llmops {

// SIGINT, SIGTERM and SIGHUP ask the running command to save and exit. A second one ends the
// process within a second, with status 1 (or that of the signal). SIGUSR1 asks for a save. SIGPIPE
// and SIGXFSZ (a file over the user's limit) are ignored: the write fails instead, and a write to a
// closed stdout ends the command quietly. Handlers only set flags, which long loops poll (every
// step, every tokenized chunk). If SIGHUP or SIGINT was ignored when the program started, it stays
// ignored: nohup and shells rely on that.
void install_signal_handlers();

bool stop_requested();
ExitCode stop_exit_code();            // 129, 130 or 143
std::string_view stop_signal_name();  // "SIGTERM"
bool take_save_request();             // true once per SIGUSR1

// Throws Error(stop_exit_code()) when a stop was requested. For work that has nothing to save.
void throw_if_stop_requested(std::string_view doing);

}  // namespace llmops

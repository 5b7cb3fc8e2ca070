#include "base/signal.h"

#include <fmt/format.h>
#include <unistd.h>

#include <atomic>
#include <csignal>

#include "base/error.h"

namespace llmops {

namespace {

// The only state that handlers touch. It is lock-free, hence async-signal-safe.
std::atomic<int> g_stop_signal{0};
std::atomic<bool> g_save_requested{false};
static_assert(std::atomic<int>::is_always_lock_free && std::atomic<bool>::is_always_lock_free);

extern "C" void handle_stop(int number) {
  int none = 0;
  if (!g_stop_signal.compare_exchange_strong(none, number)) {
    _exit(static_cast<int>(ExitCode::kFailed));
  }
}

extern "C" void handle_save(int) {
  g_save_requested.store(true);
}

void install(int number, void (*handler)(int)) {
  struct sigaction action {};
  action.sa_handler = handler;
  action.sa_flags = SA_RESTART;
  sigemptyset(&action.sa_mask);
  sigaction(number, &action, nullptr);
}

void install_unless_ignored(int number, void (*handler)(int)) {
  struct sigaction now {};
  sigaction(number, nullptr, &now);
  if (now.sa_handler != SIG_IGN) install(number, handler);
}

}  // namespace

void install_signal_handlers() {
  g_stop_signal.store(0);
  g_save_requested.store(false);
  install_unless_ignored(SIGINT, handle_stop);
  install(SIGTERM, handle_stop);
  install_unless_ignored(SIGHUP, handle_stop);
  install(SIGUSR1, handle_save);
  install(SIGPIPE, SIG_IGN);
  install(SIGXFSZ, SIG_IGN);
}

bool stop_requested() {
  return g_stop_signal.load(std::memory_order_relaxed) != 0;
}

ExitCode stop_exit_code() {
  switch (g_stop_signal.load()) {
    case SIGHUP:
      return ExitCode::kHangup;
    case SIGINT:
      return ExitCode::kInterrupted;
    default:
      return ExitCode::kTerminated;
  }
}

std::string_view stop_signal_name() {
  switch (g_stop_signal.load()) {
    case 0:
      return "";
    case SIGHUP:
      return "SIGHUP";
    case SIGINT:
      return "SIGINT";
    default:
      return "SIGTERM";
  }
}

bool take_save_request() {
  return g_save_requested.exchange(false);
}

void throw_if_stop_requested(std::string_view doing) {
  if (!stop_requested()) return;
  throw Error(stop_exit_code(), fmt::format("{}: stopped by {}", doing, stop_signal_name()));
}

}  // namespace llmops

# Writes OUTPUT, the source of build_commit(), for the state of the git folder SOURCE; leaves the
# file alone when it says so already. Every build runs this, so that a commit compiles one file.
#   cmake -DSOURCE=... -DOUTPUT=... -P commit.cmake
set(commit unknown)
# An unpacked archive may lie inside the repository of something else.
execute_process(COMMAND git --no-optional-locks -C ${SOURCE} rev-parse --show-toplevel
  OUTPUT_VARIABLE top OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
file(REAL_PATH ${SOURCE} folder)
if(top STREQUAL folder)
  execute_process(COMMAND git --no-optional-locks -C ${SOURCE} rev-parse HEAD
    OUTPUT_VARIABLE head OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET RESULT_VARIABLE failed)
  execute_process(COMMAND git --no-optional-locks -C ${SOURCE} status --porcelain
    --untracked-files=no OUTPUT_VARIABLE changes ERROR_QUIET)
  if(NOT failed)
    set(commit ${head})
    if(changes)
      string(APPEND commit -dirty)
    endif()
  endif()
endif()
file(CONFIGURE OUTPUT ${OUTPUT} @ONLY CONTENT [[
#include "command/build_commit.h"

namespace llmops::command {

std::string_view build_commit() {
  return "@commit@";
}

}  // namespace llmops::command
]])

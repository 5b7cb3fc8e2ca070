#pragma once

#include <string_view>

#include "store/query.h"
#include "store/store.h"

namespace llmops::track {

// Returns the run that an argument names:
//   01K5Z3N8        the beginning of an id, at least 4 characters
//   my-run          a name
//   @last  @last~2  the newest, the second before it
//   @best:-eval/loss  @best:eval/accuracy    lowest, highest value that a metric ever had
// Throws Error(kNotFound) with a near name when there is none, and Error(kUsage) with the ids when
// there are several.
store::Run resolve_run(store::Store& store, std::string_view argument);

}  // namespace llmops::track

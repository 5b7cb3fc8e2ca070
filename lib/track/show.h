#pragma once

#include <string>

#include "base/json.h"
#include "store/run.h"
#include "store/store.h"

namespace llmops::track {

// Returns everything that is recorded of one run, for a reader and for a program. The JSON has the
// members of run_json() and: params, metrics (name -> {last, min, max, first, n, step}), tags,
// digests, recipe, git, hardware, versions, attempts, events, samples, artifacts.
std::string show_text(store::Store& store, const store::Run& run, bool color);
Json show_json(store::Store& store, const store::Run& run);

// Returns one recorded text of the newest attempt; throws Error(kNotFound) when the run has none. A
// comment at the top of the resolved recipe names the folder that its paths are relative to.
enum class Recorded { kRecipeGiven, kRecipeResolved, kGitDiff };
std::string recorded_text(store::Store& store, const store::Run& run, Recorded what);
// Returns every sample in full, under a line with its step.
std::string samples_text(store::Store& store, const store::Run& run, bool color);

}  // namespace llmops::track

#include "track/resolve.h"

#include <algorithm>
#include <cctype>

#include "base/error.h"
#include "base/text.h"

namespace llmops::track {

namespace {

using store::Run;
using store::Store;

constexpr std::int64_t kCandidates = 5;

Error no_run(Store& store, std::string_view argument) {
  Error error(ExitCode::kNotFound, fmt::format("no run '{}'", printable(argument)));
  store::RunFilter recent;
  recent.limit = 1000;
  std::vector<std::string> names;
  for (const Run& run : list_runs(store, recent)) names.push_back(run.name);
  if (const auto near = nearest(argument, names)) {
    return error.hint(fmt::format("did you mean {}?", printable(*near)));
  }
  return error.hint("see llmops track ls");
}

Run newest(Store& store, std::string_view argument, std::string_view back) {
  store::RunFilter filter;
  filter.limit = 1;
  if (!back.empty()) {
    const auto skip = back.front() == '~' ? parse_int(back.substr(1)) : std::nullopt;
    if (!skip || *skip < 0) {
      throw usage_error("'{}': write @last or @last~N", printable(argument));
    }
    filter.skip = *skip;
  }
  auto runs = list_runs(store, filter);
  if (runs.empty()) {
    throw Error(ExitCode::kNotFound,
                fmt::format("'{}': the store has {} runs", argument, count_runs(store)));
  }
  return std::move(runs.front());
}

Run best(Store& store, std::string_view metric) {
  const bool lowest = metric.starts_with('-');
  if (lowest) metric.remove_prefix(1);
  if (auto run = find_best(store, metric, lowest)) return std::move(*run);
  throw Error(ExitCode::kNotFound, fmt::format("no run has a metric '{}'", printable(metric)));
}

std::vector<Run> by_id(Store& store, std::string_view argument) {
  if (argument.size() < 4 || argument.size() > 26) return {};
  std::string prefix(argument);
  std::ranges::transform(prefix, prefix.begin(),
                         [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  return find_by_prefix(store, prefix, kCandidates);
}

}  // namespace

Run resolve_run(Store& store, std::string_view argument) {
  constexpr std::string_view kLast = "@last", kBest = "@best:";
  if (argument.starts_with(kLast)) return newest(store, argument, argument.substr(kLast.size()));
  if (argument.starts_with(kBest)) return best(store, argument.substr(kBest.size()));

  store::RunFilter named;
  named.name = argument;
  named.limit = kCandidates;
  std::vector<Run> found = list_runs(store, named);
  for (Run& run : by_id(store, argument)) {
    const auto same = [&](const Run& other) { return other.row == run.row; };
    if (std::ranges::none_of(found, same)) found.push_back(std::move(run));
  }
  if (found.empty()) throw no_run(store, argument);
  if (found.size() > 1) {
    std::vector<std::string> candidates;
    const auto ids = short_ids(store, found);
    for (std::size_t i = 0; i < found.size(); ++i) {
      candidates.push_back(fmt::format("{} ({})", ids[i], printable(found[i].name)));
    }
    throw usage_error("'{}' names several runs: {}", printable(argument), join(candidates, ", "))
        .hint("give the id");
  }
  return std::move(found.front());
}

}  // namespace llmops::track

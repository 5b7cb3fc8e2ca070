// Prints, as JSON, how fast a model generates and reads a text, and what the machine reads:
//
//   generate_speed FOLDER [bf16]
#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <string_view>
#include <thread>
#include <vector>

#include "base/resources.h"
#include "base/time.h"
#include "engine/engine.h"

namespace {

using namespace llmops;

constexpr std::int64_t kTokens = 48, kPrompt = 2000, kRequests = 8;

// Bytes a second that all cores read, of the best of some passes over memory that no cache holds.
double read_rate() {
  const auto threads = static_cast<std::size_t>(available_cores());
  const std::size_t words = std::size_t{64} << 20;
  std::vector<std::uint64_t> memory(words, 1);
  std::vector<std::uint64_t> sums(threads);
  double best = 1e9;
  for (int pass = 0; pass < 8; ++pass) {
    const double start = monotonic_seconds();
    std::vector<std::jthread> team;
    for (std::size_t t = 0; t < threads; ++t) {
      team.emplace_back([&, t] {
        std::uint64_t parts[8] = {};
        const std::size_t begin = words * t / threads, end = words * (t + 1) / threads;
        for (std::size_t i = begin; i + 8 <= end; i += 8) {
          for (std::size_t k = 0; k < 8; ++k) parts[k] += memory[i + k];
        }
        for (const std::uint64_t part : parts) sums[t] += part;
      });
    }
    team.clear();
    best = std::min(best, monotonic_seconds() - start);
  }
  return static_cast<double>(words * sizeof(std::uint64_t)) / best;
}

engine::GenerateRequest request(std::int64_t prompt, std::int64_t tokens, std::int32_t first) {
  engine::GenerateRequest one;
  for (std::int64_t i = 0; i < prompt; ++i) {
    one.prompt.push_back(static_cast<std::int32_t>((first + 7 * i) % 1000));
  }
  one.max_tokens = tokens;
  one.sampling.temperature = 0;
  return one;
}

// Seconds of a step that gives one token of each of `count` answers, the median.
double step_seconds(engine::Model& model, std::int64_t count) {
  for (std::int64_t i = 0; i < count; ++i) {
    model.submit(request(16, kTokens, static_cast<std::int32_t>(i)));
  }
  std::vector<double> seconds;
  for (bool more = true; more;) {
    const double start = monotonic_seconds();
    more = model.step([](const engine::TokenEvent&) {});
    seconds.push_back(monotonic_seconds() - start);
  }
  std::sort(seconds.begin(), seconds.end());
  return seconds[seconds.size() / 2];
}

double prompt_seconds(engine::Model& model, std::int64_t tokens) {
  double best = 1e9;
  for (int i = 0; i < 3; ++i) {
    const double start = monotonic_seconds();
    model.submit(request(tokens, 1, static_cast<std::int32_t>(i)));
    while (model.step([](const engine::TokenEvent&) {})) {
    }
    best = std::min(best, monotonic_seconds() - start);
  }
  return best;
}

}  // namespace

int main(int argc, char** argv) {
  const bool bf16 = argc == 3 && std::string_view(argv[2]) == "bf16";
  if (argc != 2 + bf16) {
    std::fputs("usage: generate_speed FOLDER [bf16]\n", stderr);
    return 2;
  }
  auto& engine = engine::load_engine("cpu");
  const std::uint64_t level = resident_anonymous_bytes();
  engine::LoadOptions options;
  options.precision = bf16 ? "bf16" : "fp32";
  const std::unique_ptr<engine::Model> model = engine.load_model(argv[1], options);
  const std::uint64_t loaded = resident_anonymous_bytes() - level;
  const std::int64_t prompt = std::min(kPrompt, model->max_length() - 2);
  const double reads = read_rate();
  const double one = step_seconds(*model, 1), many = step_seconds(*model, kRequests);
  fmt::print(
      "{{\"read_bytes_per_s\": {:.4g}, \"loaded_bytes\": {}, \"step_s\": {:.6f}, "
      "\"step_{}_s\": {:.6f}, \"prompt_tokens\": {}, \"prompt_s\": {:.4f}}}\n",
      reads, loaded, one, kRequests, many, prompt, prompt_seconds(*model, prompt));
  return 0;
}

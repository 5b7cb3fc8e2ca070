#include <CLI/CLI.hpp>
#include <memory>

#include "base/error.h"
#include "base/signal.h"
#include "base/text.h"
#include "command/arguments.h"
#include "command/commands.h"
#include "engine/engine.h"
#include "tokenizer/tokenizer.h"

namespace llmops::command {

namespace {

struct Options {
  std::string model, prompt;
  engine::GenerateRequest request;
  std::int64_t seed = 42;
  std::vector<std::string> stops;
  engine::LoadOptions compute;
  bool json = false;
};

// Watches a growing text for stop strings. Text that may be the beginning of one is held back.
class StopFinder {
 public:
  explicit StopFinder(const std::vector<std::string>& stops) : stops_(stops) {}

  // Returns what can be shown now.
  std::string push(const std::string& text) {
    held_ += text;
    for (const std::string& stop : stops_) {
      const auto found = held_.find(stop);
      if (found != std::string::npos && found < stop_at_) stop_at_ = found;
    }
    if (stopped()) return held_.substr(0, stop_at_);
    const std::size_t keep = longest_beginning();
    std::string shown = held_.substr(0, held_.size() - keep);
    held_.erase(0, shown.size());
    return shown;
  }
  bool stopped() const { return stop_at_ != std::string::npos; }
  std::string rest() const { return stopped() ? "" : held_; }

 private:
  // The longest end of the held text that a stop string begins with.
  std::size_t longest_beginning() const {
    std::size_t longest = 0;
    for (const std::string& stop : stops_) {
      for (std::size_t n = std::min(stop.size() - 1, held_.size()); n > longest; --n) {
        if (held_.ends_with(std::string_view(stop).substr(0, n))) longest = n;
      }
    }
    return longest;
  }

  const std::vector<std::string>& stops_;
  std::string held_;
  std::size_t stop_at_ = std::string::npos;
};

struct Generated {
  std::string text;
  std::vector<std::int32_t> ids;
  engine::FinishReason finish = engine::FinishReason::kNone;
};

Generated run(engine::Model& model, const tokenizer::Tokenizer& tokenizer, const Options& options,
              const Invocation& invocation) {
  Generated generated;
  tokenizer::StreamDecoder decoder(tokenizer);
  StopFinder stops(options.stops);
  const auto show = [&](const std::string& text) {
    generated.text += text;
    if (options.json) return;
    fmt::print(invocation.out, "{}", printable(text, true));
    flush_results(invocation.out);
  };
  const engine::RequestId id = model.submit(options.request);
  if (!options.json) fmt::print(invocation.out, "{}", printable(options.prompt, true));
  const auto on_token = [&](const engine::TokenEvent& event) {
    if (event.error) throw Error(*event.error);
    if (stops.stopped()) return;
    if (event.token) {
      generated.ids.push_back(*event.token);
      show(stops.push(decoder.push(*event.token)));
    }
    generated.finish = stops.stopped() ? engine::FinishReason::kStop : event.finish;
    if (stops.stopped()) model.cancel(id);
  };
  while (model.step(on_token)) {
    if (!stop_requested()) continue;
    generated.finish = engine::FinishReason::kCancelled;
    break;
  }
  if (!stops.stopped()) {
    show(stops.push(decoder.finish()));
    show(stops.rest());
  }
  return generated;
}

ExitCode generate(Options& options, const Invocation& invocation) {
  const std::string folder = model_folder(invocation, options.model);
  const auto tokenizer = load_tokenizer(folder);
  tokenizer->encode(options.prompt, options.request.prompt);
  if (const auto eos = tokenizer->eos()) options.request.stop_tokens.push_back(*eos);
  options.request.sampling.tokens = tokenizer->vocab_size();
  options.request.sampling.seed = static_cast<std::uint64_t>(options.seed);
  options.compute.device = resolve_device(options.compute.device);
  const auto model =
      engine::load_engine(options.compute.device).load_model(folder, options.compute);
  check_tokenizer(*tokenizer, *model, folder);
  const Generated generated = run(*model, *tokenizer, options, invocation);
  if (options.json) {
    Json ids = Json::array();
    for (std::int32_t id : generated.ids) ids.push(std::int64_t{id});
    const Json line = Json::object()
                          .set("text", generated.text)
                          .set("token_ids", ids)
                          .set("finish_reason", engine::name_of(generated.finish));
    fmt::print(invocation.out, "{}\n", line.dump());
  } else {
    fmt::print(invocation.out, "\n");
  }
  if (stop_requested()) return stop_exit_code();
  return ExitCode::kOk;
}

std::string refuse_empty(const std::string& text) {
  return text.empty() ? "an empty text ends nothing" : "";
}

Action define(CLI::App& app, const Invocation& invocation) {
  auto options = std::make_shared<Options>();
  engine::GenerateRequest& request = options->request;
  app.add_option("MODEL", options->model, kModelHelp)->required();
  app.add_option("PROMPT", options->prompt, "Text to continue; may be left out");
  app.add_option("--max-tokens", request.max_tokens, "Most tokens to generate")
      ->check(whole_number(config::between(1, 1e7)))
      ->capture_default_str();
  app.add_option("--temperature", request.sampling.temperature, "0 takes the most likely token")
      ->check(number(config::between(0, 100)))
      ->capture_default_str();
  app.add_option("--top-k", request.sampling.top_k, "Draw among the N most likely; 0 = all")
      ->check(whole_number(config::between(0, 1 << 24)))
      ->capture_default_str();
  app.add_option("--top-p", request.sampling.top_p,
                 "Draw among the most likely whose probabilities reach X")
      ->check(number(config::between(0, 1).exclude_low()))
      ->capture_default_str();
  app.add_flag("--slide", request.slide,
               "Continue past the model's length: read the newer half of the text again");
  app.add_option("--seed", options->seed, "The same seed gives the same text")
      ->check(whole_number(config::at_least(0)))
      ->capture_default_str();
  app.add_option("--stop", options->stops, "End before this text; may be repeated")
      ->allow_extra_args(false)
      ->check(refuse_empty);
  add_compute_options(app, options->compute);
  app.add_flag("--json", options->json, "An object with text, token_ids and finish_reason");
  return [options, &invocation] { return generate(*options, invocation); };
}

}  // namespace

Command generate_command() {
  return {"generate", "Generate text with a model", define};
}

}  // namespace llmops::command

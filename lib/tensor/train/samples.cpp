#include "tensor/train/samples.h"

#include <fmt/format.h>

#include <map>

#include "base/error.h"
#include "base/file.h"
#include "tokenizer/tokenizer.h"

namespace llmops::tensor {

namespace {

engine::GenerateRequest request_of(const engine::TrainJob& job, const std::string& prompt,
                                   std::int64_t step, std::int64_t number) {
  const recipe::Generate& settings = job.recipe.generate;
  const tokenizer::Tokenizer& tokenizer = job.dataset->tokenizer();
  engine::GenerateRequest request;
  tokenizer.encode(prompt, request.prompt);
  request.max_tokens = settings.max_tokens;
  request.slide = true;
  const auto seed = static_cast<std::uint64_t>(job.recipe.seed) +
                    static_cast<std::uint64_t>(1000 * step + number);
  request.sampling = {settings.temperature, settings.top_k, settings.top_p, seed,
                      tokenizer.vocab_size()};
  if (const auto eos = tokenizer.eos()) request.stop_tokens.push_back(*eos);
  return request;
}

struct Sample {
  std::string prompt;
  std::vector<std::int32_t> ids;
  bool failed = false;
};

}  // namespace

bool write_samples(const engine::TrainJob& job,
                   const std::function<std::unique_ptr<engine::Model>()>& make_model,
                   std::int64_t step, engine::TrainHost& host) {
  const std::vector<std::string>& prompts = job.recipe.generate.prompts;
  std::string problem;  // the first
  const auto note = [&problem](const std::exception& error) {
    const std::string_view text = error.what();  // ATen's continues with a stack
    if (problem.empty()) problem = text.substr(0, text.find('\n'));
  };
  std::map<engine::RequestId, Sample> samples;  // in the order of their numbers
  try {
    const auto model = make_model();
    for (std::int64_t i = 0; i < job.recipe.generate.count; ++i) {
      const std::string prompt =
          prompts.empty() ? std::string() : prompts[static_cast<std::size_t>(i) % prompts.size()];
      try {
        samples[model->submit(request_of(job, prompt, step, i))].prompt = prompt;
      } catch (const Error& error) {
        note(error);
      }
    }
    const auto on_token = [&](const engine::TokenEvent& event) {
      Sample& sample = samples.at(event.request);
      if (event.token) sample.ids.push_back(*event.token);
      sample.failed = event.error.has_value();
      if (event.error) note(*event.error);
    };
    while (!samples.empty() && model->step(on_token)) {
      fault_point("train.sample");
      if (host.stop_requested()) return false;
    }
    for (const auto& [id, sample] : samples) {
      if (sample.failed) continue;
      host.sample(step, sample.prompt, job.dataset->tokenizer().decode(sample.ids));
    }
  } catch (const std::exception& error) {
    note(error);
  }
  if (!problem.empty()) {
    host.event("warning", "no_sample", step, fmt::format("no sample: {}", problem));
  }
  return true;
}

}  // namespace llmops::tensor

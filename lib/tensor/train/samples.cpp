#include "tensor/train/samples.h"

#include <fmt/format.h>

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
  const auto seed = static_cast<std::uint64_t>(job.recipe.seed) +
                    static_cast<std::uint64_t>(1000 * step + number);
  request.sampling = {settings.temperature, settings.top_k, settings.top_p, seed,
                      tokenizer.vocab_size()};
  if (const auto eos = tokenizer.eos()) request.stop_tokens.push_back(*eos);
  return request;
}

}  // namespace

bool write_samples(const engine::TrainJob& job,
                   const std::function<std::unique_ptr<engine::Model>()>& make_model,
                   std::int64_t step, engine::TrainHost& host) {
  const std::vector<std::string>& prompts = job.recipe.generate.prompts;
  try {
    const auto model = make_model();
    for (std::int64_t i = 0; i < job.recipe.generate.count; ++i) {
      const std::string prompt =
          prompts.empty() ? std::string() : prompts[static_cast<std::size_t>(i) % prompts.size()];
      model->submit(request_of(job, prompt, step, i));
      std::vector<std::int32_t> ids;
      while (model->step([&](const engine::TokenEvent& event) {
        if (event.token) ids.push_back(*event.token);
      })) {
        fault_point("train.sample");
        if (host.stop_requested()) return false;
      }
      host.sample(step, prompt, job.dataset->tokenizer().decode(ids));
    }
  } catch (const std::exception& error) {
    const std::string_view text = error.what();  // ATen's goes on with a stack
    host.event("warning", "no_sample", step,
               fmt::format("no sample: {}", text.substr(0, text.find('\n'))));
  }
  return true;
}

}  // namespace llmops::tensor

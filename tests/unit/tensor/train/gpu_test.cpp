#include <cmath>

#include "tests/catch.h"
#include "tests/temporary_directory.h"
#include "tests/unit/tensor/cuda.h"
#include "tests/unit/tensor/train/loop.h"

namespace llmops::tensor {

namespace {

engine::TrainJob job_on(const std::string& device, const data::Dataset& data,
                        const std::string& folder) {
  engine::TrainJob job = chain_job(data, folder, 60);
  job.config.dropout = 0.1;
  job.recipe.train.device = device;
  job.recipe.train.ema_decay = 0.9;
  return job;
}

}  // namespace

TEST_CASE("a run on a GPU has the losses of the same run on the CPU, and resumes", "[.gpu]") {
  if (!has_cuda()) return;
  const ChainData data;
  for (const plan::Precision precision : {plan::Precision::kFp32, plan::Precision::kBf16Mixed}) {
    CAPTURE(static_cast<int>(precision));
    const TemporaryDirectory cpu, gpu, parts;
    Host want, got, first, second;
    const auto job = [&](const char* device, const TemporaryDirectory& folder) {
      engine::TrainJob made = job_on(device, data, folder.path());
      made.plan.precision = precision;
      return made;
    };
    train(job("cpu", cpu), want);
    const engine::TrainResult whole = train(job("cuda", gpu), got);
    CHECK(whole.code == ExitCode::kOk);
    REQUIRE(got.reports.size() == want.reports.size());
    // Rounding grows over the steps: as bf16 and fp32 may differ (step_test.cpp).
    for (std::size_t i = 0; i < got.reports.size(); ++i) {
      CHECK(std::abs(got.reports[i].loss - want.reports[i].loss) <= 0.02 * want.reports[i].loss);
    }
    first.stop_at = 20;
    engine::TrainJob rest = job("cuda", parts);
    rest.resume_from = train(job("cuda", parts), first).checkpoint;
    train(std::move(rest), second);
    REQUIRE(second.reports.size() == 40);
    CHECK(second.reports.back().loss == got.reports.back().loss);
  }
}

}  // namespace llmops::tensor

#include "eval/loss.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <vector>

#include "base/error.h"
#include "base/file.h"
#include "base/time.h"

namespace llmops::eval {

namespace {

// What was scored of one document or one window.
struct Unit {
  double nats = 0, tokens = 0, bytes = 0;
};

// Standard error of sum(y) / sum(x) over units drawn independently (Cochran, Sampling Techniques,
// section 6.3, without the finite population correction). One unit has none.
std::optional<double> ratio_stderr(const std::vector<Unit>& units, double Unit::*numerator,
                                   double Unit::*denominator) {
  double y = 0, x = 0;
  for (const Unit& unit : units) {
    y += unit.*numerator;
    x += unit.*denominator;
  }
  const double n = static_cast<double>(units.size());
  if (units.size() < 2 || x <= 0) return std::nullopt;
  double squares = 0;
  for (const Unit& unit : units) {
    const double residual = unit.*numerator - y / x * (unit.*denominator);
    squares += residual * residual;
  }
  const double error = std::sqrt(n / (n - 1) * squares) / x;
  return std::isfinite(error) ? std::optional(error) : std::nullopt;
}

// Adds the losses of one batch to its windows and documents.
class Totals {
 public:
  explicit Totals(const data::Dataset& dataset)
      : dataset_(dataset),
        starts_(dataset.eval_document_starts()),
        documents_(std::max<std::size_t>(1, starts_.size())) {}

  void add(const data::Batch& batch, const std::vector<float>& losses) {
    const tokenizer::Tokenizer& tokenizer = dataset_.tokenizer();
    for (std::int64_t row = 0; row < batch.rows; ++row, ++rows_) {
      const std::int64_t start = dataset_.eval_row_start(rows_);
      Unit window;
      for (std::int64_t t = 0; t < batch.length; ++t) {
        const auto at = static_cast<std::size_t>(row * batch.length + t);
        const std::int32_t target = batch.targets[at];
        if (target == data::kIgnore) continue;
        const Unit one{losses[at], 1, static_cast<double>(tokenizer.bytes(target).size())};
        accumulate(window, one);
        accumulate(documents_[document_at(start + t)], one);
      }
      windows_.push_back(window);
    }
  }

  LossReport report() const {
    LossReport report;
    Unit all;
    for (const Unit& window : windows_) accumulate(all, window);
    std::vector<Unit> documents;
    std::copy_if(documents_.begin(), documents_.end(), std::back_inserter(documents),
                 [](const Unit& unit) { return unit.tokens > 0; });
    if (all.tokens == 0) throw usage_error("the eval set has no token to score");
    if (all.bytes == 0) throw usage_error("the eval set is a single token, which nothing predicts");
    report.loss = all.nats / all.tokens;
    report.perplexity = std::exp(report.loss);
    report.bits_per_byte = all.bytes > 0 ? all.nats / std::numbers::ln2 / all.bytes : 0;
    report.tokens = static_cast<std::int64_t>(all.tokens);
    report.bytes = static_cast<std::int64_t>(all.bytes);
    report.documents = std::ssize(documents);
    report.windows = std::ssize(windows_);
    const bool by_document = documents.size() > 1;
    const std::vector<Unit>& units = by_document ? documents : windows_;
    report.stderr_unit = by_document ? "documents" : "windows";
    report.loss_stderr = ratio_stderr(units, &Unit::nats, &Unit::tokens);
    report.bits_per_byte_stderr = ratio_stderr(units, &Unit::nats, &Unit::bytes);
    if (report.bits_per_byte_stderr) *report.bits_per_byte_stderr /= std::numbers::ln2;
    return report;
  }

 private:
  static void accumulate(Unit& into, const Unit& one) {
    into.nats += one.nats;
    into.tokens += one.tokens;
    into.bytes += one.bytes;
  }
  std::size_t document_at(std::int64_t position) const {
    const auto after = std::upper_bound(starts_.begin(), starts_.end(), position);
    return after == starts_.begin() ? 0 : static_cast<std::size_t>(after - starts_.begin() - 1);
  }

  const data::Dataset& dataset_;
  const std::vector<std::int64_t>& starts_;
  std::vector<Unit> windows_, documents_;
  std::int64_t rows_ = 0;
};

}  // namespace

LossReport evaluate_loss(
    engine::Model& model, const data::Dataset& dataset, std::int64_t batch_size,
    std::optional<std::int64_t> max_batches,
    const std::function<bool(std::int64_t done, std::int64_t total)>& progress) {
  const double start = monotonic_seconds();
  const auto rows = dataset.eval_batches();
  const std::int64_t all = (rows->rows_per_epoch() + batch_size - 1) / batch_size;
  const std::int64_t total = max_batches ? std::min(*max_batches, all) : all;
  Totals totals(dataset);
  data::Batch batch;
  std::vector<float> losses;
  bool stopped = false;
  for (std::int64_t i = 0; i < total && !stopped; ++i) {
    const std::int64_t first = i * batch_size;
    rows->read(first, std::min(batch_size, rows->rows_per_epoch() - first), batch);
    const int fault = fault_point("eval.batch");
    losses.resize(batch.targets.size());
    model.score(batch, losses);
    if (fault == kNotFiniteFault) losses.assign(losses.size(), std::nanf(""));
    totals.add(batch, losses);
    stopped = progress && !progress(i + 1, total) && i + 1 < total;
  }
  LossReport report = totals.report();
  report.limited = total < all;
  report.stopped = stopped;
  report.seconds = monotonic_seconds() - start;
  return report;
}

}  // namespace llmops::eval

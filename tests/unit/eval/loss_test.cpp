#include "eval/loss.h"

#include <cmath>
#include <functional>
#include <limits>
#include <map>
#include <numbers>

#include "tests/catch.h"
#include "tests/errors.h"
#include "tests/temporary_directory.h"

namespace llmops::eval {

namespace {

using Ids = std::vector<std::int32_t>;

// A model whose loss is a given function of what a target sees and the target.
class FakeModel : public engine::Model {
 public:
  using Loss = std::function<double(std::span<const std::int32_t> seen, std::int32_t target)>;
  explicit FakeModel(Loss loss) : loss_(std::move(loss)) {}

  void score(const data::Batch& batch, std::span<float> losses) override {
    REQUIRE(losses.size() == batch.targets.size());
    for (std::size_t at = 0; at < losses.size(); ++at) {
      const std::size_t row = at - at % static_cast<std::size_t>(batch.length);
      const std::size_t start = row + static_cast<std::size_t>(batch.segment_start[at]);
      const auto seen = std::span(batch.inputs).subspan(start, at + 1 - start);
      losses[at] = batch.targets[at] == data::kIgnore
                       ? 0.0f
                       : static_cast<float>(loss_(seen, batch.targets[at]));
    }
    ++calls;
  }
  int calls = 0;

  const arch::TransformerConfig& config() const override { return config_; }
  std::int64_t max_length() const override { return 1 << 20; }
  engine::RequestId submit(const engine::GenerateRequest&) override { return 0; }
  engine::RequestId submit(const engine::ScoreRequest&) override { return 0; }
  void cancel(engine::RequestId) override {}
  bool step(const std::function<void(const engine::TokenEvent&)>&,
            const engine::StepOptions&) override {
    return false;
  }

 private:
  Loss loss_;
  arch::TransformerConfig config_;
};

double by_target(std::span<const std::int32_t>, std::int32_t target) {
  return target / 100.0;
}

// Depends on every token that is seen, and on their order.
double by_context(std::span<const std::int32_t> seen, std::int32_t target) {
  std::uint32_t hash = 17;
  for (const std::int32_t id : seen) hash = hash * 31 + static_cast<std::uint32_t>(id);
  hash = hash * 31 + static_cast<std::uint32_t>(target);
  return 0.5 + (hash >> 8) % 1000 / 250.0;
}

constexpr std::int32_t kEnd = 256;  // of the byte tokenizer
// Losses are floats of a few nats: 24 bits each, and their rounding does not add up.
constexpr double kFloat = 1e-6;

recipe::Source file_source(std::string path) {
  recipe::Source source;
  source.path = std::move(path);
  return source;
}

struct Eval {
  TemporaryDirectory folder;
  std::unique_ptr<tokenizer::Tokenizer> tokenizer = tokenizer::make_byte_tokenizer();

  std::string write(std::string_view name, const std::vector<std::string>& documents) const {
    std::string rows;
    for (const std::string& text : documents) {
      rows += Json::object().set("text", text).dump() + "\n";
    }
    const std::string path = folder.file(name);
    write_file_durably(path, rows);
    return path;
  }
  std::unique_ptr<data::Dataset> open(const std::vector<std::string>& documents,
                                      std::int64_t length) const {
    return data::open_eval_file(file_source(write("eval.jsonl", documents)), *tokenizer, {length});
  }
};

LossReport evaluate(const data::Dataset& dataset, const FakeModel::Loss& loss,
                    std::int64_t batch_size, std::optional<std::int64_t> max_batches = {}) {
  FakeModel model(loss);
  return evaluate_loss(model, dataset, batch_size, max_batches, {});
}

const std::vector<std::string> kDocuments{"ab", "c", "defgh ij", "KLMNOP\nq", "zzzz"};

// Sums over the tokens that an oracle scores, by document.
struct Oracle {
  std::map<std::size_t, double> nats, tokens, bytes;

  void add(std::size_t document, double loss, std::int32_t target) {
    nats[document] += static_cast<float>(loss);
    tokens[document] += 1;
    bytes[document] += target < kEnd;
  }
  static double sum(const std::map<std::size_t, double>& parts) {
    double all = 0;
    for (const auto& [document, part] : parts) all += part;
    return all;
  }
  double standard_error(const std::map<std::size_t, double>& units) const {
    const double ratio = sum(nats) / sum(units), n = static_cast<double>(units.size());
    double squares = 0;
    for (const auto& [document, unit] : units) {
      squares += std::pow(nats.at(document) - ratio * unit, 2);
    }
    return std::sqrt(n * squares / (n - 1)) / sum(units);
  }
  void check(const LossReport& report) const {
    CHECK(static_cast<double>(report.tokens) == sum(tokens));
    CHECK(static_cast<double>(report.bytes) == sum(bytes));
    CHECK(report.documents == std::ssize(tokens));
    CHECK(report.loss == Approx(sum(nats) / sum(tokens)).epsilon(kFloat));
    CHECK(report.perplexity == Approx(std::exp(report.loss)));
    CHECK(report.bits_per_byte ==
          Approx(sum(nats) / std::numbers::ln2 / sum(bytes)).epsilon(kFloat));
    CHECK(report.stderr_unit == std::string("documents"));
    CHECK(report.loss_stderr.value() == Approx(standard_error(tokens)).epsilon(kFloat));
    CHECK(report.bits_per_byte_stderr.value() ==
          Approx(standard_error(bytes) / std::numbers::ln2).epsilon(kFloat));
    CHECK_FALSE(report.limited);
    CHECK_FALSE(report.stopped);
  }
};

Ids ids_of(const std::string& text) {
  Ids ids;
  for (const char c : text) ids.push_back(static_cast<unsigned char>(c));
  ids.push_back(kEnd);
  return ids;
}

}  // namespace

TEST_CASE("every token of a stream but the first is scored once, in windows that do not overlap") {
  const Eval eval;
  Ids stream;
  std::vector<std::size_t> document;
  for (const std::string& text : kDocuments) {
    const Ids ids = ids_of(text);
    stream.insert(stream.end(), ids.begin(), ids.end());
    document.resize(stream.size(), static_cast<std::size_t>(&text - kDocuments.data()));
  }
  for (const std::int64_t length : {1, 2, 5, 9, 27, 28, 100}) {
    Oracle oracle;
    for (std::size_t i = 0; i + 1 < stream.size(); ++i) {
      const std::size_t window = i - i % static_cast<std::size_t>(length);
      const auto seen = std::span<const std::int32_t>(stream).subspan(window, i + 1 - window);
      oracle.add(document[i + 1], by_context(seen, stream[i + 1]), stream[i + 1]);
    }
    const auto dataset = eval.open(kDocuments, length);
    for (const std::int64_t batch_size : {1, 3, 64}) {
      CAPTURE(length, batch_size);
      const LossReport report = evaluate(*dataset, by_context, batch_size);
      oracle.check(report);
      CHECK(report.windows == (27 + length - 1) / length);
    }
  }
}

TEST_CASE("packed documents of several sources are scored from their first token on") {
  const Eval eval;
  recipe::Recipe recipe;
  recipe::Source source;
  source.path = eval.write("a.jsonl", kDocuments);
  recipe.data.train = recipe.data.eval = {source};
  source.path = eval.write("b.jsonl", {"second", "source"});
  recipe.data.eval.push_back(source);
  recipe.data.packing = recipe::Packing::kDocuments;
  recipe.data.cache_dir = eval.folder.file("cache");
  std::vector<std::string> documents = kDocuments;
  documents.insert(documents.end(), {"second", "source"});
  // No document is cut: each sees its end token of before, and all of itself.
  Oracle oracle;
  for (std::size_t d = 0; d < documents.size(); ++d) {
    Ids all = ids_of(documents[d]);
    all.insert(all.begin(), kEnd);
    for (std::size_t i = 0; i + 1 < all.size(); ++i) {
      const auto seen = std::span<const std::int32_t>(all).first(i + 1);
      oracle.add(d, by_context(seen, all[i + 1]), all[i + 1]);
    }
  }
  for (const std::int64_t length : {9, 10, 17, 64}) {
    recipe.data.max_seq_length = length;
    const auto dataset = data::prepare(recipe);
    for (const std::int64_t batch_size : {1, 2, 64}) {
      CAPTURE(length, batch_size);
      oracle.check(evaluate(*dataset, by_context, batch_size));
    }
  }
}

TEST_CASE("the standard error is that of a ratio over documents, else over windows") {
  const Eval eval;
  // Golden by numpy 2.4.6: R = sum(y) / sum(x), sqrt(n / (n - 1) * sum((y - R x)^2)) / sum(x), with
  // y the nats and x the tokens or bytes of a document or window.
  const LossReport documents = evaluate(*eval.open(kDocuments, 5), by_target, 2);
  CHECK(documents.tokens == 27);
  CHECK(documents.documents == 5);
  CHECK(documents.loss == Approx(1.2244444304594286).epsilon(kFloat));
  CHECK(documents.bits_per_byte == Approx(2.1679771594106403).epsilon(kFloat));
  CHECK(documents.stderr_unit == std::string("documents"));
  CHECK(documents.loss_stderr.value() == Approx(0.14140200235549333).epsilon(kFloat));
  CHECK(documents.bits_per_byte_stderr.value() == Approx(0.38058317410609427).epsilon(kFloat));

  const LossReport windows = evaluate(*eval.open({"abcdefgh ijKLMNOP\nqzzzz"}, 5), by_target, 2);
  CHECK(windows.tokens == 23);
  CHECK(windows.windows == 5);
  CHECK(windows.loss == Approx(0.99217390657767).epsilon(kFloat));
  CHECK(windows.stderr_unit == std::string("windows"));
  CHECK(windows.loss_stderr.value() == Approx(0.11690095321605068).epsilon(kFloat));
  CHECK(windows.bits_per_byte_stderr.value() == Approx(0.24714756704536567).epsilon(kFloat));
}

TEST_CASE("one unit has no standard error") {
  const Eval eval;
  const LossReport one = evaluate(*eval.open({"abc"}, 5), by_target, 2);
  CHECK(one.windows == 1);
  CHECK_FALSE(one.loss_stderr);
  CHECK_FALSE(one.bits_per_byte_stderr);
  const LossReport limited = evaluate(*eval.open({"abcdefgh"}, 5), by_target, 1, 1);
  CHECK(limited.windows == 1);
  CHECK_FALSE(limited.loss_stderr);
  CHECK(evaluate(*eval.open({"abcdefgh"}, 5), by_target, 1).loss_stderr);
}

TEST_CASE("a loss that is not finite is reported as it is, without a standard error") {
  const Eval eval;
  for (const double bad : {std::nan(""), std::numeric_limits<double>::infinity()}) {
    const auto loss = [bad](std::span<const std::int32_t>, std::int32_t target) {
      return target == 'c' ? bad : 1.0;
    };
    const LossReport report = evaluate(*eval.open({"ab", "cd", "ef"}, 5), loss, 2);
    CHECK_FALSE(std::isfinite(report.loss));
    CHECK_FALSE(report.loss_stderr);
    CHECK_FALSE(report.bits_per_byte_stderr);
  }
}

TEST_CASE("max_batches limits the evaluation and says so") {
  const Eval eval;
  const auto dataset = eval.open(kDocuments, 5);  // six windows
  const LossReport limited = evaluate(*dataset, by_target, 2, 2);
  CHECK(limited.limited);
  CHECK_FALSE(limited.stopped);
  CHECK(limited.tokens == 20);
  CHECK(limited.windows == 4);
  for (const std::int64_t enough : {3, 4, 1000}) {
    const LossReport whole = evaluate(*dataset, by_target, 2, enough);
    CHECK_FALSE(whole.limited);
    CHECK(whole.tokens == 27);
  }
}

TEST_CASE("the caller hears of each batch and may stop after it") {
  const Eval eval;
  const auto dataset = eval.open(kDocuments, 5);
  using Calls = std::vector<std::pair<std::int64_t, std::int64_t>>;
  for (const std::int64_t stop_after : {1, 2, 3}) {
    FakeModel model(by_target);
    Calls calls;
    const LossReport report =
        evaluate_loss(model, *dataset, 2, {}, [&](std::int64_t done, std::int64_t total) {
          calls.emplace_back(done, total);
          return done < stop_after;
        });
    CHECK(model.calls == stop_after);
    CHECK(std::ssize(calls) == stop_after);
    CHECK(calls.back() == std::pair<std::int64_t, std::int64_t>(stop_after, 3));
    // All was scored when the request came with the last batch.
    CHECK(report.stopped == (stop_after < 3));
    CHECK(report.tokens == (stop_after == 3 ? 27 : 10 * stop_after));
  }
}

TEST_CASE("an eval set without a token to score is refused") {
  const Eval eval;
  const std::string path = eval.folder.file("one.txt");
  write_file_durably(path, "a");
  const auto tokenizer = tokenizer::make_char_tokenizer("a");  // without an end token
  CHECK(error_text([&] { data::open_eval_file(file_source(path), *tokenizer, {5}); }) ==
        "usage: " + path + ": 1 tokens in 1 documents leave nothing to predict");
}

}  // namespace llmops::eval

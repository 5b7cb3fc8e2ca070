#include "data/scan.h"

#include <chrono>
#include <cmath>
#include <thread>

#include "base/error.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/signal.h"
#include "base/time.h"
#include "data/cache_folder.h"
#include "tokenizer/unicode.h"

namespace llmops::data {

namespace {

class Scanner : public DocumentSink {
 public:
  explicit Scanner(ScannedSource& result) : result_(result) {}

  void text(std::string_view piece) override {
    hash_.update(piece);
    result_.counts.bytes += static_cast<std::int64_t>(piece.size());
    result_.characters += tokenizer::count_code_points(piece);
  }
  void end_document() override {
    hash_.update(std::string_view("\xFF", 1));  // is in no UTF-8 text
    ++result_.counts.documents;
  }
  void finish() { result_.digest = hash_.finish(); }

 private:
  ScannedSource& result_;
  Sha256 hash_;
};

// Waits until any later change of the files must give them other stamps. Returns false when that
// does not happen: the clock of their file system is ahead of ours.
bool wait_for_final_stamps(const ResolvedSource& source) {
  constexpr double kMostSeconds = 3;
  const double begin = monotonic_seconds();
  for (const SourceFile& file : source.files) {
    while (!stamp_is_final(file.path)) {
      if (monotonic_seconds() - begin > kMostSeconds) return false;
      throw_if_stop_requested("reading the data");
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
  }
  return true;
}

SplitPoint split_point(const ScannedSource& scanned, const recipe::Data& data) {
  SplitPoint split;
  if (!scanned.source.trains || data.eval_split <= 0 || !data.eval.empty()) return split;
  const bool one_text = scanned.counts.documents == 1;
  const std::int64_t whole = one_text ? scanned.characters : scanned.counts.documents;
  const auto kept =
      static_cast<std::int64_t>(std::floor(static_cast<double>(whole) * (1.0 - data.eval_split)));
  if (kept < 1 || kept >= whole) {
    throw usage_error("data.eval_split {} of {} {} leaves one part empty", data.eval_split, whole,
                      one_text ? "characters" : "documents")
        .at(scanned.source.name);
  }
  (one_text ? split.characters.emplace() : split.documents) = kept;
  return split;
}

}  // namespace

std::optional<ScannedSource> find_scan(const ResolvedSource& source, const recipe::Data& data) {
  const auto known = read_cached_json(join_path(data.cache_dir, scan_name(source)));
  if (!known) return std::nullopt;
  ScannedSource scanned;
  scanned.source = source;
  scanned.digest = known->at("digest").as_string();
  scanned.counts.documents = known->at("documents").as_int();
  scanned.counts.bytes = known->at("bytes").as_int();
  scanned.characters = known->at("characters").as_int();
  scanned.split = split_point(scanned, data);
  return scanned;
}

ScannedSource scan(const ResolvedSource& source, const recipe::Data& data,
                   const ByteProgress& progress) {
  if (const auto known = find_scan(source, data)) return *known;
  const bool remember = wait_for_final_stamps(source);
  ScannedSource scanned;
  scanned.source = source;
  Scanner scanner(scanned);
  read_documents(source, scanner, progress);
  scanner.finish();
  if (remember) {
    write_cached_json(join_path(data.cache_dir, scan_name(source)),
                      Json::object()
                          .set("digest", scanned.digest)
                          .set("documents", scanned.counts.documents)
                          .set("characters", scanned.characters)
                          .set("bytes", scanned.counts.bytes));
  }
  scanned.split = split_point(scanned, data);
  return scanned;
}

}  // namespace llmops::data

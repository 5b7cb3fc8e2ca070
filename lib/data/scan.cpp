#include "data/scan.h"

#include <chrono>
#include <thread>

#include "base/file.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/signal.h"
#include "base/time.h"
#include "data/memo.h"
#include "data/synth.h"
#include "text/unicode.h"

namespace llmops::data {

namespace {

class Scanner : public DocumentSink {
 public:
  void text(std::string_view piece) override {
    hash_.update(piece);
    scan_.bytes += static_cast<std::int64_t>(piece.size());
    scan_.characters += text::count_code_points(piece);
  }
  void end_document() override {
    hash_.update(std::string_view("\xFF", 1));  // stands in no UTF-8 text
    ++scan_.documents;
  }
  Scan finish() {
    scan_.digest = hash_.finish();
    return scan_;
  }

 private:
  Scan scan_;
  Sha256 hash_;
};

// Everything that decides what is read.
std::string memo_path(const Corpus& corpus, const std::string& cache_dir) {
  Json key = Json::object();
  if (const auto& synth = corpus.source.synth) {
    key.set("synth", synth->kind)
        .set("documents", synth->documents)
        .set("seed", synth->seed)
        .set("version", kSynthVersion);
  } else {
    key.set("document", corpus.source.document).set("field", corpus.source.field);
    Json files = Json::array();
    for (const SourceFile& file : corpus.files) {
      files.push(Json::object()
                     .set("path", absolute_path(file.path))
                     .set("format", static_cast<int>(file.format))
                     .set("stamp", file.stamp));
    }
    key.set("files", std::move(files));
  }
  return join_path(cache_dir, "scan-" + sha256(key.dump()).substr(0, 32) + ".json");
}

// Waits until any change of the files from now on gives them other stamps. False when that does not
// happen: the clock of their file system is ahead of ours.
bool wait_for_final_stamps(const Corpus& corpus) {
  constexpr double kMostSeconds = 3;
  const double begin = monotonic_seconds();
  for (const SourceFile& file : corpus.files) {
    while (!stamp_is_final(file.path)) {
      if (monotonic_seconds() - begin > kMostSeconds) return false;
      throw_if_stop_requested("reading the data");
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
  }
  return true;
}

}  // namespace

std::optional<Scan> find_scan(const Corpus& corpus, const std::string& cache_dir) {
  const auto memo = read_memo(memo_path(corpus, cache_dir));
  if (!memo) return std::nullopt;
  return Scan{memo->at("digest").as_string(), memo->at("documents").as_int(),
              memo->at("characters").as_int(), memo->at("bytes").as_int()};
}

Scan scan(const Corpus& corpus, const std::string& cache_dir, const ByteProgress& progress) {
  if (const auto known = find_scan(corpus, cache_dir)) return *known;
  const bool remember = wait_for_final_stamps(corpus);
  Scanner scanner;
  read_documents(corpus, scanner, progress);
  const Scan found = scanner.finish();
  if (!remember) return found;
  make_directories(cache_dir);
  write_memo(memo_path(corpus, cache_dir), Json::object()
                                               .set("digest", found.digest)
                                               .set("documents", found.documents)
                                               .set("characters", found.characters)
                                               .set("bytes", found.bytes));
  return found;
}

}  // namespace llmops::data

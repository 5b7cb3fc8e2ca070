#include "tensor/train/throughput.h"

#include "tests/catch.h"

namespace llmops::tensor {
namespace {

TEST_CASE("rates are those of the recent steps") {
  Throughput throughput(10, 1000);
  CHECK(throughput.tokens_per_second() == 0);
  CHECK(throughput.eta_seconds(5) == 0);
  for (int i = 0; i < 50; ++i) throughput.add(1, 20);
  CHECK(throughput.tokens_per_second() == 20);
  CHECK(throughput.mfu() == 0.2);
  CHECK(throughput.eta_seconds(5) == 5);
  for (int i = 0; i < 50; ++i) throughput.add(0.5, 20);
  CHECK(throughput.tokens_per_second() == 40);
  CHECK(throughput.mfu() == 0.4);
}

TEST_CASE("a step that is faster than the measured peak is the peak from then on") {
  Throughput throughput(10, 1000);
  for (int i = 0; i < 50; ++i) throughput.add(0.5, 100);
  CHECK(throughput.mfu() == 1);
  for (int i = 0; i < 50; ++i) throughput.add(1, 100);
  CHECK(throughput.mfu() == 0.5);
  Throughput unknown(10, 0);
  unknown.add(1, 100);
  CHECK(unknown.mfu() == 0);
}

}  // namespace
}  // namespace llmops::tensor

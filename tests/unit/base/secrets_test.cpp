#include "base/secrets.h"

#include <iterator>
#include <random>
#include <utility>

#include "base/json.h"
#include "tests/catch.h"

namespace llmops {
namespace {

// Made up here, so that no scanner takes this file for a leak.
std::string key(std::string_view prefix, std::size_t length) {
  std::string text(prefix);
  for (std::size_t i = 0; i < length; ++i) text += "a1B2c3D4e5F6g7H8"[i % 16];
  return text;
}
const std::string kPem = "-----BEGIN " + std::string("RSA PRIVATE KEY-----");
const std::string kPemEnd = "-----END " + std::string("RSA PRIVATE KEY-----");

TEST_CASE("credentials are replaced and what is around them stays") {
  const std::string token = key("eyJ", 20) + "." + key("eyJ", 20) + "." + key("", 30);
  const std::pair<std::string, std::string> cases[] = {
      {"a " + key("sk-", 40) + " b", "a [redacted] b"},
      {key("sk-ant-api03-", 40), "[redacted]"},
      {"HF=" + key("hf_", 34) + "\n", "HF=[redacted]\n"},
      {"(" + key("ghp_", 36) + ")", "([redacted])"},
      {"run-" + key("ghp_", 36), "run-[redacted]"},
      {"run_" + key("sk-proj-", 36), "run_[redacted]"},
      {"db_pass=hunter2", "db_pass=[redacted]"},
      {key("github_pat_", 60), "[redacted]"},
      {key("AIza", 35), "[redacted]"},
      {"AKIA0123456789ABCDEF", "[redacted]"},
      {key("xoxb-", 40), "[redacted]"},
      {key("glpat-", 20), "[redacted]"},
      {"+jwt: " + token, "+jwt: [redacted]"},
      {"Authorization: Bearer " + key("", 30), "Authorization: Bearer [redacted]"},
      {"authorization: Basic " + key("", 24), "authorization: Basic [redacted]"},
      {"postgres://me:hunter2@host/db", "postgres://me:[redacted]@host/db"},
      {"postgres://me:h\xc3\xbcnter2@host/db", "postgres://me:[redacted]@host/db"},
      {"https://${env:ME}:hunter2@host", "https://${env:ME}:[redacted]@host"},
      {"https://" + key("", 40) + "@host/x", "https://[redacted]@host/x"},
      {"https://host/?api_key=" + key("", 20) + "&b=1", "https://host/?api_key=[redacted]&b=1"},
      {"password = \"hunter2\"", "password = \"[redacted]\""},
      {"WANDB_API_KEY=0123456789abcdef0123", "WANDB_API_KEY=[redacted]"},
      {R"({"client_secret": "abcd1234ef"})", R"({"client_secret": "[redacted]"})"},
      {"HF_TOKEN: " + key("", 24), "HF_TOKEN: [redacted]"},
      {kPem + "\n" + key("", 64) + "\n" + key("", 20) + "\n" + kPemEnd + "\nafter",
       kPem + "\n[redacted]\n[redacted]\n" + kPemEnd + "\nafter"},
      {kPem + "\n" + key("", 64) + "\n" + key("", 60), kPem + "\n[redacted]\n[redacted]"},
      {key("sk-", 30) + "," + key("hf_", 30), "[redacted],[redacted]"},
  };
  for (const auto& [text, wanted] : cases) {
    CAPTURE(text);
    CHECK(redact(text) == wanted);
    CHECK(has_secret(text));
    CHECK_FALSE(has_secret(wanted));
    CHECK(redact(wanted) == wanted);
  }
}

TEST_CASE("what was redacted is not redacted again") {
  std::mt19937_64 random(Catch::rngSeed());
  CAPTURE(Catch::rngSeed());
  const std::string parts[] = {"sk-",       "hf_",        "AKIA", "eyJ",   ".",
                               "password",  "token",      "=",    ":",     " ",
                               "\"",        "\\",         "\n",   "@",     "://",
                               "u",         "Basic ",     kPem,   kPemEnd, "0123456789ABCDEF",
                               key("", 40), "[redacted]", "a",    "1"};
  for (int round = 0; round < 20000; ++round) {
    std::string text;
    for (int i = 0; i < 12; ++i) text += parts[random() % std::size(parts)];
    const std::string once = redact(text);
    CAPTURE(text, once);
    REQUIRE_FALSE(has_secret(once));
    REQUIRE(redact(once) == once);
    const std::string json = Json::object().set("a", text).dump();
    CAPTURE(json);
    REQUIRE(parse_json(redact(json), "json").is_object());
  }
}

TEST_CASE("commits, digests, paths, words and code are no credentials") {
  for (const std::string text :
       {"",
        "sk-learn",
        "task-abcdefghij0123456789klm",
        "hf_model",
        "runs/ghp_x",
        "sk-a-long-name-made-of-many-words",
        "ASIA_PACIFIC_REGION_2024_Q1_DATA",
        "b35f50f5c72add9afa726449c5158df5e41194d7",
        "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "/home/user1/models/checkpoint-500/model.safetensors",
        "01ARZ3NDEKTSV4RRFFQ69G5FAV",
        "https://github.com/user/repository@v1.2",
        "git@host:user/repo1.git",
        "ssh://git@host/x",
        "https://${env:ME}:${env:DB_PASSWORD1}@host/x",
        "https://${env:TOKEN_1_OF_MANY_OTHERS}@host/x",
        "{\"loss_per_token\": 1.2345678901234567e-05}",
        "eos_token_id: 50256",
        "token = tokenizer.next_token(stream1)",
        "next_token = sampled_2_of_many_tokens",
        "password = os.environ[\"DB1_PASSWORD\"]",
        "password=${env:DB_PASSWORD1}",
        "api_key: str | None = None",
        "def secret(self): return 12345678",
        "passwords: 100000000",
        "max_new_tokens=12345678901234567890",
        "The bearer of bad news 1234567890123456",
        "if (password == other1) {",
        "digest.tokenizer=0123456789abcdef0123456789abcdef"}) {
    CAPTURE(text);
    CHECK(redact(text) == text);
  }
  CHECK(redact("see " + kPem + " in the manual") == "see " + kPem + " in the manual");
}

TEST_CASE("repetitions take no longer than other text of their length") {
  constexpr int kMany = 100'000;
  std::string names, keys;
  for (int i = 0; i < kMany; ++i) names += "password=";
  for (int i = 0; i < kMany / 10; ++i) keys += kPem + "\n" + key("", 40) + "\n";
  CHECK(redact(names) == names);
  CHECK(redact(keys).find(key("", 40)) == std::string::npos);
}

TEST_CASE("JSON stays JSON") {
  for (const std::string& secret :
       {"\n" + key("sk-", 30), "password:\n" + key("", 20), "password: \"" + key("", 20) + "\"",
        "a\\" + key("sk-", 30), kPem + "\n" + key("", 64) + "\n" + kPemEnd + "\"",
        "token=\t" + key("", 40), "\x01" + key("sk-", 30)}) {
    const std::string text = Json::object().set("a", secret).set("b", Json::array()).dump();
    CAPTURE(text);
    const Json read = parse_json(redact(text), "redacted");
    CHECK(read.at("a").as_string().find("[redacted]") != std::string::npos);
    CHECK(read.at("a").as_string().find("a1B2c3D4") == std::string::npos);
  }
}

}  // namespace
}  // namespace llmops

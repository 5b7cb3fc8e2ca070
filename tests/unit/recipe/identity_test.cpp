#include "recipe/identity.h"

#include "base/hash.h"
#include "tests/catch.h"
#include "tests/errors.h"

namespace llmops::recipe {
namespace {

Identity some_identity() {
  Identity identity;
  identity.settings = Json::object().set("seed", 7).set("data.train", 1);
  identity.inputs = {{"tokenizer", std::string(64, 'b')}, {"data", std::string(64, 'a')}};
  return identity;
}

TEST_CASE("a checkpoint stores settings before inputs, and both read back") {
  const Identity identity = some_identity();
  const Json json = identity.to_json();
  CHECK(json.dump() == R"({"seed":7,"data.train":1,"digest.data":")" + std::string(64, 'a') +
                           R"(","digest.tokenizer":")" + std::string(64, 'b') + R"("})");
  const Identity again = Identity::from_json(json);
  CHECK(again.settings == identity.settings);
  CHECK(again.inputs == identity.inputs);
}

TEST_CASE("an identity that was not stored is empty, and anything but an object is damage") {
  CHECK(Identity::from_json(Json()).settings.is_null());
  CHECK(Identity::from_json(Json()).to_json().is_null());
  CHECK(error_of([] { Identity::from_json(Json(5)); })->code() == ExitCode::kDamaged);
}

TEST_CASE("the digest is that of the settings and of every input") {
  const Identity identity = some_identity();
  CHECK(identity.digest() ==
        sha256("data=" + std::string(64, 'a') + "\nrecipe=" + identity.settings_digest() +
               "\ntokenizer=" + std::string(64, 'b') + "\n"));
}

TEST_CASE("changes name settings and inputs by their keys") {
  const Identity saved = some_identity();
  Identity now = saved;
  CHECK(identity_changes(saved, now).empty());
  now.settings.set("seed", 8);
  now.inputs["data"] = std::string(64, 'c');
  const auto changes = identity_changes(saved, now);
  REQUIRE(changes.size() == 2);
  CHECK(changes[0].key == "seed");
  CHECK(changes[0].before == Json(7));
  CHECK(changes[0].after == Json(8));
  CHECK(changes[1].key == "digest.data");
}

}  // namespace
}  // namespace llmops::recipe

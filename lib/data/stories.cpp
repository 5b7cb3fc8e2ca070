#include "data/stories.h"

#include <array>
#include <span>

#include "base/error.h"
#include "base/text.h"

// A grammar that a small model learns in a minute and cannot memorize: about a hundred words in
// seven shapes make more than fifty million sentences.
namespace llmops::data {

namespace {

using Words = std::span<const std::string_view>;

constexpr std::string_view kOnce[] = {"One day", "One morning", "One evening", "Last summer",
                                      "On Sunday"};
constexpr std::string_view kLater[] = {"At noon", "After lunch", "That night", "The next day"};
// The first half is "she", the second "he".
constexpr std::string_view kName[] = {"Anna", "Clara", "Emma",  "Grace", "Ivy",   "Lily",
                                      "Nora", "Ruby",  "Ben",   "David", "Felix", "Henry",
                                      "Jack", "Max",   "Oscar", "Tom"};
constexpr std::string_view kShe[] = {"She", "He"};
constexpr std::string_view kFound[] = {"found", "saw",    "lost",    "hid",
                                       "made",  "bought", "painted", "dropped"};
constexpr std::string_view kShowed[] = {"gave", "showed", "sold", "brought", "sent", "handed"};
constexpr std::string_view kWanted[] = {"wanted", "tried", "hoped", "began"};
constexpr std::string_view kCarry[] = {"carry", "bring", "take", "send", "move", "pull"};
constexpr std::string_view kWalked[] = {"walked", "ran", "played", "sang", "danced", "waited"};
constexpr std::string_view kHappy[] = {"happy", "sad", "proud", "glad", "sorry", "calm"};
constexpr std::string_view kLiked[] = {"liked", "loved", "needed", "missed"};
constexpr std::string_view kKept[] = {"kept", "shared", "cleaned", "fixed", "hugged"};
constexpr std::string_view kLook[] = {"small", "big",  "red",   "blue", "green", "new",
                                      "shiny", "soft", "round", "tiny", "warm",  "pretty"};
constexpr std::string_view kThing[] = {"ball", "box",  "hat",   "cat",  "dog",  "bird",
                                       "book", "cake", "stone", "boat", "kite", "lamp",
                                       "cup",  "drum", "key",   "shell"};
constexpr std::string_view kNear[] = {"in", "near", "behind", "beside"};
constexpr std::string_view kWide[] = {"quiet", "dark", "sunny", "cold",
                                      "wide",  "busy", "empty", "lovely"};
constexpr std::string_view kPlace[] = {"garden",  "house",  "park",   "forest", "river",  "hill",
                                       "kitchen", "market", "school", "barn",   "bridge", "lake"};

struct Slot {
  std::string_view name;
  Words words;
};
constexpr Slot kSlots[] = {{"once", kOnce},     {"later", kLater},   {"name", kName},
                           {"hero", kName},     {"she", kShe},       {"found", kFound},
                           {"showed", kShowed}, {"wanted", kWanted}, {"carry", kCarry},
                           {"walked", kWalked}, {"happy", kHappy},   {"liked", kLiked},
                           {"kept", kKept},     {"look", kLook},     {"thing", kThing},
                           {"near", kNear},     {"wide", kWide},     {"place", kPlace}};

// The first shape begins a story and the last one ends it. The hero is the same person throughout a
// story; "she" or "he" means the hero.
constexpr std::string_view kShapes[] = {
    "{once} {hero} {found} a {look} {thing} {near} the {wide} {place}.",
    "{she} {showed} the {look} {thing} to {name} {near} the {place}.",
    "{name} {wanted} to {carry} the {thing} to the {wide} {place}.",
    "Then {hero} and {name} {walked} {near} the {wide} {place}.",
    "{later} the {look} {thing} was {near} the {wide} {place}.",
    "{she} felt {happy} because {name} {liked} the {look} {thing}.",
    "In the end {hero} {kept} the {thing} and {name} {kept} the {thing}."};

Words words_of(std::string_view slot) {
  for (const Slot& candidate : kSlots) {
    if (candidate.name == slot) return candidate.words;
  }
  LLMOPS_CHECK(false, "a slot without words");
  return {};
}

// Splits "{slot} rest" into its slot and rest.
std::string_view take_slot(std::string_view& shape) {
  const std::size_t end = shape.find('}');
  const std::string_view slot = shape.substr(1, end - 1);
  shape.remove_prefix(end + 1);
  return slot;
}

std::string make_sentence(std::string_view shape, std::size_t hero, Random& random) {
  std::string sentence;
  while (!shape.empty()) {
    if (shape[0] != '{') {
      sentence += shape[0];
      shape.remove_prefix(1);
      continue;
    }
    const std::string_view slot = take_slot(shape);
    const Words words = words_of(slot);
    if (slot == "hero") {
      sentence += words[hero];
    } else if (slot == "she") {
      sentence += words[hero < std::size(kName) / 2 ? 0 : 1];
    } else {
      sentence += words[random.below(words.size())];
    }
  }
  return sentence;
}

bool matches(std::string_view shape, std::string_view sentence) {
  while (!shape.empty() && shape[0] != '{') {
    if (sentence.empty() || sentence[0] != shape[0]) return false;
    shape.remove_prefix(1);
    sentence.remove_prefix(1);
  }
  if (shape.empty()) return sentence.empty();
  for (const std::string_view word : words_of(take_slot(shape))) {
    if (sentence.starts_with(word) && matches(shape, sentence.substr(word.size()))) return true;
  }
  return false;
}

}  // namespace

std::string make_story(Random& random) {
  constexpr std::size_t kMiddle = std::size(kShapes) - 2;
  const std::size_t hero = random.below(std::size(kName));
  std::string story = make_sentence(kShapes[0], hero, random);
  for (std::uint64_t left = 2 + random.below(3); left > 0; --left) {
    story += ' ' + make_sentence(kShapes[1 + random.below(kMiddle)], hero, random);
  }
  return story + ' ' + make_sentence(kShapes[kMiddle + 1], hero, random) + '\n';
}

bool stories_parse(std::string_view sentence) {
  for (const std::string_view shape : kShapes) {
    if (matches(shape, sentence)) return true;
  }
  return false;
}

std::vector<std::string> split_sentences(std::string_view text) {
  std::vector<std::string> sentences;
  std::size_t begin = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '.' && text[i] != '!' && text[i] != '?') continue;
    sentences.emplace_back(trim(text.substr(begin, i + 1 - begin)));
    begin = i + 1;
  }
  return sentences;
}

}  // namespace llmops::data

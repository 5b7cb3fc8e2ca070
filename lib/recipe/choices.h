#pragma once

#include <span>

#include "base/enum_names.h"

// The choices of a recipe: an enum and its table of names for each key that is one of several
// words.
namespace llmops::recipe {

enum class TokenizerType { kChar, kByte, kBpe, kFile };
inline constexpr EnumName<TokenizerType> kTokenizerTypes[] = {{TokenizerType::kChar, "char"},
                                                              {TokenizerType::kByte, "byte"},
                                                              {TokenizerType::kBpe, "bpe"},
                                                              {TokenizerType::kFile, "file"}};
constexpr std::span<const EnumName<TokenizerType>> names_of(TokenizerType) {
  return kTokenizerTypes;
}

enum class Packing { kStream, kDocuments };
inline constexpr EnumName<Packing> kPackings[] = {{Packing::kStream, "stream"},
                                                  {Packing::kDocuments, "documents"}};
constexpr std::span<const EnumName<Packing>> names_of(Packing) {
  return kPackings;
}

enum class Overlength { kSplit, kTruncate, kDrop, kError };
inline constexpr EnumName<Overlength> kOverlengths[] = {{Overlength::kSplit, "split"},
                                                        {Overlength::kTruncate, "truncate"},
                                                        {Overlength::kDrop, "drop"},
                                                        {Overlength::kError, "error"}};
constexpr std::span<const EnumName<Overlength>> names_of(Overlength) {
  return kOverlengths;
}

enum class Precision { kAuto, kFp32, kBf16Mixed };
inline constexpr EnumName<Precision> kPrecisions[] = {
    {Precision::kAuto, "auto"}, {Precision::kFp32, "fp32"}, {Precision::kBf16Mixed, "bf16-mixed"}};
constexpr std::span<const EnumName<Precision>> names_of(Precision) {
  return kPrecisions;
}

// Activations that are computed again in the backward pass: none, the cheap ones, all.
enum class Recompute { kOff, kSelective, kFull };
inline constexpr EnumName<Recompute> kRecomputes[] = {
    {Recompute::kOff, "off"}, {Recompute::kSelective, "selective"}, {Recompute::kFull, "full"}};
constexpr std::span<const EnumName<Recompute>> names_of(Recompute) {
  return kRecomputes;
}

// Shape of the learning rate after the warmup.
enum class Decay { kConstant, kLinear, kCosine, kWsd };
inline constexpr EnumName<Decay> kDecays[] = {{Decay::kConstant, "constant"},
                                              {Decay::kLinear, "linear"},
                                              {Decay::kCosine, "cosine"},
                                              {Decay::kWsd, "wsd"}};
constexpr std::span<const EnumName<Decay>> names_of(Decay) {
  return kDecays;
}

}  // namespace llmops::recipe

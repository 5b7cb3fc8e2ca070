// A model.safetensors.index.json, and a folder that holds it and one shard.
#include "weights/shard_index.h"

#include "tests/fuzz/fuzz.h"
#include "tests/unit/arch/configs.h"
#include "tests/unit/weights/model_folder.h"
#include "weights/weight_files.h"

using llmops::fuzz::require;
using llmops::fuzz::returns;
using namespace llmops::weights;

namespace {

// model-1-of-1.safetensors holds a whole small model.
std::string folder_with(std::string_view index) {
  static const std::string folder = [] {
    const std::string path = llmops::parent_path(llmops::fuzz::file_of("index", ""));
    write_shards(path, sources_of(llmops::arch::small_llama()), 1);
    return path;
  }();
  llmops::fuzz::file_of(kShardIndexFile, index);
  return folder;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = llmops::fuzz::text_of(data, size);
  std::vector<std::string> names;
  const bool sound = returns([&] { names = parse_shard_index(text, "index"); });
  require(sound == !names.empty(), "an index names a shard or is refused");
  for (const std::string& name : names) {
    require(name.find('/') == std::string::npos && name.ends_with(".safetensors"),
            "a shard is a file of the folder");
  }
  std::size_t bytes = 0;
  const bool opened = returns([&] {
    const auto files = WeightFiles::open_folder(folder_with(text), llmops::arch::small_llama());
    files.read([&](const WeightFiles::Block& block) { bytes += block.bytes.size(); });
  });
  require(!opened || (sound && bytes > 0), "what is opened was named");
  return 0;
}

// A Hugging Face config.json.
#include "arch/parameters.h"
#include "arch/transformer_config.h"
#include "tests/fuzz/fuzz.h"

using llmops::fuzz::require;
using llmops::fuzz::returns;
using namespace llmops::arch;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = llmops::fuzz::text_of(data, size);
  TransformerConfig config;
  if (!returns([&] { config = read_hf_config(llmops::parse_json(text, "config.json"), "c"); })) {
    return 0;
  }
  const std::string written = write_hf_config(config).dump();
  require(read_hf_config(llmops::parse_json(written, "written"), "written") == config,
          "what is written is read as the same");
  const ParameterLayout layout = parameter_layout(config);
  require(layout.size >= config.parameter_count(), "the layout holds every weight");
  for (const HfTensor& tensor : hf_tensors(config, layout)) {
    require(tensor.zero || tensor.parameter < layout.parameters.size(), "a tensor has a place");
  }
  return 0;
}

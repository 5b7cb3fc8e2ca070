#include "command/device.h"

#include "base/error.h"
#include "base/file.h"
#include "engine/engine.h"

namespace llmops::command {

std::string resolve_device(const std::string& wanted) {
  if (wanted == "cpu") return "cpu";
  // The driver's device file is there exactly when a CUDA device may answer; opening the CUDA
  // libraries on a machine without one would cost half a second.
  const bool driver = path_exists("/dev/nvidiactl");
  if (wanted == "auto" && !driver) return "cpu";
  if (!driver) {
    throw failed("no NVIDIA driver on this machine, and the device is to be cuda")
        .hint("use train.device=cpu or --device cpu");
  }
  try {
    const bool answers = engine::load_engine("cuda").has_cuda();
    if (!answers && wanted == "cuda") throw failed("no CUDA device answers");
    return answers ? "cuda" : "cpu";
  } catch (const Error&) {
    // A GPU without the CUDA libraries that scripts/setup.sh --cuda brings.
    if (wanted == "cuda") throw;
    return "cpu";
  }
}

}  // namespace llmops::command

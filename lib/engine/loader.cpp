#include <dlfcn.h>

#include <cstdlib>
#include <string>

#include "base/error.h"
#include "base/file.h"
#include "base/resources.h"
#include "base/text.h"
#include "engine/engine.h"

namespace llmops::engine {

namespace {

constexpr int kMinimumMajor = 2, kMinimumMinor = 11;

std::string torch_folder() {
  if (const char* folder = std::getenv("LLMOPS_TORCH_DIR"); folder && *folder) return folder;
  return LLMOPS_BUILD_TORCH_DIR;
}

// version.py of the wheel: __version__ = '2.11.0+cu130'.
void check_version(const std::string& folder) {
  const std::string path = join_path(folder, "version.py");
  const char* remedy =
      "run scripts/setup.sh, or set LLMOPS_TORCH_DIR to the torch folder of a wheel";
  if (!path_exists(path)) {
    throw failed("no torch in {}", folder).hint(remedy);
  }
  const std::string text = read_file(path, 1 << 20);
  const std::string mark = "__version__ = '";
  const auto start = text.find(mark);
  const auto end = start == std::string::npos ? start : text.find('\'', start + mark.size());
  if (end == std::string::npos) throw failed("{} names no version", path).hint(remedy);
  const std::string version = text.substr(start + mark.size(), end - start - mark.size());
  const auto parts = split(version, '.');
  const auto major = parse_int(parts[0]);
  const auto minor = parts.size() > 1 ? parse_int(parts[1]) : std::nullopt;
  if (!major || !minor || *major != kMinimumMajor || *minor != kMinimumMinor) {
    throw failed("torch {} in {}: this build needs {}.{}", version, folder, kMinimumMajor,
                 kMinimumMinor)
        .hint(remedy);
  }
}

void* open_library(const std::string& path) {
  void* handle = dlopen(path.c_str(), RTLD_NOW | RTLD_GLOBAL);
  if (!handle) {
    const char* reason = dlerror();
    throw failed("cannot load {}: {}", path, reason ? reason : "unknown reason")
        .hint("run scripts/setup.sh, or set LLMOPS_TORCH_DIR to the torch folder of a wheel");
  }
  return handle;
}

// The folder of libllmops.so, where the tensor library lies too.
std::string own_folder() {
  Dl_info info{};
  LLMOPS_CHECK(dladdr(reinterpret_cast<const void*>(&load_engine), &info) != 0);
  return parent_path(absolute_path(info.dli_fname));
}

void set_default(const char* name, const char* value) {
  setenv(name, value, 0);
}

// OpenMP's threads wait for work by spinning, for 15 ms where nothing is set: with more threads
// than free cores, each spins through the time slices that the others need. This count is about
// half a millisecond, which spans the gaps within a step; then they sleep.
void bound_spinning() {
  if (!std::getenv("OMP_WAIT_POLICY")) set_default("GOMP_SPINCOUNT", "10000");
}

}  // namespace

Engine& load_engine(const std::string& device) {
  static Engine* engine = nullptr;
  static bool cuda_opened = false;
  const bool cuda = device == "cuda";
  if (engine && (!cuda || cuda_opened)) return *engine;
  if (engine) {
    // A Context asked about CUDA before its library is there never sees it again.
    throw failed("the tensor library was opened without CUDA in this process");
  }
  const std::string folder = torch_folder();
  check_version(folder);
  // Read by libraries while they load.
  set_default("TORCH_DISABLE_ADDR2LINE", "1");
  set_default("OMP_NUM_THREADS", std::to_string(available_cores()).c_str());
  bound_spinning();
  set_default("CUDA_MODULE_LOADING", "LAZY");
  set_default("CUBLAS_WORKSPACE_CONFIG", ":4096:8");
  // By absolute path and in this order, so that no other copy on the machine is taken.
  for (const char* name : {"libgomp.so.1", "libc10.so", "libtorch_cpu.so"}) {
    open_library(join_path(folder, std::string("lib/") + name));
  }
  if (cuda) {
    open_library(join_path(folder, "lib/libc10_cuda.so"));
    open_library(join_path(folder, "lib/libtorch_cuda.so"));
    cuda_opened = true;
  }
  void* library = open_library(join_path(own_folder(), "libllmops_torch.so"));
  using Factory = Engine* (*)();
  const auto factory = reinterpret_cast<Factory>(dlsym(library, "llmops_engine"));
  LLMOPS_CHECK(factory != nullptr, "libllmops_torch.so has no llmops_engine");
  engine = factory();
  return *engine;
}

}  // namespace llmops::engine

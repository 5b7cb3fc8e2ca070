#pragma once

#include <ATen/Context.h>
#include <ATen/DeviceAccelerator.h>
#include <dlfcn.h>

#include <cstdlib>

#include "tests/catch.h"

namespace llmops::tensor {

// Whether a CUDA device answers; says in the test's output why not. For cases tagged [.gpu], which
// return when it does not.
inline bool has_cuda() {
  // Before anything asks about CUDA: that answer stays.
  static const char* problem = [] {
    ::setenv("CUBLAS_WORKSPACE_CONFIG", ":4096:8", 0);  // as engine/loader.cpp, for the same bits
    for (const char* name : {"libc10_cuda.so", "libtorch_cuda.so"}) {
      if (dlopen(name, RTLD_NOW | RTLD_GLOBAL) == nullptr) return "libtorch_cuda.so is not found";
    }
    if (!at::hasCUDA() || at::accelerator::deviceCount() == 0) return "no CUDA device answers";
    return "";
  }();
  if (*problem != '\0') WARN("skipped: " << problem);
  return *problem == '\0';
}

}  // namespace llmops::tensor

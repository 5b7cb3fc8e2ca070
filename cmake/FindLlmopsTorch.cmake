# Finds the unpacked torch wheel: LLMOPS_TORCH_DIR (cache, then environment), else .deps/torch.
# Targets: llmops::torch (headers, c10, torch_cpu). Checks the version; needs no CUDA toolkit.
set(_default ${PROJECT_SOURCE_DIR}/.deps/torch)
if(DEFINED ENV{LLMOPS_TORCH_DIR})
  set(_default $ENV{LLMOPS_TORCH_DIR})
endif()
set(LLMOPS_TORCH_DIR ${_default} CACHE PATH "The torch folder of an unpacked wheel")
if(NOT EXISTS ${LLMOPS_TORCH_DIR}/lib/libtorch_cpu.so)
  message(FATAL_ERROR "no libtorch in ${LLMOPS_TORCH_DIR}: run scripts/setup.sh, or set LLMOPS_TORCH_DIR")
endif()
file(READ ${LLMOPS_TORCH_DIR}/version.py _version)
string(REGEX MATCH "__version__ = '([0-9]+\\.[0-9]+)" _ "${_version}")
set(LlmopsTorch_VERSION ${CMAKE_MATCH_1})
if(NOT LlmopsTorch_VERSION VERSION_GREATER_EQUAL 2.11)
  message(FATAL_ERROR "libtorch ${LlmopsTorch_VERSION} in ${LLMOPS_TORCH_DIR}: 2.11 or newer is needed")
endif()
if(NOT TARGET llmops::torch)
  add_library(llmops::torch INTERFACE IMPORTED)
  # -idirafter: the wheel carries another fmt, which must not hide the system's.
  # -fopenmp when compiling only: linking takes the wheel's libgomp, so the process has one OpenMP.
  target_compile_options(llmops::torch INTERFACE -fopenmp
    "SHELL:-idirafter ${LLMOPS_TORCH_DIR}/include"
    "SHELL:-idirafter ${LLMOPS_TORCH_DIR}/include/torch/csrc/api/include")
  target_link_options(llmops::torch INTERFACE -Wl,--unresolved-symbols=ignore-in-shared-libs)
  target_link_libraries(llmops::torch INTERFACE
    ${LLMOPS_TORCH_DIR}/lib/libtorch_cpu.so ${LLMOPS_TORCH_DIR}/lib/libc10.so
    ${LLMOPS_TORCH_DIR}/lib/libgomp.so.1)
endif()

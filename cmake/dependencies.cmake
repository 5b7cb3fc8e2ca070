# Every library this project uses, once: name, version, licence, why. scripts/setup.sh installs them.
#   libtorch     2.11   BSD-3        tensors, GEMM, attention, c10d      PyPI wheel (FindLlmopsTorch)
#   CLI11        2.1    BSD-3        command line                        package
#   fmt          9      MIT          formatting                          package
#   yaml-cpp     0.7    MIT          recipes                             package
#   SQLite       3.40   public       the store                           package
#   nlohmann     3.11   MIT          JSON parsing, behind base/json      package
#   utf8proc     2.8    MIT          Unicode classes and normal forms    package
#   OpenSSL      3      Apache-2.0   SHA-256                             package
#   zlib, zstd   1.2 1.5 zlib BSD-3  compressed data, CRC-32             package
#   Catch2       2 or 3 BSL-1.0      tests                               package
find_package(Threads REQUIRED)
find_package(PkgConfig REQUIRED)
find_package(CLI11 REQUIRED)
find_package(fmt REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(OpenSSL REQUIRED COMPONENTS Crypto)
find_package(ZLIB REQUIRED)
pkg_check_modules(SQLITE3 REQUIRED IMPORTED_TARGET sqlite3)
pkg_check_modules(YAMLCPP REQUIRED IMPORTED_TARGET yaml-cpp)
pkg_check_modules(UTF8PROC REQUIRED IMPORTED_TARGET libutf8proc)
pkg_check_modules(ZSTD REQUIRED IMPORTED_TARGET libzstd)
find_package(LlmopsTorch REQUIRED)

set(LLMOPS_WARNINGS -Wall -Wextra -Wshadow -Wconversion)
if(CMAKE_CXX_COMPILER_ID STREQUAL GNU AND CMAKE_BUILD_TYPE STREQUAL Release)
  # Optimizing, g++ 12 finds both inside std::string and std::variant where there is neither (GCC
  # bug 105651); clang and the sanitizers look for the real ones.
  list(APPEND LLMOPS_WARNINGS -Wno-restrict -Wno-maybe-uninitialized)
endif()
if(LLMOPS_WERROR)
  list(APPEND LLMOPS_WARNINGS -Werror)
endif()

# Flags that every object needs alike: sanitizers must cover the whole process.
add_library(llmops_flags INTERFACE)
target_link_libraries(llmops_flags INTERFACE fmt::fmt Threads::Threads)
# A DT_RUNPATH, unlike a DT_RPATH, leaves LD_LIBRARY_PATH and the wheel's own rpath in charge.
target_link_options(llmops_flags INTERFACE -Wl,--enable-new-dtags)
if(LLMOPS_SANITIZE)
  target_compile_options(llmops_flags INTERFACE -fsanitize=${LLMOPS_SANITIZE} -fno-omit-frame-pointer)
  target_link_options(llmops_flags INTERFACE -fsanitize=${LLMOPS_SANITIZE})
endif()

find_program(CCACHE ccache)
if(CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CCACHE})
endif()

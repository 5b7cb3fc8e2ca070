# llmops_module(NAME [DEPS module...] [PACKAGES target...]) declares lib/NAME as one object
# library, compiled once. DEPS are the modules whose headers it may include: the only place where
# an edge of the layering stands (tests/layers reads lib/CMakeLists.txt). lib/NAME/CMakeLists.txt
# lists the sources with llmops_sources(...).
function(llmops_module name)
  cmake_parse_arguments(ARG "" "" "DEPS;PACKAGES" ${ARGN})
  string(REPLACE "/" "_" target ${name})
  set(target llmops_${target})
  add_library(${target} OBJECT ${PROJECT_SOURCE_DIR}/cmake/empty.cpp)
  target_compile_features(${target} PUBLIC cxx_std_20)
  set_target_properties(${target} PROPERTIES
    CXX_EXTENSIONS OFF POSITION_INDEPENDENT_CODE ON)
  target_include_directories(${target} PUBLIC ${PROJECT_SOURCE_DIR}/lib)
  target_compile_options(${target} PRIVATE ${LLMOPS_WARNINGS})
  set(closure ${target})
  foreach(dep IN LISTS ARG_DEPS)
    string(REPLACE "/" "_" dep ${dep})
    target_link_libraries(${target} PUBLIC llmops_${dep})
    get_property(more GLOBAL PROPERTY llmops_${dep}_closure)
    list(APPEND closure ${more})
  endforeach()
  list(REMOVE_DUPLICATES closure)
  set_property(GLOBAL PROPERTY ${target}_closure ${closure})
  target_link_libraries(${target} PUBLIC ${ARG_PACKAGES} llmops_flags)
  set(LLMOPS_MODULE_TARGET ${target} PARENT_SCOPE)
  set(LLMOPS_MODULE_TARGET ${target})
  add_subdirectory(${PROJECT_SOURCE_DIR}/lib/${name} ${PROJECT_BINARY_DIR}/modules/${name})
endfunction()

# The sources of the module whose CMakeLists.txt is being read.
macro(llmops_sources)
  target_sources(${LLMOPS_MODULE_TARGET} PRIVATE ${ARGN})
endmacro()

# llmops_test(MODULE source...) builds one test program of a module from tests/unit/MODULE and the
# objects of the module and all it depends on; one ctest entry.
function(llmops_test module)
  cmake_parse_arguments(ARG "" "LABEL" "LIBS" ${ARGN})
  string(REPLACE "/" "_" stem ${module})
  add_executable(${stem}_test ${ARG_UNPARSED_ARGUMENTS})
  get_property(closure GLOBAL PROPERTY llmops_${stem}_closure)
  target_link_libraries(${stem}_test PRIVATE llmops_test_main ${closure} ${ARG_LIBS})
  target_compile_options(${stem}_test PRIVATE ${LLMOPS_WARNINGS})
  add_test(NAME unit.${module} COMMAND ${stem}_test)
  # Threads that wait by spinning take the processor from tests that run beside them.
  set_tests_properties(unit.${module} PROPERTIES
    LABELS "unit;${ARG_LABEL}" TIMEOUT 300 ENVIRONMENT OMP_WAIT_POLICY=passive)
  # Cases tagged [.gpu] are hidden from the plain run; scripts/gpu_check.sh runs them from a bundle.
  if(module MATCHES "^tensor")
    add_test(NAME gpu.${module} COMMAND ${stem}_test [gpu])
    set_tests_properties(gpu.${module} PROPERTIES LABELS gpu)
    set_target_properties(${stem}_test PROPERTIES INSTALL_RPATH $ORIGIN/../lib)
    install(TARGETS ${stem}_test DESTINATION tests COMPONENT gpu_tests EXCLUDE_FROM_ALL)
    add_dependencies(gpu_tests ${stem}_test)
  endif()
endfunction()

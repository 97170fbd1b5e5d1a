# SPDX-License-Identifier: MIT

# tap_part(NAME SOURCES... DEPENDS...): the static library of one part, tap_NAME.
function(tap_part name)
  cmake_parse_arguments(arg "" "" "SOURCES;DEPENDS;PRIVATE_DEPENDS" ${ARGN})
  add_library(tap_${name} STATIC ${arg_SOURCES})
  target_include_directories(tap_${name} PUBLIC ${CMAKE_SOURCE_DIR}/include PRIVATE ${CMAKE_SOURCE_DIR}/src)
  target_link_libraries(tap_${name} PUBLIC ${arg_DEPENDS} PRIVATE ${arg_PRIVATE_DEPENDS})
endfunction()

# tap_test(NAME SOURCES... DEPENDS...): one gtest program, each of its tests a ctest of its own.
function(tap_test name)
  cmake_parse_arguments(arg "" "TIMEOUT;LABEL" "SOURCES;DEPENDS" ${ARGN})
  if(NOT arg_TIMEOUT)
    set(arg_TIMEOUT 120)
  endif()
  if(NOT arg_LABEL)
    set(arg_LABEL unit)
  endif()
  add_executable(${name} ${arg_SOURCES})
  target_include_directories(${name} PRIVATE ${CMAKE_SOURCE_DIR}/src ${CMAKE_SOURCE_DIR}/tests)
  target_compile_definitions(${name} PRIVATE TAP_SOURCE_DIR="${CMAKE_SOURCE_DIR}")
  target_link_libraries(${name} PRIVATE ${arg_DEPENDS} GTest::gmock GTest::gtest_main)
  include(GoogleTest)
  gtest_discover_tests(${name} TEST_PREFIX "${name}." DISCOVERY_MODE PRE_TEST
                       PROPERTIES TIMEOUT ${arg_TIMEOUT} LABELS ${arg_LABEL})
endfunction()

# tap_fuzz(NAME SOURCE DEPENDS...): a libFuzzer target with TAP_FUZZ; without it, a program that replays the seeds.
function(tap_fuzz name source)
  add_executable(fuzz_${name} ${source})
  target_include_directories(fuzz_${name} PRIVATE ${CMAKE_SOURCE_DIR}/tests)
  target_link_libraries(fuzz_${name} PRIVATE ${ARGN})
  set(seeds ${CMAKE_SOURCE_DIR}/tests/fuzz/seeds/${name})
  if(TAP_FUZZ)
    target_link_options(fuzz_${name} PRIVATE -fsanitize=fuzzer)
    add_test(NAME fuzz.${name} COMMAND fuzz_${name} -max_total_time=${TAP_FUZZ_SECONDS} -timeout=10 -rss_limit_mb=2048
                                       ${CMAKE_BINARY_DIR}/corpus/${name} ${seeds})
    file(MAKE_DIRECTORY ${CMAKE_BINARY_DIR}/corpus/${name})
    set_tests_properties(fuzz.${name} PROPERTIES LABELS fuzz TIMEOUT 600)
  else()
    target_sources(fuzz_${name} PRIVATE ${CMAKE_SOURCE_DIR}/tests/fuzz/replay_main.cpp)
    add_test(NAME fuzz_replay.${name} COMMAND fuzz_${name} ${seeds})
    set_tests_properties(fuzz_replay.${name} PROPERTIES LABELS unit)
  endif()
endfunction()

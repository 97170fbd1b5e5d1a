# SPDX-License-Identifier: MIT

# tap_part(NAME SOURCES... DEPENDS...): the static library of one part, tap_NAME.
function(tap_part name)
  cmake_parse_arguments(arg "" "" "SOURCES;DEPENDS;PRIVATE_DEPENDS" ${ARGN})
  add_library(tap_${name} STATIC ${arg_SOURCES})
  target_include_directories(tap_${name} PUBLIC ${CMAKE_SOURCE_DIR}/include PRIVATE ${CMAKE_SOURCE_DIR}/src)
  target_link_libraries(tap_${name} PUBLIC ${arg_DEPENDS} PRIVATE ${arg_PRIVATE_DEPENDS})
  if(name STREQUAL "async")
    target_precompile_headers(tap_async PRIVATE ${TAP_ASYNC_HEADERS})
  elseif(TARGET tap_async AND NOT name MATCHES "^(base|atproto|repos|verify)$")
    target_precompile_headers(tap_${name} REUSE_FROM tap_async)
  endif()
endfunction()

# What nearly every file of the upper parts, and every test, would parse anew.
set(TAP_ASYNC_HEADERS <boost/asio/awaitable.hpp> <boost/asio/co_spawn.hpp> <boost/asio/steady_timer.hpp>
                      <boost/asio/use_awaitable.hpp> <chrono> <functional> <map> <memory> <optional> <string>
                      <unordered_map> <vector>)

# tap_harness(NAME): gives a library or a program of the tests that is not itself one of gtest the parts' precompiled
# headers. They are of position-independent code, as libraries have it.
function(tap_harness name)
  target_compile_options(${name} PRIVATE -fPIC)
  target_precompile_headers(${name} REUSE_FROM tap_async)
endfunction()

# Tests are compiled without optimisation (they run briefly and are many), and so have precompiled headers of their own.
function(tap_test_headers)
  if(TARGET tap_test_pch)
    return()
  endif()
  file(WRITE ${CMAKE_BINARY_DIR}/test_pch.cpp "// The home of the tests' precompiled headers.\n")
  add_library(tap_test_pch OBJECT ${CMAKE_BINARY_DIR}/test_pch.cpp)
  set_target_properties(tap_test_pch PROPERTIES POSITION_INDEPENDENT_CODE OFF)
  target_compile_options(tap_test_pch PRIVATE -O0 -fPIE)
  target_link_libraries(tap_test_pch PRIVATE tap_asio GTest::gmock)
  target_precompile_headers(tap_test_pch PRIVATE <gmock/gmock.h> <gtest/gtest.h> ${TAP_ASYNC_HEADERS})
endfunction()

# How many times as long as elsewhere a test may take; tests/support/patience.hpp says the same within tests.
set(TAP_SLOWNESS 1)
if(TAP_SANITIZE STREQUAL "thread")
  set(TAP_SLOWNESS 6)
endif()

# tap_test(NAME SOURCES... DEPENDS...): one gtest program, each of its tests a ctest of its own unless UNLISTED.
function(tap_test name)
  cmake_parse_arguments(arg "UNLISTED" "TIMEOUT;LABEL" "SOURCES;DEPENDS" ${ARGN})
  if(NOT arg_TIMEOUT)
    set(arg_TIMEOUT 120)
  endif()
  if(NOT arg_LABEL)
    set(arg_LABEL unit)
  endif()
  math(EXPR arg_TIMEOUT "${TAP_SLOWNESS} * ${arg_TIMEOUT}")
  tap_test_headers()
  add_executable(${name} ${arg_SOURCES})
  target_include_directories(${name} PRIVATE ${CMAKE_SOURCE_DIR}/src ${CMAKE_SOURCE_DIR}/tests)
  target_compile_definitions(${name} PRIVATE TAP_SOURCE_DIR="${CMAKE_SOURCE_DIR}")
  target_compile_options(${name} PRIVATE -O0)
  target_precompile_headers(${name} REUSE_FROM tap_test_pch)
  target_link_libraries(${name} PRIVATE ${arg_DEPENDS} tap_asio GTest::gmock GTest::gtest_main)
  if(arg_UNLISTED)
    return()
  endif()
  include(GoogleTest)
  gtest_discover_tests(${name} TEST_PREFIX "${name}." DISCOVERY_MODE PRE_TEST
                       PROPERTIES TIMEOUT ${arg_TIMEOUT} LABELS ${arg_LABEL})
endfunction()

# tap_fuzz(NAME SOURCE DEPENDS...): a libFuzzer target with TAP_FUZZ; without it, a program that replays the seeds.
function(tap_fuzz name source)
  add_executable(fuzz_${name} ${source})
  target_include_directories(fuzz_${name} PRIVATE ${CMAKE_SOURCE_DIR}/src ${CMAKE_SOURCE_DIR}/tests)
  target_link_libraries(fuzz_${name} PRIVATE ${ARGN})
  set(seeds ${CMAKE_SOURCE_DIR}/tests/fuzz/seeds/${name})
  if(TAP_FUZZ)
    target_link_options(fuzz_${name} PRIVATE -fsanitize=fuzzer)
    add_test(NAME fuzz.${name} COMMAND fuzz_${name} -max_total_time=${TAP_FUZZ_SECONDS} -timeout=10 -rss_limit_mb=2048
                                       ${CMAKE_BINARY_DIR}/corpus/${name} ${seeds})
    file(MAKE_DIRECTORY ${CMAKE_BINARY_DIR}/corpus/${name})
    math(EXPR limit "${TAP_FUZZ_SECONDS} + 600")
    set_tests_properties(fuzz.${name} PROPERTIES LABELS fuzz TIMEOUT ${limit})
  else()
    target_link_libraries(fuzz_${name} PRIVATE fuzz_replay)
    add_test(NAME fuzz_replay.${name} COMMAND fuzz_${name} ${seeds})
    set_tests_properties(fuzz_replay.${name} PROPERTIES LABELS unit)
  endif()
endfunction()

# SPDX-License-Identifier: MIT
# Language level, warnings, sanitizers, linker, compiler cache.
set(CMAKE_CXX_STANDARD 23)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)

find_program(CCACHE ccache)
if(CCACHE)
  # What ccache has to overlook to work with precompiled headers (its manual says so).
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env CCACHE_SLOPPINESS=pch_defines,time_macros ${CCACHE})
endif()
add_compile_options("SHELL:-Xclang -fno-pch-timestamp")

add_compile_options(-Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor -Wconversion -Wsign-conversion
                    -Wimplicit-fallthrough)
if(TAP_WERROR)
  add_compile_options(-Werror)
endif()
add_link_options(-fuse-ld=lld-19)

if(TAP_SANITIZE)
  add_compile_options(-fsanitize=${TAP_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  add_link_options(-fsanitize=${TAP_SANITIZE})
  if(TAP_SANITIZE MATCHES "address")
    add_library(tap_lsan OBJECT ${CMAKE_CURRENT_LIST_DIR}/lsan.cpp)
    link_libraries(tap_lsan) # in every program
  endif()
endif()
if(TAP_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()

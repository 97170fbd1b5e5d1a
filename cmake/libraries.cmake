# SPDX-License-Identifier: MIT
# The libraries, all from Debian 12. Targets keep the rest of the build free of their spelling.
find_package(Threads REQUIRED)
find_package(Boost 1.81 EXACT REQUIRED)
find_package(OpenSSL REQUIRED)
find_package(ZLIB REQUIRED)
find_package(fmt REQUIRED)
find_package(spdlog REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(simdjson REQUIRED)
find_package(CLI11 REQUIRED)
find_package(prometheus-cpp REQUIRED)
find_package(PkgConfig REQUIRED)
pkg_check_modules(LIBPQ REQUIRED IMPORTED_TARGET libpq)

# Linked statically; the others have no static library in Debian, or share one with such (docs/operations.md).
set(shared_suffixes ${CMAKE_FIND_LIBRARY_SUFFIXES})
set(CMAKE_FIND_LIBRARY_SUFFIXES .a)
find_package(SQLite3 REQUIRED)
pkg_check_modules(LIBPQXX REQUIRED IMPORTED_TARGET libpqxx)
pkg_check_modules(SECP256K1 REQUIRED IMPORTED_TARGET libsecp256k1)
find_library(JEMALLOC jemalloc REQUIRED)
set(CMAKE_FIND_LIBRARY_SUFFIXES ${shared_suffixes})

# Asio and Beast are compiled once, not in every file that sees them.
add_library(tap_asio STATIC ${CMAKE_CURRENT_LIST_DIR}/asio.cpp)
target_compile_definitions(tap_asio PUBLIC BOOST_ASIO_SEPARATE_COMPILATION BOOST_BEAST_SEPARATE_COMPILATION
                                           BOOST_ASIO_NO_DEPRECATED)
target_include_directories(tap_asio SYSTEM PUBLIC ${Boost_INCLUDE_DIRS})
target_link_libraries(tap_asio PUBLIC OpenSSL::SSL OpenSSL::Crypto Threads::Threads)

// SPDX-License-Identifier: MIT
#include "app/settings_table.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>

namespace tap::app {
namespace {

constexpr const char* kPage = TAP_SOURCE_DIR "/docs/configuration.md";
constexpr std::string_view kBegin = "<!-- settings: begin -->\n";
constexpr std::string_view kEnd = "<!-- settings: end -->\n";

std::string read_page() {
  std::ifstream file(kPage, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

// TAP_WRITE_DOCS=1 build/release/tests/unit/app/app_test --gtest_filter='SettingsTable.*' writes the page anew.
TEST(SettingsTable, IsWhatTheDocumentSays) {
  std::string page = read_page();
  const std::size_t begin = page.find(kBegin);
  const std::size_t end = page.find(kEnd);
  ASSERT_NE(begin, std::string::npos) << kPage;
  ASSERT_NE(end, std::string::npos) << kPage;
  const std::size_t from = begin + kBegin.size();
  if (std::getenv("TAP_WRITE_DOCS") != nullptr) {
    page.replace(from, end - from, settings_table());
    std::ofstream(kPage, std::ios::binary) << page;
    return;
  }
  EXPECT_EQ(page.substr(from, end - from), settings_table())
      << "run this test with TAP_WRITE_DOCS=1 to write docs/configuration.md anew";
}

}  // namespace
}  // namespace tap::app

// SPDX-License-Identifier: MIT
#pragma once

#include <filesystem>
#include <optional>
#include <string_view>

namespace tap::test {

/// A file or folder of the shared vectors and captures: below $TAP_SHARED, or `../shared` of the source tree. Empty
/// when it is not there: the test is then skipped.
[[nodiscard]] std::optional<std::filesystem::path> shared(std::string_view relative);

}  // namespace tap::test

/// Makes `name` the path of something shared, or skips the test.
#define TAP_SHARED_OR_SKIP(name, relative)                       \
  const auto name##_found = tap::test::shared(relative);         \
  if (!name##_found) GTEST_SKIP() << "no shared " << (relative); \
  const std::filesystem::path& name = *name##_found

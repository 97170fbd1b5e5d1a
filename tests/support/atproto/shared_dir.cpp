// SPDX-License-Identifier: MIT
#include "support/atproto/shared_dir.hpp"

#include <cstdlib>

namespace tap::test {

std::optional<std::filesystem::path> shared(std::string_view relative) {
  const char* given = std::getenv("TAP_SHARED");
  const std::filesystem::path root =
      given != nullptr ? std::filesystem::path(given) : std::filesystem::path(TAP_SOURCE_DIR) / "../shared";
  auto path = root / relative;
  if (!std::filesystem::exists(path)) return std::nullopt;
  return path;
}

}  // namespace tap::test

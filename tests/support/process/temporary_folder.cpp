// SPDX-License-Identifier: MIT
#include "support/process/temporary_folder.hpp"

#include <cerrno>
#include <cstdlib>
#include <string>
#include <system_error>

namespace tap::test {

TemporaryFolder::TemporaryFolder(const std::filesystem::path& base) {
  std::string pattern = (base / "tap-test-XXXXXX").string();
  if (::mkdtemp(pattern.data()) == nullptr) throw std::system_error(errno, std::generic_category(), pattern);
  path_ = pattern;
}

TemporaryFolder::~TemporaryFolder() {
  std::error_code ignored;  // what cannot be deleted stays
  std::filesystem::remove_all(path_, ignored);
}

}  // namespace tap::test

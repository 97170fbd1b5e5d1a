// SPDX-License-Identifier: MIT
#pragma once

#include <filesystem>

namespace tap::test {

/// A folder of its own below the system's folder for temporary files, deleted with all that is in it.
class TemporaryFolder {
 public:
  TemporaryFolder();
  ~TemporaryFolder();
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

}  // namespace tap::test

// SPDX-License-Identifier: MIT
#pragma once

#include "tap/base/result.hpp"

#include <string>
#include <utility>

namespace tap::store::sqlite {

/// Keeps other processes of ours off a database: an advisory lock on the file `<path>-lock`, which is there as long as
/// it is held. The kernel gives it up when the process dies. (SQLite's own exclusive mode would shut out our readers.)
class FileLock {
 public:
  /// Errc::busy when somebody holds it.
  [[nodiscard]] static Result<FileLock> acquire(const std::string& database);
  FileLock(FileLock&& other) noexcept : path_(std::move(other.path_)), file_(std::exchange(other.file_, -1)) {}
  FileLock& operator=(FileLock&&) = delete;
  ~FileLock();

 private:
  FileLock(std::string path, int file) : path_(std::move(path)), file_(file) {}
  std::string path_;
  int file_;
};

/// Tells the kernel to forget what it cached of the file: a file that was copied sits there in large pieces, which
/// makes small writes to it several times dearer. Before it is opened: closing a file lets go of SQLite's locks on it.
void drop_page_cache(const std::string& path);

}  // namespace tap::store::sqlite

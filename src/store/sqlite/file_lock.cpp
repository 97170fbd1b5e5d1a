// SPDX-License-Identifier: MIT
#include "store/sqlite/file_lock.hpp"

#include "tap/store/types.hpp"

#include <cerrno>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>

namespace tap::store::sqlite {
namespace {

std::unexpected<Error> failure(const std::string& path) {
  const int reason = errno;
  return fail(reason == EROFS ? Errc::read_only : Errc::open_failed,
              path + ": " + std::generic_category().message(reason));
}

/// Between open and lock its holder may have removed it: then somebody else locks another file of that name.
bool is_still_there(const std::string& path, int file) {
  struct stat at_path{};
  struct stat opened{};
  return ::stat(path.c_str(), &at_path) == 0 && ::fstat(file, &opened) == 0 && at_path.st_ino == opened.st_ino &&
         at_path.st_dev == opened.st_dev;
}

}  // namespace

Result<FileLock> FileLock::acquire(const std::string& database) {
  const std::string path = database + "-lock";
  for (int attempt = 0; attempt < 10; ++attempt) {
    const int file = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (file < 0) return failure(path);
    if (::flock(file, LOCK_EX | LOCK_NB) != 0) {
      const bool is_held = errno == EWOULDBLOCK;
      auto failed = failure(path);
      ::close(file);
      if (is_held) return fail(Errc::busy, database + " is held by another Tap");
      return failed;
    }
    if (is_still_there(path, file)) return FileLock(path, file);
    ::close(file);
  }
  return fail(Errc::busy, database + " is being opened and closed by others");
}

FileLock::~FileLock() {
  if (file_ < 0) return;
  ::unlink(path_.c_str());
  ::close(file_);
}

void drop_page_cache(const std::string& path) {
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) return;
  ::posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED);
  ::close(file);
}

}  // namespace tap::store::sqlite

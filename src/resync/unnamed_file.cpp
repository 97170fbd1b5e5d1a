// SPDX-License-Identifier: MIT
#include "resync/unnamed_file.hpp"

#include <cerrno>
#include <cstdlib>
#include <unistd.h>

namespace tap::resync {

int open_unnamed(const std::string& directory, OpenFile open) {
  const int file = open(directory.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
  // EISDIR is what kernels and layered file systems say that do not know the flag.
  if (file >= 0 || (errno != EOPNOTSUPP && errno != EISDIR)) return file;
  std::string name = directory + "/tap-XXXXXX";
  const int named = ::mkostemp(name.data(), O_CLOEXEC);
  if (named >= 0) ::unlink(name.c_str());
  return named;
}

}  // namespace tap::resync

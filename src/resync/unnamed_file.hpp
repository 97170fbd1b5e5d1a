// SPDX-License-Identifier: MIT
#pragma once

#include <fcntl.h>
#include <string>

namespace tap::resync {

/// As open(2).
using OpenFile = int (*)(const char* path, int flags, mode_t mode);

/// A file for reading and writing that is gone once it is closed, however the process ends. Where the file system does
/// not know files without a name, it has one for an instant. Negative, with errno, when the directory refuses.
[[nodiscard]] int open_unnamed(const std::string& directory, OpenFile open);

}  // namespace tap::resync

// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <sys/types.h>
#include <vector>

namespace tap::faults {

/// The resident memory of a process in bytes; 0 when it has ended, also when nobody has waited for it yet.
[[nodiscard]] std::uint64_t resident_bytes(pid_t process);

/// How the memory of a run went, in bytes.
struct MemoryCourse {
  struct Quarter {
    std::uint64_t median = 0, most = 0;
  };
  std::uint64_t start = 0, most = 0;
  Quarter second, last;

  [[nodiscard]] static MemoryCourse of(std::span<const std::uint64_t> samples);
  /// It does not grow: the last quarter may need little more than the second. The median shows what stays, such as a
  /// leak; the most is up to which large repos met, and may differ more.
  [[nodiscard]] bool is_flat() const;
  [[nodiscard]] std::string str() const;
};

}  // namespace tap::faults

// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <functional>

namespace tap::store {

/// What a child tells its parent, in memory that outlives it.
struct Deaths {
  std::size_t points = 0;  ///< that it came to
  std::size_t die_at = 0;  ///< 0: never
  std::size_t steps = 0;   ///< of whose success it was told

  /// The child is at a point.
  void reach();
};
[[nodiscard]] Deaths& deaths();

/// Runs `work` in a child that SIGKILL ends at its k-th point; false when it came to its end before.
[[nodiscard]] bool dies_at(std::size_t k, const std::function<void()>& work);

/// From now on each change that SQLite makes to a file, and each message to a server, is a point, before it is done.
/// In a child.
void die_between_writes();

}  // namespace tap::store

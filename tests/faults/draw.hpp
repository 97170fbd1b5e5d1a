// SPDX-License-Identifier: MIT
#pragma once

#include "tap/base/hash.hpp"

#include "support/atproto/dice.hpp"

#include <cstddef>
#include <cstdint>
#include <numeric>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tap::faults {

/// Chance for the number-th of a kind of choices. It depends on these three alone, so that a seed repeats each choice
/// in whatever order, and in whichever threads, they are asked for.
[[nodiscard]] inline test::Dice draw(std::uint64_t seed, std::string_view what, std::uint64_t number) {
  return test::Dice(stable_hash(std::to_string(seed) + " " + std::string(what) + " " + std::to_string(number)));
}

/// The number-th, from 0 on, of a series that goes through all below `count`, lap by lap, each in an order of its own.
[[nodiscard]] inline std::size_t in_turn(std::uint64_t seed, std::string_view what, std::uint64_t number,
                                         std::size_t count) {
  std::vector<std::size_t> order(count);
  std::iota(order.begin(), order.end(), 0);
  test::Dice dice = draw(seed, what, number / count);
  for (std::size_t left = count; left > 1; --left) std::swap(order[left - 1], order[dice.below(left)]);
  return order[number % count];
}

}  // namespace tap::faults

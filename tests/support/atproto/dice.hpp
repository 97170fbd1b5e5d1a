// SPDX-License-Identifier: MIT
#pragma once

#include "tap/base/bytes.hpp"

#include "support/atproto/slow_cbor.hpp"

#include <cstdint>
#include <random>
#include <string>
#include <string_view>

namespace tap::test {

/// Chance that falls the same way in every run.
class Dice {
 public:
  explicit Dice(std::uint64_t seed) : engine_(seed) {}
  /// Uniform in [0, limit).
  [[nodiscard]] std::size_t below(std::size_t limit) { return static_cast<std::size_t>(engine_() % limit); }
  [[nodiscard]] bool chance(unsigned percent) { return below(100) < percent; }
  [[nodiscard]] std::uint8_t byte() { return static_cast<std::uint8_t>(engine_()); }
  [[nodiscard]] std::uint64_t word() { return engine_(); }
  template <class Range>
  [[nodiscard]] auto& pick(Range& range) {
    return range[below(range.size())];
  }
  [[nodiscard]] Bytes bytes(std::size_t size);

 private:
  std::mt19937_64 engine_;
};

/// Canonical data of any shape, with the keys that mean something to the data model among others.
[[nodiscard]] slow::Value random_value(Dice& dice, std::size_t depth);
/// A map, as records are.
[[nodiscard]] slow::Value random_record(Dice& dice);
/// The bytes with a few of them changed, cut, doubled or added.
[[nodiscard]] Bytes mutate(Dice& dice, Bytes bytes);
/// A valid repo path; few collections, so that prefixes are shared.
[[nodiscard]] std::string random_path(Dice& dice);

/// Bytes from hex digits; blanks are free.
[[nodiscard]] Bytes hex(std::string_view digits);

}  // namespace tap::test

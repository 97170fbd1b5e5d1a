// SPDX-License-Identifier: MIT
#pragma once

#include "tap/base/bytes.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdlib>

/// What every fuzz target implements; `require` marks what must never be false, whatever the input.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace tap::fuzz {

inline void require(bool holds) {
  if (!holds) std::abort();
}

/// Cuts pieces of chosen sizes off the front of an input.
class Input {
 public:
  explicit Input(ByteView bytes) : rest_(bytes) {}
  [[nodiscard]] bool empty() const { return rest_.empty(); }
  [[nodiscard]] std::uint8_t byte() { return rest_.empty() ? std::uint8_t{0} : take(1)[0]; }
  [[nodiscard]] ByteView take(std::size_t size) {
    const ByteView piece = rest_.first(size < rest_.size() ? size : rest_.size());
    rest_ = rest_.subspan(piece.size());
    return piece;
  }
  [[nodiscard]] ByteView rest() { return take(rest_.size()); }
  [[nodiscard]] std::uint64_t word() {
    std::uint64_t word = 0;
    for (int i = 0; i < 8; ++i) word = word << 8 | byte();
    return word;
  }
  /// Behind a byte for its length.
  [[nodiscard]] std::string_view text() { return as_text(take(byte())); }

 private:
  ByteView rest_;
};

}  // namespace tap::fuzz

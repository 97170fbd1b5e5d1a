// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace tap::repos {

/// Open addressing over 4-byte entry numbers; keys live in the entries and are compared there. Linear probing, at most
/// three quarters full, removal closes the gap. `HashOf` gives the hash of an entry's key by its number.
template <class HashOf>
class SlotIndex {
 public:
  static constexpr std::uint32_t kNone = 0xffff'ffff;

  explicit SlotIndex(HashOf hash_of) : hash_of_(hash_of), slots_(16, kNone) {}

  /// The entry of this hash for which `same` is true, or kNone.
  template <class Same>
  [[nodiscard]] std::uint32_t find(std::uint64_t hash, Same same) const {
    for (std::size_t at = hash & mask(); slots_[at] != kNone; at = (at + 1) & mask()) {
      if (same(slots_[at])) return slots_[at];
    }
    return kNone;
  }

  void insert(std::uint64_t hash, std::uint32_t entry) {
    if ((size_ + 1) * 4 > slots_.size() * 3) grow();
    place(hash, entry);
    ++size_;
  }

  /// The entry must be there, and still give its hash.
  void erase(std::uint64_t hash, std::uint32_t entry) {
    std::size_t hole = hash & mask();
    while (slots_[hole] != entry) hole = (hole + 1) & mask();
    for (std::size_t at = (hole + 1) & mask(); slots_[at] != kNone; at = (at + 1) & mask()) {
      // Moves back whoever could have stood in the hole.
      const std::size_t home = hash_of_(slots_[at]) & mask();
      if (((at - home) & mask()) < ((at - hole) & mask())) continue;
      slots_[hole] = slots_[at];
      hole = at;
    }
    slots_[hole] = kNone;
    --size_;
  }

  [[nodiscard]] std::size_t memory() const { return slots_.capacity() * sizeof(std::uint32_t); }

 private:
  [[nodiscard]] std::size_t mask() const { return slots_.size() - 1; }

  void place(std::uint64_t hash, std::uint32_t entry) {
    std::size_t at = hash & mask();
    while (slots_[at] != kNone) at = (at + 1) & mask();
    slots_[at] = entry;
  }

  void grow() {
    std::vector<std::uint32_t> old(slots_.size() * 2, kNone);
    old.swap(slots_);
    for (const std::uint32_t entry : old) {
      if (entry != kNone) place(hash_of_(entry), entry);
    }
  }

  HashOf hash_of_;
  std::vector<std::uint32_t> slots_;
  std::size_t size_ = 0;
};

}  // namespace tap::repos

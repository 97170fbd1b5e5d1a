// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace tap::repos {

/// Open addressing over 4-byte slots; keys live in the entries and are compared there. Linear probing, at most three
/// quarters full, removal closes the gap. `HashOf` gives the hash of an entry's key by its number. Numbers are dense:
/// there are more slots than the highest, whose bits a slot therefore does not need all. The others hold some of the
/// hash, so that an entry of another key, which costs a cache miss, is seldom looked at.
template <class HashOf>
class SlotIndex {
 public:
  static constexpr std::uint32_t kNone = 0xffff'ffff;

  explicit SlotIndex(HashOf hash_of) : hash_of_(hash_of), slots_(16, kNone) {}

  /// The entry of this hash for which `same` is true, or kNone.
  template <class Same>
  [[nodiscard]] std::uint32_t find(std::uint64_t hash, Same same) const {
    const std::uint32_t tag = tag_of(hash);
    for (std::size_t at = hash & mask(); slots_[at] != kNone; at = (at + 1) & mask()) {
      const std::uint32_t entry = entry_at(at);
      if ((slots_[at] ^ entry) == tag && same(entry)) return entry;
    }
    return kNone;
  }

  void insert(std::uint64_t hash, std::uint32_t entry) {
    while ((size_ + 1) * 4 > slots_.size() * 3 || entry >= mask()) grow();
    place(hash, entry);
    ++size_;
  }

  /// The entry must be there, and still give its hash.
  void erase(std::uint64_t hash, std::uint32_t entry) {
    std::size_t hole = hash & mask();
    while (entry_at(hole) != entry) hole = (hole + 1) & mask();
    for (std::size_t at = (hole + 1) & mask(); slots_[at] != kNone; at = (at + 1) & mask()) {
      // Moves back whoever could have stood in the hole.
      const std::size_t home = hash_of_(entry_at(at)) & mask();
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
  /// No entry has the number mask(), which is how an empty slot reads.
  [[nodiscard]] std::uint32_t entry_at(std::size_t at) const { return slots_[at] & static_cast<std::uint32_t>(mask()); }
  /// Of other bits than those that say where the slot is.
  [[nodiscard]] std::uint32_t tag_of(std::uint64_t hash) const {
    return static_cast<std::uint32_t>(hash >> 12) & ~static_cast<std::uint32_t>(mask());
  }

  void place(std::uint64_t hash, std::uint32_t entry) {
    std::size_t at = hash & mask();
    while (slots_[at] != kNone) at = (at + 1) & mask();
    slots_[at] = tag_of(hash) | entry;
  }

  void grow() {
    // In the order of the entries, which reads them as they lie in memory.
    std::vector<bool> present(slots_.size());
    for (std::size_t at = 0; at < slots_.size(); ++at) {
      if (slots_[at] != kNone) present[entry_at(at)] = true;
    }
    slots_.assign(slots_.size() * 2, kNone);
    for (std::uint32_t entry = 0; entry < present.size(); ++entry) {
      if (present[entry]) place(hash_of_(entry), entry);
    }
  }

  HashOf hash_of_;
  std::vector<std::uint32_t> slots_;
  std::size_t size_ = 0;
};

}  // namespace tap::repos

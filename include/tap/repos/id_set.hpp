// SPDX-License-Identifier: MIT
#pragma once

#include "tap/repos/state.hpp"

#include <bitset>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <unordered_map>

namespace tap::repos {

/// A set of repo ids at about a bit each: ids are handed out one after the other, so they lie close together, and a
/// whole network waits at a first start. Loop thread only.
class IdSet {
 public:
  /// False when it is in already.
  bool insert(RepoId id) {
    Page& page = pages_[value(id) / kPage];
    if (page.bits.test(value(id) % kPage)) return false;
    page.bits.set(value(id) % kPage);
    ++page.count;
    ++size_;
    return true;
  }
  /// False when it is not in.
  bool erase(RepoId id) {
    const auto found = pages_.find(value(id) / kPage);
    if (found == pages_.end() || !found->second.bits.test(value(id) % kPage)) return false;
    found->second.bits.reset(value(id) % kPage);
    --size_;
    if (--found->second.count == 0) pages_.erase(found);
    return true;
  }
  /// Takes one out, whichever; none when it is empty.
  std::optional<RepoId> take_any() {
    if (pages_.empty()) return std::nullopt;
    const auto& [number, page] = *pages_.begin();
    std::size_t bit = 0;
    while (!page.bits.test(bit)) ++bit;  // a page that is kept is not empty
    const RepoId id{number * kPage + bit};
    erase(id);
    return id;
  }
  [[nodiscard]] bool contains(RepoId id) const {
    const auto found = pages_.find(value(id) / kPage);
    return found != pages_.end() && found->second.bits.test(value(id) % kPage);
  }
  [[nodiscard]] std::size_t size() const { return size_; }

 private:
  static constexpr std::size_t kPage = 4096;
  struct Page {
    std::bitset<kPage> bits;
    std::size_t count = 0;
  };
  static std::uint64_t value(RepoId id) { return static_cast<std::uint64_t>(id); }
  std::unordered_map<std::uint64_t, Page> pages_;
  std::size_t size_ = 0;
};

}  // namespace tap::repos

// SPDX-License-Identifier: MIT
#pragma once

#include "tap/atproto/event.hpp"
#include "tap/base/metrics.hpp"
#include "tap/firehose/processor.hpp"
#include "tap/verify/filter.hpp"

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>
#include <utility>

namespace tap::firehose {

/// Decides which events of repos that are not followed are worth a look, and bounds how many are looked at: whoever
/// sends events costs us a look-up of an identity each. What is missed for that is met again at its next commit, or by
/// the crawler. Loop thread only; outlives its entries.
class Discovery {
 public:
  Discovery(Interest interest, metrics::Registry& metrics);

  /// Cheap where nobody is looked for; a commit's ops are read only for the sake of collections.
  [[nodiscard]] bool wants(const atproto::FrameHead& head) const;

  /// A DID that is being looked at, until its destruction.
  class Entry {
   public:
    Entry(Entry&& other) noexcept
        : owner_(std::exchange(other.owner_, nullptr)), did_(std::move(other.did_)), bytes_(other.bytes_) {}
    Entry& operator=(Entry&&) = delete;
    ~Entry();

   private:
    friend class Discovery;
    Entry(Discovery& owner, std::string did, std::size_t bytes) : owner_(&owner), did_(std::move(did)), bytes_(bytes) {}
    Discovery* owner_;
    std::string did_;
    std::size_t bytes_;
  };
  /// Empty when the DID is being looked at already, or too many are. `bytes` is what its event takes meanwhile.
  [[nodiscard]] std::optional<Entry> enter(std::string_view did, std::size_t bytes);

  void found() { found_.add(); }
  void refused() { refused_.add(); }

 private:
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
  };
  void leave(const Entry& entry);

  Interest interest_;
  verify::Filter collections_;
  std::unordered_set<std::string, Hash, std::equal_to<>> entries_;
  std::size_t of_hosts_ = 0;  // did:web
  std::size_t bytes_ = 0;     // of all their events
  metrics::Counter& found_;
  metrics::Counter& refused_;
  metrics::Counter& missed_;
  metrics::Gauge& depth_;
};

}  // namespace tap::firehose

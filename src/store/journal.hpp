// SPDX-License-Identifier: MIT
#pragma once

#include "tap/base/bytes.hpp"
#include "tap/base/result.hpp"
#include "tap/outbox/event.hpp"
#include "tap/store/types.hpp"

#include <optional>
#include <span>
#include <string>
#include <vector>

namespace tap::store {

/// The bodies of journal rows, the same in every engine. Integers are LEB128 unless their width is said.
///   change  repo id, rev (8 bytes), data CID, records, number of record changes, each: collection, rkey, CID
///   event   lane (8 bytes), order (1 byte), body
///   text    length and bytes;  CID: its codec (1 byte, 0: deleted, and nothing follows) and digest (32 bytes)

/// Bodies larger than this are split, so that reading and deleting a row stays cheap. One event or commit is never
/// split.
constexpr std::size_t kJournalRowBytes = std::size_t{1} << 20;

/// Collects what one transaction appends to the journal.
class JournalWriter {
 public:
  struct Events {
    std::size_t count = 0;
    std::string body;
  };

  void add(const AdvanceHead& change);
  void add(const outbox::Draft& event);
  [[nodiscard]] bool empty() const { return changes_.empty() && events_.empty(); }
  [[nodiscard]] std::vector<std::string> take_changes() { return std::exchange(changes_, {}); }
  [[nodiscard]] std::vector<Events> take_events() { return std::exchange(events_, {}); }

 private:
  std::vector<std::string> changes_;
  std::vector<Events> events_;
};

/// Appends all changes of a row; Errc::corrupt when the bytes are not what JournalWriter makes.
[[nodiscard]] Result<void> read_changes(ByteView body, std::vector<AdvanceHead>& out);

/// Walks the events of a row; the body is valid as long as the row's bytes.
class EventReader {
 public:
  struct Item {
    outbox::LaneKey lane{};
    outbox::Order order{};
    std::string_view body;
  };
  explicit EventReader(ByteView body) : rest_(body) {}
  /// Empty at the end; Errc::corrupt as above.
  [[nodiscard]] Result<std::optional<Item>> next();

 private:
  ByteView rest_;
};

/// Which events of a row are done with: a bit each. Any number of bits reads as unset.
class Marks {
 public:
  Marks() = default;
  explicit Marks(ByteView bytes) : bytes_(bytes.begin(), bytes.end()) {}
  [[nodiscard]] bool has(std::uint64_t index) const {
    return index / 8 < bytes_.size() && ((bytes_[index / 8] >> (index % 8)) & 1) != 0;
  }
  /// True when it was unset.
  bool set(std::uint64_t index);
  [[nodiscard]] ByteView bytes() const { return bytes_; }

 private:
  Bytes bytes_;
};

}  // namespace tap::store

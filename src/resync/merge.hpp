// SPDX-License-Identifier: MIT
#pragma once

#include "tap/atproto/identifiers.hpp"
#include "tap/atproto/mst_walker.hpp"
#include "tap/base/result.hpp"
#include "tap/outbox/event.hpp"
#include "tap/store/types.hpp"
#include "tap/verify/filter.hpp"

#include "resync/block_file.hpp"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tap::resync {

/// Compares a checked tree with the stored record index, both in key order, and says what to write and to tell: create,
/// update and delete (protocol 8.4 item 34). Pure but for reading blocks; one thread at a time, any thread.
///
/// Stored records of collections that the filter no longer lets through leave the index without an event: consumers
/// did not lose them, we stopped to follow them.
///
/// Events of one comparison may go out together. Those of an earlier one, and of an earlier life of the repo, of which
/// the index knows nothing, must be done with first, or a repeated create could come behind a delete: where there may
/// be such, the first event is a barrier.
class Merge {
 public:
  struct Limits {
    std::size_t records = 1'000;               ///< changes of one batch
    std::size_t bytes = std::size_t{4} << 20;  ///< of their events, give or take the last one
    std::size_t steps = 20'000;                ///< records looked at for one batch
  };
  struct Batch {
    std::vector<store::RecordChange> changes;
    std::vector<outbox::Draft> events;
    bool wants_stored = false;  ///< nothing can be said before add_stored() or end_stored()
    bool done = false;
    [[nodiscard]] bool empty() const { return changes.empty(); }
  };

  /// `blocks` and `filter` outlive it. `told_before`: consumers may have events of this DID already.
  Merge(BlockFile& blocks, const atproto::Cid& root, const atproto::Did& did, atproto::Tid rev,
        const verify::Filter& filter, bool told_before, Limits limits);

  /// The next stored records of the collection. Collections come in the order of their name with a slash behind it
  /// (`a.b.c-d.e` before `a.b.c`), as keys do in the tree; record keys in byte order.
  void add_stored(std::string_view collection, const std::vector<store::Record>& page);
  void end_stored() { stored_ended_ = true; }

  /// The next changes, as many as the limits allow; fewer when stored records run out. Fails when a block cannot be
  /// read, or when the index is not in its order.
  [[nodiscard]] Result<Batch> next();
  /// Records so far whose bytes are no valid data model: their events go without `record` (protocol 2.2).
  [[nodiscard]] std::uint64_t unreadable() const { return unreadable_; }

 private:
  struct Stored {
    std::string key;  // whole path
    std::size_t collection_size;
    atproto::Cid cid;
  };
  /// Reads on to the next wanted leaf, unless one is at hand.
  [[nodiscard]] Result<void> find_leaf();
  [[nodiscard]] Result<void> step(Batch& batch);
  [[nodiscard]] Result<void> put(Batch& batch, std::string_view action);
  void remove(Batch& batch);
  void emit(Batch& batch, std::string_view action, store::RecordChange change, std::string_view record_json);

  BlockFile& blocks_;
  const verify::Filter& filter_;
  Limits limits_;
  std::string did_, rev_;
  atproto::mst::Walker walker_;
  std::optional<atproto::mst::Leaf> leaf_;
  bool leaves_ended_ = false;
  bool needs_barrier_;  // before the next event
  std::deque<Stored> stored_;
  std::string last_stored_;
  bool stored_ended_ = false;
  bool stored_disordered_ = false;
  std::size_t steps_left_ = 0;
  std::size_t batch_bytes_ = 0;
  std::uint64_t unreadable_ = 0;
  std::string json_;  // of the record at hand; kept for its capacity
};

/// True when the collection's keys come first in a tree.
[[nodiscard]] bool collection_less(std::string_view a, std::string_view b);

}  // namespace tap::resync

// SPDX-License-Identifier: MIT
#include "resync/merge.hpp"

#include "tap/atproto/cbor.hpp"

#include <algorithm>
#include <utility>

namespace tap::resync {

bool collection_less(std::string_view a, std::string_view b) {
  // As with a slash behind each, without making the strings: '/' sorts after '-' and '.', before digits and letters.
  const std::size_t common = std::min(a.size(), b.size());
  if (const int order = a.substr(0, common).compare(b.substr(0, common)); order != 0) return order < 0;
  if (a.size() == b.size()) return false;
  return a.size() < b.size() ? '/' < b[common] : a[common] < '/';
}

Merge::Merge(BlockFile& blocks, const atproto::Cid& root, const atproto::Did& did, atproto::Tid rev,
             const verify::Filter& filter, bool told_before, Limits limits)
    : blocks_(blocks),
      filter_(filter),
      limits_(limits),
      did_(did.str()),
      rev_(rev.str()),
      walker_(root, [&blocks](const atproto::Cid& cid) { return blocks.get(cid); }),
      needs_barrier_(told_before) {}

void Merge::add_stored(std::string_view collection, const std::vector<store::Record>& page) {
  for (const store::Record& record : page) {
    std::string key;
    key.reserve(collection.size() + 1 + record.rkey.size());
    key.append(collection).append("/").append(record.rkey);
    // A database that sorts by language rather than bytes would make deletes of what is there.
    stored_disordered_ |= key <= last_stored_;
    last_stored_ = key;
    stored_.push_back({std::move(key), collection.size(), record.cid});
  }
}

Result<Merge::Batch> Merge::next() {
  if (stored_disordered_) return fail(store::Errc::corrupt, "the record index is out of order");
  Batch batch;
  steps_left_ = limits_.steps;
  batch_bytes_ = 0;
  while (batch.changes.size() < limits_.records && batch_bytes_ < limits_.bytes) {
    if (auto found = find_leaf(); !found) return std::unexpected(found.error());
    if (steps_left_ == 0) break;
    batch.wants_stored = stored_.empty() && !stored_ended_;
    batch.done = stored_.empty() && stored_ended_ && leaves_ended_;
    if (batch.wants_stored || batch.done) break;
    if (auto stepped = step(batch); !stepped) return std::unexpected(stepped.error());
  }
  return batch;
}

Result<void> Merge::find_leaf() {
  while (!leaf_ && !leaves_ended_ && steps_left_ > 0) {
    auto next = walker_.next();
    if (!next) return std::unexpected(next.error());
    --steps_left_;
    leaves_ended_ = !*next;
    if (leaves_ended_) break;
    const auto path = atproto::parse_path((*next)->key);
    if (path && filter_.matches(path->collection)) leaf_ = std::move(*next);
  }
  return {};
}

Result<void> Merge::step(Batch& batch) {
  if (stored_.empty()) return put(batch, "create");
  if (!leaf_ || stored_.front().key < leaf_->key) {
    remove(batch);
    return {};
  }
  if (leaf_->key < stored_.front().key) return put(batch, "create");
  const bool same = stored_.front().cid == leaf_->value;
  stored_.pop_front();
  if (!same) return put(batch, "update");
  leaf_.reset();
  return {};
}

Result<void> Merge::put(Batch& batch, std::string_view action) {
  auto record = blocks_.get(leaf_->value);
  if (!record) return std::unexpected(record.error());
  json_.clear();
  if (auto rendered = atproto::cbor::append_record_json(*record, json_); !rendered) {
    ++unreadable_;
    batch_bytes_ += record->size();  // which may have taken as long as one that is told
  }
  const std::size_t slash = leaf_->key.find('/');
  emit(batch, action, {leaf_->key.substr(0, slash), leaf_->key.substr(slash + 1), leaf_->value}, json_);
  leaf_.reset();
  return {};
}

void Merge::remove(Batch& batch) {
  const Stored& gone = stored_.front();
  store::RecordChange change{gone.key.substr(0, gone.collection_size), gone.key.substr(gone.collection_size + 1), {}};
  stored_.pop_front();
  if (filter_.matches(change.collection)) {
    emit(batch, "delete", std::move(change), {});
  } else {
    batch.changes.push_back(std::move(change));
  }
}

void Merge::emit(Batch& batch, std::string_view action, store::RecordChange change, std::string_view record_json) {
  auto event = outbox::render(outbox::RecordEvent{.did = did_,
                                                  .rev = rev_,
                                                  .collection = change.collection,
                                                  .rkey = change.rkey,
                                                  .action = action,
                                                  .record_json = record_json,
                                                  .cid = change.cid ? &*change.cid : nullptr});
  if (std::exchange(needs_barrier_, false)) event.order = outbox::Order::barrier;
  batch_bytes_ += event.body.size();
  batch.events.push_back(std::move(event));
  batch.changes.push_back(std::move(change));
}

}  // namespace tap::resync

// SPDX-License-Identifier: MIT
#include "firehose/discovery.hpp"

#include "tap/atproto/identifiers.hpp"

#include <algorithm>
#include <utility>

namespace tap::firehose {
namespace {

constexpr std::size_t kMost = 1'000;
constexpr std::size_t kMostBytes = std::size_t{32} << 20;
/// Hosts of strangers may take their time, and must not take everybody's places.
constexpr std::size_t kMostOfHosts = 100;

bool is_of_host(std::string_view did) { return did.starts_with("did:web:"); }

/// A record came, or changed: its removal is no reason to follow a repo (8.4 item 23).
bool puts_into(const atproto::CommitEvent& commit, const verify::Filter& collections) {
  return std::ranges::any_of(commit.ops, [&](const atproto::Op& op) {
    if (op.action == atproto::Action::remove) return false;
    const auto path = atproto::parse_path(op.path);
    return path && collections.matches(path->collection);
  });
}

}  // namespace

Discovery::Discovery(Interest interest, metrics::Registry& metrics)
    : interest_(std::move(interest)),
      collections_(interest_.collections),
      found_(metrics.counter("tap_discovery_repos_total", "Repos followed because of an event of theirs")),
      refused_(metrics.counter("tap_discovery_refused_total", "Events of unknown repos that could not be verified")),
      missed_(metrics.counter("tap_discovery_missed_total", "Events of unknown repos that there was no room for")),
      depth_(metrics.queue("discovery", kMost)) {}

bool Discovery::wants(const atproto::FrameHead& head) const {
  const bool commit = head.kind == atproto::EventKind::commit;
  if (head.did.empty() || (!commit && head.kind != atproto::EventKind::sync)) return false;
  if (interest_.network) return true;
  if (!commit || interest_.collections.empty()) return false;
  const auto event = atproto::decode_commit(head.body);
  return event && puts_into(*event, collections_);
}

std::optional<Discovery::Entry> Discovery::enter(std::string_view did, std::size_t bytes) {
  if (entries_.contains(did)) return std::nullopt;
  if (entries_.size() >= kMost || bytes_ + bytes > kMostBytes || (is_of_host(did) && of_hosts_ >= kMostOfHosts)) {
    missed_.add();
    return std::nullopt;
  }
  entries_.emplace(did);
  bytes_ += bytes;
  if (is_of_host(did)) ++of_hosts_;
  depth_.set(static_cast<std::int64_t>(entries_.size()));
  return Entry(*this, std::string(did), bytes);
}

void Discovery::leave(const Entry& entry) {
  entries_.erase(entry.did_);
  bytes_ -= entry.bytes_;
  if (is_of_host(entry.did_)) --of_hosts_;
  depth_.set(static_cast<std::int64_t>(entries_.size()));
}

Discovery::Entry::~Entry() {
  if (owner_ != nullptr) owner_->leave(*this);
}

}  // namespace tap::firehose

// SPDX-License-Identifier: MIT
#include "identity/cache.hpp"

#include <algorithm>

namespace tap::identity {
namespace {

constexpr std::size_t kUnit = 1024;  // bytes that an ordinary identity stays below

}  // namespace

std::string_view Cache::Entry::did() const {
  if (const auto* identity = std::get_if<IdentityPtr>(&answer)) return (*identity)->did.str();
  return std::get<std::unique_ptr<Failure>>(answer)->did.str();
}

std::size_t Cache::Entry::weight() const {
  const auto* identity = std::get_if<IdentityPtr>(&answer);
  return 1 + (did().size() + (identity != nullptr ? (*identity)->unusual_document.size() : 0)) / kUnit;
}

Result<IdentityPtr> Cache::Entry::result() const {
  if (const auto* identity = std::get_if<IdentityPtr>(&answer)) return *identity;
  return std::unexpected(std::get<std::unique_ptr<Failure>>(answer)->error);
}

std::chrono::milliseconds Cache::ttl_of(const Result<IdentityPtr>& answer) const {
  if (answer) return ttl_.identity;
  return answer.error() == Errc::unavailable ? ttl_.unavailable : ttl_.error;
}

std::optional<Result<IdentityPtr>> Cache::find(std::string_view did, SteadyTime now) {
  auto& by_did = entries_.get<1>();
  const auto found = by_did.find(did);
  if (found == by_did.end() || found->stale_at <= now) return std::nullopt;
  entries_.relocate(entries_.begin(), entries_.project<0>(found));
  return found->result();
}

std::optional<Result<IdentityPtr>> Cache::refreshed(std::string_view did, SteadyTime since) const {
  const auto& by_did = entries_.get<1>();
  const auto found = by_did.find(did);
  if (found == by_did.end() || found->refreshed_at <= since) return std::nullopt;
  return found->result();
}

void Cache::put(const atproto::Did& did, const Result<IdentityPtr>& answer, SteadyTime now, bool refresh) {
  if (!answer && answer.error() == Errc::unavailable && prolong(did.str(), now)) return;
  erase(did.str());
  Entry entry{{}, now + ttl_of(answer), refresh ? now : SteadyTime{}};
  if (answer) {
    entry.answer = *answer;
  } else {
    entry.answer = std::make_unique<Failure>(did, answer.error());
  }
  weight_ += entry.weight();
  entries_.push_front(std::move(entry));
  while (weight_ > capacity_ && !entries_.empty()) {
    weight_ -= entries_.back().weight();
    entries_.pop_back();
  }
}

/// Keeps an identity for a moment longer; false when none is held.
bool Cache::prolong(std::string_view did, SteadyTime now) {
  auto& by_did = entries_.get<1>();
  const auto found = by_did.find(did);
  if (found == by_did.end() || !std::holds_alternative<IdentityPtr>(found->answer)) return false;
  by_did.modify(found, [&](Entry& entry) { entry.stale_at = std::max(entry.stale_at, now + ttl_.unavailable); });
  return true;
}

void Cache::erase(std::string_view did) {
  auto& by_did = entries_.get<1>();
  const auto found = by_did.find(did);
  if (found == by_did.end()) return;
  weight_ -= found->weight();
  by_did.erase(found);
}

}  // namespace tap::identity

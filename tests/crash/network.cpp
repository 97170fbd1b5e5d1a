// SPDX-License-Identifier: MIT
#include "crash/network.hpp"

#include "support/atproto/did_document.hpp"

#include <algorithm>
#include <stdexcept>
#include <utility>

namespace tap::crash {
namespace {

constexpr std::size_t kFirstRecords = 60;
constexpr std::size_t kUnheardRecords = 150;
constexpr unsigned kAwayInCalm = 33;  // percent

}  // namespace

Network::Network(std::uint64_t seed, std::size_t accounts, test::Judge& judge) : dice_(seed), judge_(judge) {
  for (std::size_t number = 1; number <= accounts; ++number) {
    test::Author& made = *members_.emplace_back(std::make_unique<test::Author>(test::Account(number)));
    made.account.fill(kFirstRecords);
    const std::string did = made.account.did().str();
    plc_.set_document(did, test::did_document_without_handle(made.account, pds_.url()));
    pds_.set_repo_source(did, [this, &made] {
      const std::lock_guard lock(mutex_);
      const Bytes car = made.account.full_car();
      return [pieces = std::vector{std::string(), std::string(as_text(car))}]() mutable {
        std::string piece = std::move(pieces.back());
        if (pieces.size() > 1) pieces.pop_back();
        return piece;
      };
    });
  }
}

std::vector<std::string> Network::dids() const {
  std::vector<std::string> dids;
  for (const auto& member : members_) dids.push_back(member->account.did().str());
  return dids;
}

test::Author& Network::member(const std::string& did) {
  const auto found = std::ranges::find_if(members_, [&](const auto& one) { return one->account.did().str() == did; });
  if (found == members_.end()) throw std::logic_error("no such account: " + did);
  return **found;
}

template <class Message>
void Network::send(Message message) {
  message.seq = ++seq_;
  relay_.push(seq_, message.frame());
}

void Network::act(const Ask& ask) {
  test::Author& chosen = *dice_.pick(members_);
  const std::size_t chance = dice_.below(1'000);
  if (chance < 3) return add_again(chosen, ask);
  const std::lock_guard lock(mutex_);
  if (chosen.is_away ? chance < 300 : chance < 20) return go_or_come_back(chosen);
  if (chosen.is_away) return;
  if (chance < 25) return write_unheard(chosen);
  if (chance < 35) return send(chosen.account.identity());
  if (chance < 45) return send(chosen.account.sync());
  write(chosen);
}

void Network::write(test::Author& member) { send(member.account.commit(member.some_writes(dice_))); }

/// Commits that the relay loses: the next one does not chain, and the repo has to be fetched.
void Network::write_unheard(test::Author& member) {
  if (!member.has_many_records()) member.account.fill(dice_.below(kUnheardRecords) + 1);
  std::ignore = member.account.commit(member.some_writes(dice_));
  write(member);
}

void Network::go_or_come_back(test::Author& member) {
  member.is_away = !member.is_away;
  if (!member.is_away) write_unheard(member);
  tell_status(member);
}

void Network::tell_status(const test::Author& member) {
  send(member.account.status(!member.is_away,
                             member.is_away ? std::optional<std::string>("deactivated") : std::nullopt));
}

/// Removes it and adds it again. It is not written to meanwhile; that it is away nobody knows then, until it is said.
void Network::add_again(test::Author& member, const Ask& ask) {
  const std::string did = member.account.did().str();
  judge_.expect_everything_again(did);
  ask("/repos/remove", did);
  ask("/repos/add", did);
  const std::lock_guard lock(mutex_);
  if (member.is_away) tell_status(member);
}

void Network::calm_down() {
  const std::lock_guard lock(mutex_);
  for (const auto& member : members_) {
    if (member->is_away != dice_.chance(kAwayInCalm)) go_or_come_back(*member);
    if (!member->is_away) write(*member);
  }
}

test::Judge::Truth Network::truth(const std::string& did) {
  const std::lock_guard lock(mutex_);
  const test::Author& one = member(did);
  return {.records = one.record_cids(), .deleted = one.deleted, .is_active = !one.is_away};
}

void Network::settled() {
  for (const auto& member : members_) {
    if (!member->is_away) member->deleted.clear();
  }
  relay_.forget(std::exchange(settled_, seq_));
}

}  // namespace tap::crash

// SPDX-License-Identifier: MIT
#include "crash/network.hpp"

#include "tap/atproto/identifiers.hpp"

#include "support/atproto/did_document.hpp"

#include <algorithm>
#include <stdexcept>
#include <utility>

namespace tap::crash {
namespace {

constexpr std::size_t kFirstRecords = 60;
constexpr std::size_t kUnheardRecords = 150;
/// From here on an account deletes more than it writes.
constexpr std::size_t kManyRecords = 200;

/// With a handle that nobody looks up: nothing of the crash test leaves this machine.
std::string document_of(const test::Account& account, std::string_view pds_url) {
  std::string document = test::did_document(account, pds_url);
  return document.replace(document.find(account.handle()), account.handle().size(), atproto::kInvalidHandle);
}

}  // namespace

Network::Network(std::uint64_t seed, std::size_t accounts, Judge& judge) : dice_(seed), judge_(judge) {
  for (std::size_t number = 1; number <= accounts; ++number) {
    Member& made = *members_.emplace_back(std::make_unique<Member>(number));
    made.account.fill(kFirstRecords);
    const std::string did = made.account.did().str();
    plc_.set_document(did, document_of(made.account, pds_.url()));
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

Network::Member& Network::member(const std::string& did) {
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
  Member& chosen = *dice_.pick(members_);
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

void Network::write(Member& member) { send(member.account.commit(some_writes(member))); }

/// Commits that the relay loses: the next one does not chain, and the repo has to be fetched.
void Network::write_unheard(Member& member) {
  if (member.account.records().size() < kManyRecords) member.account.fill(dice_.below(kUnheardRecords) + 1);
  std::ignore = member.account.commit(some_writes(member));
  write(member);
}

void Network::go_or_come_back(Member& member) {
  member.is_away = !member.is_away;
  if (!member.is_away) write_unheard(member);
  send(member.account.status(!member.is_away,
                             member.is_away ? std::optional<std::string>("deactivated") : std::nullopt));
}

/// Removes it and adds it again. It is not written to meanwhile.
void Network::add_again(Member& member, const Ask& ask) {
  const std::string did = member.account.did().str();
  judge_.expect_everything_again(did);
  ask("/repos/remove", did);
  ask("/repos/add", did);
}

std::string Network::some_path(const Member& member) {
  const auto& records = member.account.records();
  return std::next(records.begin(), static_cast<std::ptrdiff_t>(dice_.below(records.size())))->first;
}

std::vector<test::Write> Network::some_writes(Member& member) {
  std::vector<test::Write> writes;
  std::set<std::string> touched;
  const bool is_large = member.account.records().size() > kManyRecords;
  for (std::size_t left = 1 + dice_.below(is_large ? 20 : 3); left > 0; --left) {
    const bool is_new = member.account.records().size() < 5 || dice_.chance(is_large ? 5 : 45);
    const std::string path = is_new ? member.account.new_path() : some_path(member);
    if (!touched.insert(path).second) continue;
    if (is_new) {
      writes.push_back(test::create(path, test::post_record(++records_)));
    } else if (!is_large && dice_.chance(40)) {
      writes.push_back(test::update(path, test::post_record(++records_)));
    } else {
      writes.push_back(test::remove(path));
      member.deleted.insert(path);
    }
  }
  return writes;
}

void Network::calm_down() {
  const std::lock_guard lock(mutex_);
  for (const auto& member : members_) {
    if (member->is_away) go_or_come_back(*member);
    write(*member);
  }
}

Judge::Truth Network::truth(const std::string& did) {
  const std::lock_guard lock(mutex_);
  const Member& one = member(did);
  Judge::Truth truth{.records = {}, .deleted = one.deleted, .is_active = !one.is_away};
  for (const auto& [path, record] : one.account.records()) {
    truth.records[path] = atproto::Cid::of(atproto::Cid::Codec::dag_cbor, record).str();
  }
  return truth;
}

void Network::settled() {
  for (const auto& member : members_) member->deleted.clear();
  relay_.forget(std::exchange(settled_, seq_));
}

}  // namespace tap::crash

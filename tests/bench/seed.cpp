// SPDX-License-Identifier: MIT
#include "bench/seed.hpp"

#include "tap/store/store.hpp"

#include "support/atproto/records.hpp"

#include <algorithm>
#include <iterator>
#include <memory>
#include <stdexcept>
#include <string>

namespace tap::bench {
namespace {

using store::RepoId;

template <class T>
T need(Result<T> result) {
  if (!result) throw std::runtime_error("the database cannot be written: " + result.error().message());
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}

/// Gathers mutations to large transactions.
class Seeder {
 public:
  explicit Seeder(const Database& database) : store_(need(store::open_store(database.url()))) {
    need(store_->load_repos([](const store::RepoRow&) {}));
  }
  void put(store::Mutation mutation, std::size_t rows = 1) {
    write_.mutations.push_back(std::move(mutation));
    rows_ += rows;
    if (rows_ >= kRows) flush();
  }
  void finish() {
    flush();
    need(store_->fold());
    need(store_->checkpoint());
  }

 private:
  static constexpr std::size_t kRows = 20'000;  // of one transaction
  void flush() {
    need(store_->apply(std::span(&write_, 1), {}));
    write_ = {};
    rows_ = 0;
  }
  std::unique_ptr<store::Store> store_;
  store::Write write_;
  std::size_t rows_ = 0;
};

void put_active(Seeder& seeder, RepoId id, const atproto::Did& did, const repos::Head& head) {
  seeder.put(store::AddRepo{id, did});
  seeder.put(store::SetHead{id, head});
  seeder.put(store::SetState{.id = id, .state = repos::State::active, .error = {}, .retries = 0, .retry_after = 0});
  seeder.put(store::SetHandle{id, "handle.invalid"});
}

store::RecordChange change_of(const std::string& path, ByteView record) {
  const std::size_t slash = path.find('/');
  return {path.substr(0, slash), path.substr(slash + 1), atproto::Cid::of(atproto::Cid::Codec::dag_cbor, record)};
}

}  // namespace

void seed_repos(const Database& database, std::size_t repos) {
  Seeder seeder(database);
  test::TidSource revs;
  for (std::size_t i = 0; i < repos; ++i) {
    const auto digest = atproto::sha256(as_bytes("repo at rest " + std::to_string(i)));
    std::string name = "did:plc:";
    atproto::append_base32(name, digest);
    const auto did = atproto::Did::parse(name.substr(0, 32)).value();
    put_active(seeder, RepoId{i + 1}, did, {revs.next(), atproto::Cid::of(atproto::Cid::Codec::dag_cbor, digest), 1});
  }
  seeder.finish();
}

void seed_accounts(const Database& database, const std::vector<test::Account>& accounts, std::size_t more_records) {
  constexpr std::size_t kChanges = 1'000;
  Seeder seeder(database);
  std::uint64_t number = 0;
  for (const test::Account& account : accounts) {
    const RepoId id{++number};
    const auto& head = account.head().value();
    put_active(seeder, id, account.did(), {head.rev, head.data, account.records().size() + more_records});
    std::vector<store::RecordChange> changes;
    for (const auto& [path, record] : account.records()) changes.push_back(change_of(path, record));
    test::TidSource tids(number + 512);
    for (std::size_t i = 0; i < more_records; ++i) {
      const std::string rkey = tids.next().str();
      changes.push_back(change_of("app.bsky.feed.like/" + rkey, as_bytes(rkey)));
    }
    for (std::size_t at = 0; at < changes.size(); at += kChanges) {
      const auto end = changes.begin() + static_cast<std::ptrdiff_t>(std::min(at + kChanges, changes.size()));
      const auto begin = changes.begin() + static_cast<std::ptrdiff_t>(at);
      seeder.put(store::PutRecords{id, {std::make_move_iterator(begin), std::make_move_iterator(end)}}, kChanges);
    }
  }
  seeder.finish();
}

}  // namespace tap::bench

// SPDX-License-Identifier: MIT
#include "bench/network.hpp"

#include "support/atproto/did_document.hpp"

#include <algorithm>
#include <iterator>
#include <memory>

namespace tap::bench {
namespace {

constexpr std::size_t kPiece = 256 << 10;
/// At the first number of an account: far from those that other scenarios use.
constexpr std::uint64_t kFirstAccount = 1'000'000;

/// The handle is put under a domain that nobody may look up: DNS is not part of what is measured.
std::string document_of(const test::Account& account, const std::string& host) {
  constexpr std::string_view kDomain = ".test\"";
  std::string document = test::did_document(account, host);
  document.replace(document.find(kDomain), kDomain.size(), ".invalid\"");
  return document;
}

/// Gives a fresh reader of the same bytes to every request.
auto source_of(Bytes car) {
  return [car = std::make_shared<const Bytes>(std::move(car))] {
    return [car, at = std::size_t{0}]() mutable {
      const std::size_t size = std::min(kPiece, car->size() - at);
      const std::string piece(as_text(ByteView(*car).subspan(at, size)));
      at += size;
      return piece;
    };
  };
}

}  // namespace

Network::Network(const NetworkSize& size) : hosts_(size.hosts) {
  accounts_.reserve(size.accounts);
  auto host = hosts_.begin();
  for (std::size_t i = 0; i < size.accounts; ++i) {
    test::Account& account = accounts_.emplace_back(kFirstAccount + i);
    account.fill(size.records);
    publish(account, *host);
    for (const std::uint64_t key : backfill_of(account)) backfill_.add(key);
    if (++host == hosts_.end()) host = hosts_.begin();
  }
}

void Network::publish(test::Account& account, test::PdsServer& host) {
  Bytes car = account.full_car();
  exported_bytes_ += car.size();
  host.set_repo_source(account.did().str(), source_of(std::move(car)));
  move(account, host.url());
}

std::vector<std::uint64_t> Network::backfill_of(const test::Account& account) {
  const std::string rev = account.head()->rev.str();
  std::vector<std::uint64_t> keys;
  for (const auto& [path, record] : account.records()) {
    keys.push_back(key_of(false, account.did().str(), rev, path, "create"));
  }
  return keys;
}

test::PdsServer& Network::host_of(std::size_t account) {
  return *std::next(hosts_.begin(), static_cast<std::ptrdiff_t>(account % hosts_.size()));
}

void Network::move(const test::Account& account, const std::string& host) {
  plc_.set_document(account.did().str(), document_of(account, host));
}

std::vector<std::string> Network::flags() const {
  // Without replay, seeded repos are not taken for such as have missed events before the cursor of this relay.
  return {"--relay-url", firehose_.url(), "--plc-url", plc_.url(), "--no-replay"};
}

std::vector<std::string> Network::dids() const {
  std::vector<std::string> dids;
  for (const test::Account& account : accounts_) dids.push_back(account.did().str());
  return dids;
}

Network::Commits Network::post(std::size_t commits, std::size_t first, std::size_t last) {
  Commits made;
  made.keys.reserve(commits);
  for (std::size_t i = 0; i < commits; ++i) {
    test::CommitMessage message = accounts_[first + i % (last - first)].post();
    message.seq = kFirstSeq;
    const Bytes frame = message.frame();
    if (i == 0) made.frames.reserve(commits, commits * (frame.size() + frame.size() / 4));
    made.frames.add(frame);
    const auto& op = message.ops.front();
    made.keys.push_back(key_of(true, message.repo, message.rev, op.path, op.action));
    made.events.add(made.keys.back());
  }
  return made;
}

}  // namespace tap::bench

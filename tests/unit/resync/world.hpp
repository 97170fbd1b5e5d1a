// SPDX-License-Identifier: MIT
#pragma once

#include "tap/ledger/buffered.hpp"
#include "tap/resync/resyncer.hpp"

#include "support/atproto/account.hpp"
#include "support/clock_fakes.hpp"
#include "support/loop.hpp"
#include "support/net_fakes.hpp"
#include "support/store_fakes.hpp"

#include <nlohmann/json.hpp>

#include <filesystem>
#include <map>
#include <memory>
#include <set>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace tap::test {

/// Identities as the test has written them; others are not found.
class FakeDirectory final : public identity::Directory {
 public:
  explicit FakeDirectory(Executor loop) : gate(loop), released_(std::move(loop)) {}

  Gate gate;  ///< before a refresh is answered
  std::map<std::string, Result<identity::Identity>> identities;
  std::set<std::string> known;  ///< DIDs that are cached: those that were looked up once
  std::vector<std::string> refreshed;
  bool repeats = false;  ///< as within the refresh interval: the last answer again, unless it was purged
  std::optional<std::string> handle = "alice.test";
  std::size_t bugs = 0;                       ///< so many of the next refreshes end with an exception
  std::set<std::string> hanging;              ///< DIDs: whoever asks for them waits until release()
  std::set<std::string> hanging_once_purged;  ///< DIDs

  void release() {
    hanging.clear();
    released_.notify_all();
  }

  [[nodiscard]] Task<Result<identity::IdentityPtr>> lookup(atproto::Did did) override { co_return answer(did); }
  [[nodiscard]] Task<Result<identity::IdentityPtr>> refresh(atproto::Did did) override {
    refreshed.push_back(did.str());
    if (bugs > 0) {
      --bugs;
      throw std::runtime_error("a bug");
    }
    co_await gate.pass();
    if (hanging.contains(did.str())) co_await released_.wait();
    if (const auto last = last_.find(did.str()); repeats && last != last_.end()) co_return last->second;
    auto fresh = answer(did);
    if (fresh) last_.insert_or_assign(did.str(), *fresh);
    co_return fresh;
  }
  void purge(const atproto::Did& did) override {
    known.erase(did.str());
    last_.erase(did.str());
    if (hanging_once_purged.contains(did.str())) hanging.insert(did.str());
  }
  [[nodiscard]] identity::IdentityPtr cached(const atproto::Did& did) override {
    return known.contains(did.str()) ? answer(did).value_or(nullptr) : nullptr;
  }
  [[nodiscard]] bool is_asking(const atproto::Did&) const override { return false; }
  [[nodiscard]] Task<std::optional<std::string>> verified_handle(identity::IdentityPtr) override { co_return handle; }

 private:
  Result<identity::IdentityPtr> answer(const atproto::Did& did) {
    const auto found = identities.find(did.str());
    if (found == identities.end()) return fail(identity::Errc::not_found);
    if (!found->second) return std::unexpected(found->second.error());
    known.insert(did.str());
    return std::make_shared<const identity::Identity>(*found->second);
  }
  std::map<std::string, identity::IdentityPtr> last_;  // refreshed
  async::Event released_;
};

/// PDSes of which some hang: whoever asks them waits until the test releases them, and then hears of a time-out.
class PdsHttp final : public net::HttpClient {
 public:
  explicit PdsHttp(Executor loop) : answers(loop), released_(std::move(loop)) {}

  FakeHttp answers;
  std::set<std::string> hanging;  ///< origins
  std::map<std::string, std::size_t> under_way, most_under_way;

  void release() { released_.notify_all(); }

  [[nodiscard]] Task<Result<net::Response>> send(net::Request request) override { return answers.send(request); }
  [[nodiscard]] Task<Result<net::Response>> stream(net::Request request, BodySink sink) override {
    const std::string origin = request.url.origin();
    most_under_way[origin] = std::max(most_under_way[origin], ++under_way[origin]);
    struct Leave {
      std::size_t& count;
      ~Leave() { --count; }
    } leave{under_way[origin]};
    if (hanging.contains(origin)) {
      co_await released_.wait();
      co_return tap::fail(net::Errc::idle);
    }
    co_return co_await answers.stream(std::move(request), std::move(sink));
  }

 private:
  async::Event released_;
};

/// An outbox that only says whether it has room.
class FakeOutbox final : public outbox::Outbox {
 public:
  explicit FakeOutbox(Executor loop) : room(std::move(loop)) {}

  Gate room;
  std::size_t bugs = 0;  ///< so many of the next waits for room end with an exception

  [[nodiscard]] Task<void> run() override { co_return; }
  [[nodiscard]] Task<void> wait_for_room() override {
    if (bugs > 0) {
      --bugs;
      throw std::runtime_error("a bug");
    }
    co_await room.pass();
  }
  [[nodiscard]] bool has_room() const override { return true; }
  void attach(outbox::Sink&) override {}
  void detach(outbox::Sink&) override {}
  [[nodiscard]] std::vector<Outgoing> take(outbox::Sink&, std::size_t) override { return {}; }
  void written(outbox::Sink&, std::span<const outbox::EventId>) override {}
  bool ack(outbox::EventId) override { return false; }
  bool refused(outbox::Sink&, outbox::EventId, outbox::Refusal, std::string_view) override { return true; }
  [[nodiscard]] std::size_t size() const override { return 0; }
  void committed(std::vector<outbox::Event>) override {}
};

/// A resyncer and everything around it, all of it in memory.
class World {
 public:
  explicit World(resync::ResyncOptions options = {}, verify::Filter filter = {})
      : options_(std::move(options)), filter_(std::move(filter)) {
    options_.temporary_directory = std::filesystem::temp_directory_path().string();
    ledger.on_work([this](repos::RepoId id) {
      if (resyncer) resyncer->retry_now(id);
    });
  }

  Loop loop;
  FakeClock clock;
  FixedJitter jitter;
  metrics::Registry metrics;
  async::CpuPool cpu{loop.executor(), 2};
  FakeDatabase database;
  FakeWriter writer{loop.executor(), database};
  FakeReader reader{loop.executor(), database};
  repos::Table table;
  ledger::Ledger ledger{loop.executor(), table, writer, reader, metrics};
  FakeOutbox outbox{loop.executor()};
  FakeDirectory directory{loop.executor()};
  PdsHttp http{loop.executor()};
  std::vector<std::string> handles;  ///< DIDs whose handle is to be checked
  std::unique_ptr<resync::Resyncer> resyncer;
  std::unique_ptr<Background> running;  ///< after the resyncer: it ends first

  /// A new resyncer, as at the start of the process.
  void start() {
    resyncer = resync::make_resyncer({.loop = loop.executor(),
                                      .table = table,
                                      .ledger = ledger,
                                      .writer = writer,
                                      .reader = reader,
                                      .outbox = outbox,
                                      .directory = directory,
                                      .http = http,
                                      .cpu = cpu,
                                      .check_handle = [this](const atproto::Did& did) { handles.push_back(did.str()); },
                                      .clock = clock,
                                      .jitter = jitter,
                                      .metrics = metrics},
                                     filter_, options_);
    table.each([this](repos::RepoId each, const repos::Repo&) { resyncer->wake(each); });
    running = std::make_unique<Background>(loop, resyncer->run());
  }
  /// The process ends in the middle of its work.
  void stop() {
    running.reset();
    resyncer.reset();
  }

  /// The identity of this account says so from now on.
  void publish(const Account& account, const std::string& pds = "https://pds.test") {
    identity::Identity identity;
    identity.did = account.did();
    identity.key = account.key().public_key();
    identity.pds = pds;
    directory.identities.insert_or_assign(account.did().str(), std::move(identity));
  }
  static std::string url(const Account& account, const std::string& pds = "https://pds.test") {
    return pds + "/xrpc/com.atproto.sync.getRepo?did=" + account.did().str();
  }
  /// The directory does not answer for this account.
  void hush(const Account& account) {
    directory.identities.insert_or_assign(account.did().str(), tap::fail(identity::Errc::unavailable));
  }
  /// Its PDS answers with this; at first with the whole repo.
  void serve(Account& account, const std::string& pds = "https://pds.test") {
    publish(account, pds);
    serve_car(account, account.full_car(), pds);
  }
  void serve_car(const Account& account, const Bytes& car, const std::string& pds = "https://pds.test") {
    http.answers.answer(url(account, pds), 200, std::string(as_text(car)));
  }
  repos::RepoId track(const Account& account) {
    auto tracked = loop.run(ledger.track({account.did()}));
    EXPECT_TRUE(tracked);
    return id(account);
  }
  [[nodiscard]] repos::RepoId id(const Account& account) { return table.find(account.did().str()).value(); }
  [[nodiscard]] repos::Repo repo(const Account& account) { return table.get(id(account)).value(); }
  [[nodiscard]] FakeDatabase::Row& row(const Account& account) { return *database.find(id(account)); }

  void until_state(const Account& account, repos::State state) {
    loop.run_until([&] { return repo(account).state == state; });
  }
  /// Time goes by, and those who wait for it look at the clock.
  void pass(std::chrono::milliseconds time) {
    clock.advance(time);
    table.each([this](repos::RepoId each, const repos::Repo&) { resyncer->wake(each); });
    loop.settle();
  }
  /// A live event comes while the repo is being fetched.
  void buffer(const CommitMessage& message, const Account& account) {
    auto kept = loop.run(ledger.buffer(id(account), atproto::Tid::parse(message.rev).value(),
                                       ledger::pack_buffered(atproto::EventKind::commit, message.payload())));
    EXPECT_TRUE(kept);
  }
  /// "action path" or "action path live", in order.
  [[nodiscard]] std::vector<std::string> told() const {
    std::vector<std::string> all;
    for (const auto& body : writer.bodies()) {
      const auto json = nlohmann::json::parse("{\"id\":1" + body);
      if (json.at("type") != "record") continue;
      const auto& record = json.at("record");
      all.push_back(record.at("action").get<std::string>() + " " + record.at("collection").get<std::string>() + "/" +
                    record.at("rkey").get<std::string>() + (record.at("live") ? " live" : ""));
    }
    return all;
  }
  [[nodiscard]] std::uint64_t count(const std::string& metric) { return metrics.counter(metric, "").value(); }

  /// The stored index is exactly the account's records.
  void expect_in_step(const Account& account) {
    std::map<std::string, atproto::Cid> expected;
    for (const auto& [path, record] : account.records()) {
      expected.emplace(path, atproto::Cid::of(atproto::Cid::Codec::dag_cbor, record));
    }
    std::map<std::string, atproto::Cid> stored;
    for (const auto& [key, cid] : row(account).records) stored.emplace(key.first + "/" + key.second, cid);
    EXPECT_EQ(stored, expected);
    const repos::Head head{account.head()->rev, account.head()->data, account.records().size()};
    EXPECT_EQ(row(account).repo.head, head);
    EXPECT_EQ(repo(account).head, head);
    EXPECT_EQ(row(account).repo.state, repos::State::active);
    EXPECT_EQ(repo(account).state, repos::State::active);
    EXPECT_TRUE(row(account).buffered.empty());
  }

 private:
  resync::ResyncOptions options_;
  verify::Filter filter_;
};

}  // namespace tap::test

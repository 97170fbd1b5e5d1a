// SPDX-License-Identifier: MIT
#pragma once

#include "tap/api/server.hpp"

#include "support/clock_fakes.hpp"
#include "support/loop.hpp"
#include "support/raw_client.hpp"
#include "support/store_fakes.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

namespace tap::api {

/// Answers from a table.
class FakeDirectory final : public identity::Directory {
 public:
  [[nodiscard]] Task<Result<identity::IdentityPtr>> lookup(atproto::Did did) override {
    if (has_bug) throw std::runtime_error("a bug");
    if (const auto found = identities.find(did.str()); found != identities.end()) co_return found->second;
    co_return fail(failure);
  }
  [[nodiscard]] Task<Result<identity::IdentityPtr>> refresh(atproto::Did did) override {
    co_return co_await lookup(std::move(did));
  }
  void purge(const atproto::Did& did) override { purged.push_back(did.str()); }
  [[nodiscard]] identity::IdentityPtr cached(const atproto::Did&) override { return {}; }
  [[nodiscard]] bool is_asking(const atproto::Did&) const override { return false; }
  [[nodiscard]] Task<std::optional<std::string>> verified_handle(identity::IdentityPtr) override {
    co_return std::nullopt;
  }
  std::map<std::string, identity::IdentityPtr> identities;
  identity::Errc failure = identity::Errc::not_found;
  std::vector<std::string> purged;
  bool has_bug = false;  ///< look-ups end with an exception
};

/// Keeps what it is handed.
class FakeHub final : public deliver::ChannelHub {
 public:
  void accept(deliver::Upgrade upgrade) override { upgrades.push_back(std::move(upgrade)); }
  [[nodiscard]] std::size_t consumers() const override { return upgrades.size(); }
  [[nodiscard]] Task<void> stop() override { co_return; }
  std::vector<deliver::Upgrade> upgrades;
};

class FakeResyncer final : public resync::Resyncer {
 public:
  void wake(repos::RepoId id) override { woken.push_back(id); }
  void retry_now(repos::RepoId id) override { retried.push_back(id); }
  [[nodiscard]] Task<void> run() override { co_return; }
  std::vector<repos::RepoId> woken, retried;
};

struct Reply {
  unsigned status = 0;
  std::map<std::string, std::string> headers;
  std::string body;
};

/// A server with everything behind it in memory, on a port of its own.
class ApiTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ledger.on_work([this](repos::RepoId id) { resyncer.wake(id); });
    begin({});
  }
  void TearDown() override { end(); }

  void begin(ServerOptions options, bool with_resyncer = true) {
    end();
    options.bind = "127.0.0.1:0";
    server = make_server({.loop = loop.executor(),
                          .table = table,
                          .ledger = ledger,
                          .reader = reader,
                          .writer = writer,
                          .directory = directory,
                          .outbox = *outbox,
                          .channel = hub,
                          .resyncer = with_resyncer ? &resyncer : nullptr,
                          .firehose_seq = [this] { return seq; },
                          .list_repos_cursor = [this] { return reader.cursor("list_repos", "relay"); },
                          .metrics = metrics},
                         std::move(options));
    ASSERT_TRUE(server->listen());
    running.emplace(loop, server->run());
  }
  void end() {
    running.reset();
    server.reset();
  }

  std::unique_ptr<test::RawClient> dial() {
    auto client = std::make_unique<test::RawClient>(loop, server->port());
    client->start_reading();
    return client;
  }
  /// Sends these bytes and reads until the server closes.
  std::string exchange(std::string bytes) {
    auto client = dial();
    client->send(std::move(bytes));
    return client->take_rest();
  }
  static std::string request(std::string_view method, std::string_view target, std::string_view body = "",
                             std::string_view headers = "") {
    std::string out = std::string(method) + " " + std::string(target) + " HTTP/1.1\r\nHost: tap\r\n";
    if (!body.empty()) {
      out += "Content-Length: " + std::to_string(body.size()) + "\r\n";
      if (!headers.contains("Content-Type")) out += "Content-Type: application/json\r\n";
    }
    return out + std::string(headers) + "\r\n" + std::string(body);
  }
  Reply ask(std::string_view method, std::string_view target, std::string_view body = "",
            std::string_view headers = "") {
    return parse(exchange(request(method, target, body, std::string(headers) + "Connection: close\r\n")));
  }
  static Reply parse(std::string_view text) {
    Reply reply;
    if (!text.starts_with("HTTP/1.1 ")) return reply;
    reply.status = static_cast<unsigned>(std::stoul(std::string(text.substr(9, 3))));
    const std::size_t end = text.find("\r\n\r\n");
    reply.body = text.substr(end + 4);
    std::string_view head = text.substr(0, end + 2);
    for (head.remove_prefix(head.find("\r\n") + 2); !head.empty();) {
      const std::string_view line = head.substr(0, head.find("\r\n"));
      const std::size_t colon = line.find(": ");
      reply.headers[std::string(line.substr(0, colon))] = line.substr(colon + 2);
      head.remove_prefix(line.size() + 2);
    }
    return reply;
  }

  /// Tracks a repo, in the table and in the database.
  repos::RepoId track(const std::string& did, repos::Repo repo = {}, store::RepoDetails details = {}) {
    const auto id = table.allocate();
    const auto parsed = atproto::Did::parse(did).value();
    table.add(id, parsed, repo);
    store::Write write;
    write.mutations.emplace_back(store::AddRepo{id, parsed});
    database.apply(std::move(write));
    database.find(id)->details = std::move(details);
    return id;
  }

  test::Loop loop;
  test::FakeClock clock;
  metrics::Registry metrics;
  test::FakeDatabase database;
  test::FakeWriter writer{loop.executor(), database};
  test::FakeReader reader{loop.executor(), database};
  repos::Table table;
  ledger::Ledger ledger{loop.executor(), table, writer, reader, metrics};
  std::unique_ptr<outbox::Outbox> outbox = outbox::make_outbox(loop.executor(), reader, clock, metrics, 0, {});
  FakeDirectory directory;
  FakeHub hub;
  FakeResyncer resyncer;
  std::int64_t seq = 0;
  std::unique_ptr<Server> server;
  std::optional<test::Background> running;
};

}  // namespace tap::api

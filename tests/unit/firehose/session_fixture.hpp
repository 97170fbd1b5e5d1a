// SPDX-License-Identifier: MIT
#pragma once

#include "tap/firehose/session.hpp"

#include "support/net_fakes.hpp"
#include "unit/firehose/world.hpp"

#include <memory>
#include <optional>
#include <string>
#include <utility>

namespace tap::firehose {

using namespace std::chrono_literals;

/// A session with a relay that the test speaks for.
class SessionTest : public World {
 protected:
  SessionTest() {
    session_options.relay = net::Url::parse("https://relay.test").value();
    session_options.reconnect = {.unit = 1ms, .patience = 1h};
    session_options.cursor_save_interval = 1ms;
  }

  void run() {
    session = make_session(relay, processor(), recheck, writer, reader, clock, jitter, metrics, session_options);
    running.emplace(loop, session->run());
  }
  void until_connected(std::size_t times) {
    loop.run_until([&] { return relay.connections.size() == times; });
  }
  /// The relay sends an event of somebody whom we do not follow.
  void send_seq(std::int64_t number) {
    auto message = stranger.identity();
    message.seq = number;
    relay.send(message.frame());
    loop.settle();
  }
  void refuse_cursor() {
    relay.send(test::error_frame("FutureCursor", "cursor in the future"));
    relay.end(net::Errc::closed);
  }
  std::string target() { return relay.connections.back()->url.target; }
  std::string saved_cursor() { return database.cursor("firehose", "https://relay.test"); }
  void save(std::string value) {
    store::Write write;
    write.mutations.emplace_back(store::SaveCursor{"firehose", "https://relay.test", std::move(value)});
    ASSERT_TRUE(loop.run(writer.commit(std::move(write))));
  }

  test::Account stranger{9};
  test::FakeRelay relay{loop.executor()};
  test::FakeHttp http{loop.executor()};
  Recheck recheck{{.loop = loop.executor(),
                   .table = table,
                   .ledger = ledger,
                   .writer = writer,
                   .reader = reader,
                   .http = http,
                   .metrics = metrics}};
  SessionOptions session_options;
  std::unique_ptr<Session> session;
  std::optional<test::Background> running;
};

}  // namespace tap::firehose

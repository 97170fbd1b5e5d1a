// SPDX-License-Identifier: MIT
#include "tap/deliver/channel.hpp"

#include "tap/async/event.hpp"

#include "support/clock_fakes.hpp"
#include "support/loop.hpp"
#include "support/raw_client.hpp"
#include "support/ws_frames.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

namespace tap::deliver {
namespace {

using namespace std::chrono_literals;
using outbox::EventId;
using outbox::LaneKey;
using outbox::Order;
using test::frame;
using test::RawClient;
using test::text_frame;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr std::string_view kRequest =
    "GET /channel HTTP/1.1\r\nHost: tap\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";

class FakeJournal final : public outbox::Journal {
 public:
  [[nodiscard]] Task<Result<std::vector<outbox::Event>>> read(EventId, std::size_t) override {
    co_return std::vector<outbox::Event>{};
  }
  [[nodiscard]] Task<Result<outbox::LanePage>> read_lane(outbox::LaneKey, EventId, EventId, std::size_t) override {
    co_return outbox::LanePage{};
  }
  void acked(std::span<const EventId> ids) override {
    for (const EventId id : ids) done.push_back(static_cast<std::uint64_t>(id));
  }
  [[nodiscard]] Task<Result<void>> set_aside(std::vector<outbox::DeadLetter>) override { co_return Result<void>{}; }
  std::vector<std::uint64_t> done;
};

class Channel : public ::testing::Test {
 protected:
  void SetUp() override { begin(); }
  void TearDown() override { loop.run(hub->stop()); }

  void begin(ChannelOptions options = {}, outbox::Options outbox_options = {}) {
    if (hub) loop.run(hub->stop());
    hub.reset();
    outbox = outbox::make_outbox(loop.executor(), journal, clock, registry, 0, outbox_options);
    hub = make_channel_hub(loop.executor(), *outbox, clock, registry, options);
  }

  /// A client that asks with these bytes; nothing is read yet.
  std::unique_ptr<RawClient> dial(std::string request = std::string(kRequest)) {
    auto [server, client] = test::socket_pair(loop);
    hub->accept({std::move(server), std::move(request), "127.0.0.1"});
    return std::make_unique<RawClient>(loop, std::move(client));
  }
  /// A client that has shaken hands and reads.
  std::unique_ptr<RawClient> connect() {
    auto client = dial();
    client->start_reading();
    EXPECT_THAT(client->take_until("\r\n\r\n"), ::testing::StartsWith("HTTP/1.1 101 "));
    return client;
  }

  void emit(std::vector<std::pair<std::uint64_t, Order>> lane_events, std::string body = ",\"x\":1}") {
    std::vector<outbox::Event> events;
    for (const auto& [lane, order] : lane_events) events.push_back({EventId{next_id++}, LaneKey{lane}, order, body});
    outbox->committed(std::move(events));
  }
  void ack(RawClient& client, std::uint64_t id) {
    client.send(text_frame("{\"type\":\"ack\",\"id\":" + std::to_string(id) + "}"));
  }
  /// The ids of so many messages, in the order they come.
  std::vector<std::uint64_t> ids(RawClient& client, std::size_t count) {
    std::vector<std::uint64_t> out;
    while (out.size() < count) out.push_back(std::stoull(message(client).substr(6)));
    return out;
  }
  std::string message(RawClient& client) {
    EXPECT_EQ(client.take(1), "\x81");
    const auto byte = [](char c) { return static_cast<std::uint64_t>(static_cast<unsigned char>(c)); };
    std::uint64_t size = byte(client.take(1)[0]);
    if (size >= 126) {
      std::uint64_t extended = 0;
      for (const char c : client.take(size == 126 ? 2 : 8)) extended = extended << 8 | byte(c);
      size = extended;
    }
    return client.take(size);
  }
  /// Whether nothing more comes by itself.
  bool is_quiet(RawClient& client) {
    loop.settle();
    return client.received().empty() && !client.closed();
  }

  test::Loop loop;
  test::FakeClock clock;
  metrics::Registry registry;
  FakeJournal journal;
  std::unique_ptr<outbox::Outbox> outbox;
  std::unique_ptr<ChannelHub> hub;
  std::uint64_t next_id = 1;
};

constexpr auto kHistorical = Order::historical;
constexpr auto kLive = Order::barrier;

TEST_F(Channel, AnEventIsOneTextFrame) {
  auto client = connect();
  emit({{1, kHistorical}}, R"(,"type":"x"})");
  EXPECT_EQ(client->take(21), "\x81\x13{\"id\":1,\"type\":\"x\"}");
  EXPECT_TRUE(is_quiet(*client));
}

TEST_F(Channel, EventsOfEverySizeArriveWhole) {
  auto client = connect();
  for (const std::size_t size : {100U, 125U, 126U, 65'535U, 65'536U, 3'000'000U}) {
    const std::string body = ",\"x\":\"" + std::string(size, 'a') + "\"}";
    const std::uint64_t id = next_id;
    emit({{size, kHistorical}}, body);
    EXPECT_TRUE(message(*client) == "{\"id\":" + std::to_string(id) + body) << size;
  }
}

TEST_F(Channel, ALiveEventWaitsForAllEarlierOnesAndHoldsBackTheRest) {
  auto client = connect();
  emit({{1, kHistorical}, {1, kHistorical}, {1, kLive}, {1, kHistorical}, {1, kHistorical}});
  EXPECT_THAT(ids(*client, 2), ElementsAre(1, 2));
  ack(*client, 2);
  EXPECT_TRUE(is_quiet(*client));
  ack(*client, 1);
  EXPECT_THAT(ids(*client, 1), ElementsAre(3));
  EXPECT_TRUE(is_quiet(*client));
  ack(*client, 3);
  EXPECT_THAT(ids(*client, 2), ElementsAre(4, 5));
}

TEST_F(Channel, LiveEventsArriveOneForEachAck) {
  auto client = connect();
  emit({{1, kLive}, {1, kLive}, {1, kLive}});
  for (const std::uint64_t id : {1U, 2U, 3U}) {
    EXPECT_THAT(ids(*client, 1), ElementsAre(id));
    EXPECT_TRUE(is_quiet(*client));
    ack(*client, id);
  }
  loop.run_until([&] { return outbox->size() == 0; });
  EXPECT_THAT(journal.done, ElementsAre(1, 2, 3));
}

TEST_F(Channel, EventsWaitForAConsumer) {
  emit({{1, kHistorical}, {2, kLive}});
  auto client = connect();
  EXPECT_THAT(ids(*client, 2), ElementsAre(1, 2));
}

TEST_F(Channel, EachEventGoesToOneConsumer) {
  begin({}, {.window = 2});
  auto first = connect();
  auto second = connect();
  emit({{1, kHistorical}, {2, kHistorical}, {3, kHistorical}, {4, kHistorical}, {5, kHistorical}});
  auto all = ids(*first, 2);
  std::ranges::copy(ids(*second, 2), std::back_inserter(all));
  std::ranges::sort(all);
  EXPECT_THAT(all, ElementsAre(1, 2, 3, 4));
  EXPECT_TRUE(is_quiet(*first) && is_quiet(*second)) << "both windows are full";
}

TEST_F(Channel, WhatADisconnectedConsumerHadGoesToTheNextAtOnce) {
  auto first = connect();
  emit({{1, kHistorical}, {1, kHistorical}, {2, kLive}, {2, kLive}});
  EXPECT_THAT(ids(*first, 3), ElementsAre(1, 3, 2));
  ack(*first, 1);
  loop.run_until([&] { return outbox->size() == 3; });
  first->close();
  auto second = connect();
  EXPECT_THAT(ids(*second, 2), ElementsAre(2, 3));
  EXPECT_TRUE(is_quiet(*second));
}

TEST_F(Channel, AnAckCountsOnAnyConnection) {
  auto first = connect();
  auto second = connect();
  emit({{1, kLive}, {1, kLive}});
  RawClient* receiver = nullptr;
  loop.run_until([&] {
    receiver = !first->received().empty() ? first.get() : second.get();
    return !receiver->received().empty();
  });
  EXPECT_THAT(ids(*receiver, 1), ElementsAre(1));
  receiver->close();
  RawClient& other = receiver == first.get() ? *second : *first;
  EXPECT_THAT(ids(other, 1), ElementsAre(1)) << "sent again";
  ack(other, 1);
  EXPECT_THAT(ids(other, 1), ElementsAre(2));
}

TEST_F(Channel, EarlyRepeatedAndUnknownAcksAreHarmless) {
  auto client = connect();
  for (const std::uint64_t id : {2U, 1U, 99U, 1U}) ack(*client, id);
  loop.settle();
  emit({{1, kLive}, {1, kLive}});
  EXPECT_THAT(ids(*client, 1), ElementsAre(1)) << "an ack before the event is none";
  ack(*client, 2);
  EXPECT_TRUE(is_quiet(*client));
  ack(*client, 1);
  ack(*client, 1);
  EXPECT_THAT(ids(*client, 1), ElementsAre(2));
  EXPECT_TRUE(is_quiet(*client));
}

TEST_F(Channel, AcksAreUnderstoodInEveryFraming) {
  auto client = connect();
  emit({{1, kHistorical}, {2, kHistorical}, {3, kHistorical}, {4, kHistorical}});
  ids(*client, 4);
  client->send(frame({.first = 0x01, .payload = R"({"type":"ac)"}) + frame({.first = 0x89, .payload = ""}) +
               frame({.first = 0x80, .payload = R"(k","id":1})"}));
  client->send(frame({.payload = R"({"type":"ack","id":2})", .length_bytes = 8}));
  client->send(frame({.first = 0x82, .payload = R"({"id":3,"type":"ack","more":"\u00e9"} and more)"}));
  client->send(text_frame("null") + text_frame("{}") + text_frame(R"({"type":"hello"})"));
  ack(*client, 4);
  loop.run_until([&] { return outbox->size() == 0; });
  EXPECT_THAT(journal.done, ElementsAre(1, 2, 3, 4));
  EXPECT_EQ(client->take(2), std::string("\x8a\x00", 2)) << "the ping between fragments";
  EXPECT_TRUE(is_quiet(*client));
}

TEST_F(Channel, BytesThatCameWithTheHandshakeCount) {
  auto client = dial(std::string(kRequest) + frame({.first = 0x89, .payload = "early"}));
  client->start_reading();
  client->take_until("\r\n\r\n");
  EXPECT_EQ(client->take(7),
            "\x8a\x05"
            "early");
}

TEST_F(Channel, GarbageAndViolationsCutTheConnectionWithoutACloseFrame) {
  for (const std::string& bad :
       {text_frame("garbage"), text_frame(""), text_frame(R"({"type":"ack","id":"1"})"), text_frame("[]"),
        frame({.payload = "{}", .masked = false}), frame({.first = 0xc1, .payload = "{}"}),
        frame({.first = 0x83, .payload = "{}"}), frame({.first = 0x80, .payload = "{}"}),
        frame({.first = 0x89, .payload = std::string(126, 'x')}), frame({.first = 0x88, .payload = "\x03\xed"}),
        frame({.first = 0x88, .payload = "\x03"}), text_frame(std::string(70'000, ' '))}) {
    auto client = connect();
    emit({{next_id, kHistorical}});
    const auto id = ids(*client, 1).front();
    client->send(bad);
    EXPECT_EQ(client->take_rest(), "");
    auto next = connect();
    EXPECT_THAT(ids(*next, 1), ElementsAre(id)) << "sent again";
    ack(*next, id);
    loop.run_until([&] { return outbox->size() == 0; });
  }
  EXPECT_EQ(registry.counter("tap_consumer_bad_messages_total", "Messages that ended their connection").value(), 12);
}

TEST_F(Channel, PingsAreAnsweredOneByOne) {
  auto client = connect();
  client->send(frame({.first = 0x89, .payload = "a"}) + frame({.first = 0x89, .payload = std::string(125, 'b')}) +
               frame({.first = 0x8a, .payload = "unasked"}) + frame({.first = 0x89, .payload = ""}));
  EXPECT_EQ(client->take(3 + 127 + 2),
            "\x8a\x01"
            "a\x8a\x7d" +
                std::string(125, 'b') + std::string("\x8a\x00", 2));
  EXPECT_TRUE(is_quiet(*client));
}

TEST_F(Channel, APingIsAnsweredAheadOfFurtherEventsToAConsumerThatIsSlow) {
  auto client = dial();
  std::vector<std::pair<std::uint64_t, Order>> many;
  for (std::uint64_t lane = 1; lane <= 5'000; ++lane) many.emplace_back(lane, kHistorical);
  emit(many, ",\"x\":\"" + std::string(10'000, 'a') + "\"}");
  loop.settle();  // as much as the sockets hold
  client->send(frame({.first = 0x89, .payload = "still there?"}));
  loop.settle();
  client->start_reading();
  client->take_until("\r\n\r\n");
  client->take_until("\x8a\x0cstill there?");
  EXPECT_FALSE(ids(*client, 1).empty()) << "events follow";
}

TEST_F(Channel, PingsOfAConsumerThatDoesNotReadTakeLittleMemory) {
  auto client = dial();
  emit({{1, kHistorical}}, ",\"x\":\"" + std::string(30'000'000, 'a') + "\"}");
  for (int i = 0; i < 1'000; ++i) client->send(frame({.first = 0x89, .payload = std::string(125, 'p')}));
  client->send(frame({.first = 0x89, .payload = "last"}));
  loop.settle();
  client->start_reading();
  client->take_until("a\"}");
  EXPECT_LT(client->take_until("\x8a\x04last").size(), 5'000);
}

TEST_F(Channel, ACloseIsEchoedWithItsCodeAndNothingFollows) {
  auto client = connect();
  client->send(frame({.first = 0x88,
                      .payload = "\x03\xe8"
                                 "bye"}) +
               text_frame("garbage"));
  loop.settle();
  emit({{1, kHistorical}});
  EXPECT_EQ(client->take_rest(), "\x88\x02\x03\xe8");
  loop.run_until([&] { return hub->consumers() == 0; });
  EXPECT_THAT(ids(*connect(), 1), ElementsAre(1));
}

TEST_F(Channel, AnEmptyCloseIsEchoedEmpty) {
  auto client = connect();
  client->send(frame({.first = 0x88, .payload = ""}));
  EXPECT_EQ(client->take_rest(), std::string("\x88\x00", 2));
}

TEST_F(Channel, AcksBeforeACloseCount) {
  auto client = connect();
  emit({{1, kHistorical}});
  ids(*client, 1);
  client->send(text_frame(R"({"type":"ack","id":1})") + frame({.first = 0x88, .payload = "\x0f\xa0"}));
  EXPECT_EQ(client->take_rest(), "\x88\x02\x0f\xa0");
  EXPECT_THAT(journal.done, ElementsAre(1));
}

TEST_F(Channel, AShutdownCutsWithoutACloseFrameAndEverythingIsBack) {
  auto client = connect();
  auto idle = connect();
  emit({{1, kLive}, {1, kLive}}, ",\"x\":1}");
  std::string seen;
  loop.run_until([&] { return client->received().size() + idle->received().size() >= 16; });
  loop.run(hub->stop());
  seen = client->take_rest() + idle->take_rest();
  EXPECT_EQ(seen, "\x81\x0e{\"id\":1,\"x\":1}");
  EXPECT_EQ(hub->consumers(), 0);

  auto late = dial();
  late->start_reading();
  EXPECT_EQ(late->take_rest(), "") << "later upgrades are dropped";
  hub = make_channel_hub(loop.executor(), *outbox, clock, registry);
  EXPECT_THAT(ids(*connect(), 1), ElementsAre(1));
}

TEST_F(Channel, AConsumerThatTakesNothingIsCut) {
  begin({.write_timeout = 5ms, .ping_interval = 10'000h, .idle_limit = 10'000h});
  auto client = dial();
  emit({{1, kHistorical}}, ",\"x\":\"" + std::string(30'000'000, 'a') + "\"}");
  loop.settle();
  EXPECT_EQ(hub->consumers(), 1);
  clock.advance(5ms);
  loop.run_until([&] { return hub->consumers() == 0; });
  EXPECT_EQ(outbox->size(), 1);
}

TEST_F(Channel, AConsumerThatTakesALongMessageSlowlyIsNotCut) {
  begin({.write_timeout = 5ms, .ping_interval = 10'000h, .idle_limit = 10'000h});
  auto client = dial();
  client->socket().non_blocking(true);
  std::string piece(std::size_t{1} << 20, '\0');
  auto& writes = registry.counter("tap_consumer_writes_total", "");
  emit({{1, kHistorical}}, ",\"x\":\"" + std::string(30'000'000, 'a') + "\"}");
  loop.run_until([&] { return writes.value() > 0; });
  for (int round = 0; round < 2; ++round) {
    clock.advance(3ms);
    const auto before = writes.value();
    loop.run_until([&] {
      boost::system::error_code drained;
      while (!drained) client->socket().read_some(boost::asio::buffer(piece), drained);
      return writes.value() > before;
    });
    loop.run(async::sleep_for(10ms));  // the keeper looks
    EXPECT_EQ(hub->consumers(), 1) << round;
  }
}

TEST_F(Channel, AHalfOpenConsumerIsAskedAndThenCut) {
  begin({.write_timeout = 5ms, .ping_interval = 30s, .idle_limit = 90s});
  auto client = connect();
  emit({{1, kHistorical}});
  ids(*client, 1);
  clock.advance(30s);
  EXPECT_EQ(client->take(2), std::string("\x89\x00", 2));
  client->send(frame({.first = 0x8a, .payload = ""}));
  loop.settle();
  clock.advance(60s);
  EXPECT_EQ(client->take(2), std::string("\x89\x00", 2)) << "its pong has kept it";
  EXPECT_TRUE(is_quiet(*client));
  clock.advance(30s);
  EXPECT_EQ(client->take_rest(), "");
  loop.run_until([&] { return hub->consumers() == 0; });
  EXPECT_THAT(ids(*connect(), 1), ElementsAre(1));
}

TEST_F(Channel, WithoutAcksAnEventIsDoneWithOnceItIsWritten) {
  begin({}, {.acks = false});
  auto client = connect();
  emit({{1, kLive}, {1, kLive}});
  EXPECT_THAT(ids(*client, 2), ElementsAre(1, 2));
  EXPECT_THAT(journal.done, ElementsAre(1, 2));
}

TEST_F(Channel, WithoutAcksAnEventThatCouldNotBeWrittenIsSentAgain) {
  begin({}, {.acks = false});
  auto client = dial();
  emit({{1, kLive}}, ",\"x\":\"" + std::string(30'000'000, 'a') + "\"}");
  loop.settle();
  client->close();
  loop.run_until([&] { return hub->consumers() == 0; });
  EXPECT_THAT(journal.done, IsEmpty());
  EXPECT_THAT(ids(*connect(), 1), ElementsAre(1));
}

TEST_F(Channel, ABadHandshakeIsAnsweredAndClosed) {
  auto client = dial("GET /channel HTTP/1.1\r\nHost: tap\r\n\r\n");
  client->start_reading();
  const std::string answer = client->take_rest();
  EXPECT_THAT(answer, ::testing::StartsWith("HTTP/1.1 400 Bad Request\r\n"));
  EXPECT_THAT(answer, ::testing::HasSubstr("\r\nSec-Websocket-Version: 13\r\n"));
  EXPECT_THAT(answer, ::testing::EndsWith("\r\n\r\nBad Request\n"));
}

TEST_F(Channel, TooManyConsumersAreRefused) {
  begin({.max_consumers = 1});
  auto first = connect();
  auto second = dial();
  second->start_reading();
  EXPECT_THAT(second->take_rest(), ::testing::EndsWith("\r\n\r\n{\"message\":\"too many consumers\"}\n"));
  first->close();
  loop.run_until([&] { return hub->consumers() == 0; });
  EXPECT_FALSE(connect()->closed());
}

}  // namespace
}  // namespace tap::deliver

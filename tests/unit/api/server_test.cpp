// SPDX-License-Identifier: MIT
#include "api_fixture.hpp"

namespace tap::api {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;
using ::testing::StartsWith;

class HttpServer : public ApiTest {
 protected:
  /// The next reply on a connection that stays open.
  static Reply next(test::RawClient& client) {
    const std::string head = client.take_until("\r\n\r\n");
    Reply reply = parse(head);
    if (reply.headers.contains("Content-Length")) reply.body = client.take(std::stoul(reply.headers["Content-Length"]));
    return reply;
  }
};

TEST_F(HttpServer, AConnectionServesManyRequests) {
  auto client = dial();
  for (int i = 0; i < 3; ++i) {
    client->send(request("GET", "/health"));
    const Reply reply = next(*client);
    EXPECT_EQ(reply.status, 200);
    EXPECT_FALSE(reply.headers.contains("Connection"));
  }
  client->send(request("GET", "/health", "", "Connection: close\r\n"));
  EXPECT_EQ(next(*client).headers.at("Connection"), "close");
  EXPECT_EQ(client->take_rest(), "");
}

TEST_F(HttpServer, RequestsWithoutAWaitAreAnsweredInOrder) {
  auto client = dial();
  client->send(request("GET", "/stats/repo-count") + request("POST", "/repos/add", R"({"dids":["did:plc:a"]})") +
               request("GET", "/stats/repo-count") + request("GET", "/nothing"));
  EXPECT_EQ(next(*client).body, "{\"repo_count\":0}\n");
  EXPECT_EQ(next(*client).status, 200);
  EXPECT_EQ(next(*client).body, "{\"repo_count\":1}\n");
  EXPECT_EQ(next(*client).status, 404);
}

TEST_F(HttpServer, AHeadAnswerHasNoBodySoThatTheNextRequestFits) {
  auto client = dial();
  client->send(request("HEAD", "/health") + request("GET", "/health"));
  const std::string head = client->take_until("\r\n\r\n");
  EXPECT_THAT(head, StartsWith("HTTP/1.1 405 Method Not Allowed\r\nAllow: OPTIONS, GET\r\nDate: "));
  EXPECT_THAT(head, Not(HasSubstr("Content-")));
  EXPECT_EQ(next(*client).body, "{\"status\":\"ok\"}\n");
}

TEST_F(HttpServer, OldClientsAreClosedAfterTheAnswer) {
  const std::string answer = exchange("GET /health HTTP/1.0\r\n\r\n");
  EXPECT_THAT(answer, StartsWith("HTTP/1.0 200 OK\r\n"));
  EXPECT_THAT(answer, Not(HasSubstr("Connection: "))) << "which goes without saying";
}

TEST_F(HttpServer, OldClientsAreToldThatTheyMayStayWhenTheyAsk) {
  auto client = dial();
  const std::string asking = "GET /health HTTP/1.0\r\nConnection: keep-alive\r\n\r\n";
  for (int i = 0; i < 2; ++i) {
    client->send(asking);
    EXPECT_THAT(client->take_until("\"ok\"}\n"), HasSubstr("\r\nConnection: keep-alive\r\n"));
  }
  client->send(request("GET", "/health"));
  EXPECT_THAT(client->take_until("\"ok\"}\n"), Not(HasSubstr("Connection: ")))
      << "of HTTP/1.1 that goes without saying";
}

TEST_F(HttpServer, AClientThatWaitsToSendItsBodyIsToldToGoOn) {
  auto client = dial();
  client->send(
      "POST /repos/remove HTTP/1.1\r\nHost: tap\r\nContent-Type: application/json\r\nExpect: 100-continue\r\n"
      "Content-Length: 2\r\n\r\n");
  EXPECT_EQ(client->take_until("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
  client->send("{}");
  EXPECT_EQ(next(*client).status, 200);
}

TEST_F(HttpServer, WhatIsTooLargeOrNoHttpIsAnsweredAndClosed) {
  begin({.max_body = 1'000, .max_header = 1'000});
  Reply reply = ask("POST", "/repos/add", std::string(100'000, ' '));
  EXPECT_EQ(reply.status, 413);
  EXPECT_EQ(reply.body, "{\"message\":\"Request Entity Too Large\"}\n");
  reply = ask("GET", "/health", "", "X: " + std::string(100'000, 'x') + "\r\n");
  EXPECT_EQ(reply.status, 431);
  EXPECT_EQ(reply.body, "431 Request Header Fields Too Large");
  EXPECT_EQ(reply.headers.at("Content-Type"), "text/plain; charset=utf-8");
  EXPECT_EQ(reply.headers.at("Connection"), "close");
  EXPECT_EQ(parse(exchange("nonsense\r\n\r\n")).body, "400 Bad Request");
  EXPECT_EQ(parse(exchange("GET /health HTTP/1.1\r\n\r\n")).body, "400 Bad Request: missing required Host header");
  for (const char* host : {"a b", "a\"", "a@b", "a\\b", "\xc3\xa4"}) {
    EXPECT_EQ(parse(exchange("GET /health HTTP/1.1\r\nHost: " + std::string(host) + "\r\n\r\n")).body,
              "400 Bad Request: malformed Host header");
  }
  for (const char* target : {"health", "/info/%zz", "/info/%4", "/info/%", "/%4%41"}) {
    EXPECT_EQ(parse(exchange(request("GET", target))).body, "400 Bad Request") << target;
  }
  EXPECT_EQ(ask("GET", "/health?%zz").status, 200);
}

TEST_F(HttpServer, SlowAndSilentClientsAreCut) {
  begin({.request_timeout = 20ms, .idle_timeout = 20ms});
  EXPECT_EQ(exchange(""), "") << "says nothing";
  EXPECT_EQ(exchange("GET /health HT"), "") << "a head without an end";
  EXPECT_EQ(exchange("POST /repos/add HTTP/1.1\r\nHost: t\r\nContent-Length: 5\r\n\r\nab"), "") << "half a body";
  EXPECT_THAT(exchange(request("GET", "/health")), HasSubstr("200 OK")) << "kept alive, then idle";
  begin({.request_timeout = 1h, .idle_timeout = 1ms});
  EXPECT_THAT(exchange(request("GET", "/health")), HasSubstr("200 OK")) << "idle has a limit of its own";
}

TEST_F(HttpServer, AClientThatDoesNotTakeItsAnswerIsCut) {
  begin({.request_timeout = 50ms});
  for (std::uint64_t id = 1; id <= 100; ++id) {
    store::Write write;
    write.mutations.emplace_back(store::SetAside{{.event = {outbox::EventId{id}, {}, {}, "}"},
                                                  .did = "did:plc:a",
                                                  .attempts = 1,
                                                  .since = 0,
                                                  .reason = std::string(200'000, 'x')}});
    database.apply(std::move(write));
  }
  test::RawClient client(loop, server->port());  // it never reads
  client.send(request("GET", "/dead-letters") + request("GET", "/dead-letters"));
  auto& open = metrics.gauge("tap_http_connections", "");
  loop.run_until([&] { return open.value() == 1; });
  loop.run_until([&] { return open.value() == 0; });
}

TEST_F(HttpServer, AClientThatLeavesWithinARequestHarmsNobody) {
  reader.gate.close();
  track("did:plc:a");
  auto client = dial();
  client->send(request("GET", "/info/did:plc:a"));
  loop.run_until([&] { return reader.gate.waiting() == 1; });
  client->close();
  loop.settle();
  reader.gate.open();
  EXPECT_EQ(ask("GET", "/info/did:plc:a").status, 200);
}

TEST_F(HttpServer, AnUpgradeIsHandedOverByteForByte) {
  auto client = dial();
  const std::string upgrade = request("GET", "/channel", "", "Upgrade: websocket\r\nConnection: Upgrade\r\n");
  client->send(request("GET", "/health") + upgrade + "and more");
  EXPECT_EQ(next(*client).status, 200);
  loop.run_until([&] { return !hub.upgrades.empty(); });
  EXPECT_EQ(hub.upgrades[0].received, upgrade + "and more");
  EXPECT_EQ(hub.upgrades[0].remote, "127.0.0.1");
  EXPECT_TRUE(hub.upgrades[0].socket.is_open());
  loop.run(server->stop(0ms));
  EXPECT_FALSE(client->closed()) << "it is the channel's now";
}

TEST_F(HttpServer, InWebhookModeThereIsNoChannel) {
  begin({.webhook_mode = true});
  const Reply reply = ask("GET", "/channel", "", "Upgrade: websocket\r\n");
  EXPECT_EQ(reply.status, 400);
  EXPECT_EQ(reply.body, "{\"message\":\"websocket not available in webhook mode\"}\n");
  EXPECT_THAT(hub.upgrades, IsEmpty());
}

TEST_F(HttpServer, AtTheLimitOfConnectionsOthersWait) {
  begin({.max_connections = 1});
  auto first = dial();
  first->send(request("GET", "/health"));
  EXPECT_EQ(next(*first).status, 200);
  auto second = dial();
  second->send(request("GET", "/health"));
  loop.settle();
  EXPECT_EQ(second->received(), "");
  first->close();
  EXPECT_EQ(next(*second).status, 200);
}

TEST_F(HttpServer, AllRequestsTogetherHoldABoundedNumberOfBytes) {
  begin({.max_header = 1'000, .max_held = 100'000});
  const metrics::Gauge& held = metrics.queue("http_bytes", 0);
  const auto beginning = [](std::size_t sent) {
    return "POST /repos/add HTTP/1.1\r\nHost: t\r\nContent-Type: application/json\r\nContent-Length: 90000\r\n\r\n" +
           std::string(sent, ' ');
  };
  auto first = dial();
  first->send(beginning(60'000));
  loop.run_until([&] { return held.value() >= 60'000; });
  auto second = dial();
  second->send(beginning(60'000));
  const Reply refused = next(*second);
  EXPECT_EQ(refused.status, 503);
  EXPECT_EQ(refused.body, "{\"message\":\"too many large requests at once\"}\n");
  second->close();
  EXPECT_EQ(ask("GET", "/health").status, 200) << "small ones are none";
  // There is room again once the first one is answered.
  first->send(std::string(30'000 - 11, ' ') + R"({"dids":[]})");
  EXPECT_EQ(next(*first).status, 400);
  loop.run_until([&] { return held.value() < 1'000; });
  auto third = dial();
  third->send(beginning(60'000));
  loop.run_until([&] { return held.value() >= 60'000; });
}

TEST_F(HttpServer, RequestsThatWaitForADatabaseThatHangsDoNotKeepOthersFromTheirAnswer) {
  begin({.max_asking = 1, .request_timeout = 100ms});
  track("did:plc:a");
  reader.gate.close();
  auto waiting = dial();
  waiting->send(request("GET", "/info/did:plc:a"));
  loop.run_until([&] { return reader.gate.waiting() == 1; });
  EXPECT_EQ(metrics.queue("http_asking", 0).value(), 1);
  const Reply refused = ask("POST", "/repos/add", R"({"dids":["did:plc:b"]})");
  EXPECT_EQ(refused.status, 503);
  EXPECT_EQ(refused.body, "{\"message\":\"too many requests wait for the database\"}\n");
  EXPECT_EQ(ask("GET", "/health").status, 200);
  EXPECT_EQ(ask("GET", "/stats/repo-count").status, 200);
  auto consumer = dial();
  consumer->send(request("GET", "/channel", "", "Upgrade: websocket\r\nConnection: Upgrade\r\n"));
  loop.run_until([&] { return !hub.upgrades.empty() || !consumer->received().empty(); });
  EXPECT_THAT(hub.upgrades, SizeIs(1)) << consumer->received();
  reader.gate.open();
  EXPECT_EQ(next(*waiting).status, 200);
  EXPECT_EQ(ask("POST", "/repos/add", R"({"dids":["did:plc:b"]})").status, 200);
}

TEST_F(HttpServer, ARequestThatTakesTooLongIsToldSoAndGoesOn) {
  begin({.max_asking = 2, .answer_timeout = 100ms});
  writer.gate.close();
  auto client = dial();
  const std::string whole = request("POST", "/repos/add", R"({"dids":["did:plc:a"]})", "Expect: 100-continue\r\n");
  const std::size_t body = whole.find("\r\n\r\n") + 4;
  client->send(whole.substr(0, body));
  client->take_until("100 Continue\r\n\r\n");
  client->send(whole.substr(body, 5));
  loop.run_until([&] { return metrics.queue("http_bytes", 0).value() > 0; });
  client->send(whole.substr(body + 5));
  const Reply late = parse(client->take_rest());
  EXPECT_EQ(late.status, 503);
  EXPECT_EQ(late.headers.at("Connection"), "close");
  EXPECT_EQ(late.body, "{\"message\":\"not done in time: it may still be done, and it is safe to ask again\"}\n");
  EXPECT_FALSE(table.find("did:plc:a"));
  EXPECT_EQ(metrics.queue("http_asking", 0).value(), 1) << "it goes on, and counts";
  EXPECT_GT(metrics.queue("http_bytes", 0).value(), 0);

  auto again = dial();
  again->send(request("POST", "/repos/add", R"({"dids":["did:plc:a"]})"));
  loop.settle();
  writer.gate.open();
  EXPECT_EQ(next(*again).status, 200);
  EXPECT_TRUE(table.find("did:plc:a"));
  EXPECT_THAT(writer.writes, SizeIs(1)) << "asking twice is asking once";
  loop.run_until([&] { return metrics.gauge("tap_http_connections", "").value() == 1; });
  EXPECT_EQ(metrics.queue("http_asking", 0).value(), 0);
}

TEST_F(HttpServer, ABugInARequestEndsItsConnectionAtOnce) {
  begin({.answer_timeout = 1h});
  directory.has_bug = true;
  EXPECT_EQ(exchange(request("GET", "/resolve/did:plc:a")), "");
  EXPECT_EQ(ask("GET", "/health").status, 200);
  EXPECT_THROW(running->stop(), std::runtime_error) << "it is told at the end as well";
}

TEST_F(HttpServer, AStopLetsRequestsUnderWayFinish) {
  track("did:plc:a");
  reader.gate.close();
  auto idle = dial();
  idle->send(request("GET", "/health"));
  next(*idle);
  auto busy = dial();
  busy->send(request("GET", "/info/did:plc:a"));
  loop.run_until([&] { return reader.gate.waiting() == 1; });
  auto stopped = loop.start(server->stop(60s));
  EXPECT_EQ(idle->take_rest(), "");
  EXPECT_FALSE(stopped.done());
  reader.gate.open();
  const Reply reply = next(*busy);
  EXPECT_EQ(reply.status, 200);
  EXPECT_EQ(reply.headers.at("Connection"), "close");
  busy->close();
  loop.run_until([&] { return stopped.done() && !running->running(); });
}

TEST_F(HttpServer, AStopCutsWhatDoesNotFinish) {
  auto slow = dial();
  slow->send("POST /repos/add HTTP/1.1\r\nHost: t\r\nContent-Length: 5\r\n\r\nab");
  loop.settle();
  loop.run(server->stop(1ms));
  EXPECT_EQ(slow->take_rest(), "");
  loop.run_until([&] { return !running->running(); });
}

TEST_F(HttpServer, CancellingCutsEverything) {
  auto client = dial();
  client->send(request("GET", "/health"));
  next(*client);
  running->stop();
  EXPECT_EQ(client->take_rest(), "");
}

}  // namespace
}  // namespace tap::api

// SPDX-License-Identifier: MIT
#include "api/letter_selection.hpp"
#include "api_fixture.hpp"

namespace tap::api {
namespace {

using outbox::EventId;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

class DeadLetters : public ApiTest {
 protected:
  /// Event `id` of this DID was given up.
  void set_aside(std::uint64_t id, const std::string& did) {
    outbox::Event event{EventId{id}, outbox::lane_of(did), outbox::Order::barrier,
                        ",\"type\":\"identity\",\"identity\":{\"did\":\"" + did + "\"}}"};
    store::Write write;
    write.mutations.emplace_back(store::SetAside{
        {.event = std::move(event), .did = did, .attempts = 3, .since = 1'780'000'000, .reason = "HTTP \"400\""}});
    database.apply(std::move(write));
  }
  std::vector<std::uint64_t> left() const {
    std::vector<std::uint64_t> ids;
    for (const auto& [id, letter] : database.letters()) ids.push_back(static_cast<std::uint64_t>(id));
    return ids;
  }
  std::string post(const std::string& path, const std::string& body) { return ask("POST", path, body).body; }
};

TEST_F(DeadLetters, AreListedInPages) {
  for (std::uint64_t id = 1; id <= 3; ++id) set_aside(id, id == 2 ? "did:plc:b" : "did:plc:a");
  EXPECT_EQ(ask("GET", "/dead-letters?limit=1&cursor=1").body,
            R"({"dead_letters":[{"id":2,"did":"did:plc:b","attempts":3,"since":"2026-05-28T20:26:40Z",)"
            R"("reason":"HTTP \"400\"","event":{"id":2,"type":"identity","identity":{"did":"did:plc:b"}}}],)"
            R"("cursor":"2"})"
            "\n");
  const auto ids = [&](const std::string& target) {
    const std::string body = ask("GET", target).body;
    std::string out;
    for (std::size_t at = body.find("{\"id\":"); at != std::string::npos; at = body.find("{\"id\":", at + 1)) {
      if (body.compare(at + 7, 6, ",\"did\"") == 0) out += body[at + 6];
    }
    return out;
  };
  EXPECT_EQ(ids("/dead-letters"), "123");
  EXPECT_EQ(ids("/dead-letters?did=did%3Aplc%3Aa"), "13");
  EXPECT_EQ(ids("/dead-letters?did=did:plc:a&cursor=1"), "3");
  EXPECT_EQ(ids("/dead-letters?cursor=3"), "");
  for (const char* query : {"limit=0", "limit=1001", "limit=x", "cursor=x", "cursor=-1", "cursor="}) {
    EXPECT_EQ(ask("GET", "/dead-letters?" + std::string(query)).status, 400) << query;
  }
  reader.failures = 1;
  const Reply failed = ask("GET", "/dead-letters");
  EXPECT_EQ(failed.status, 500);
  EXPECT_EQ(failed.body, "{\"message\":\"failed to get dead letters\"}\n");
}

TEST_F(DeadLetters, GoBackAsNewEventsInOneWrite) {
  for (std::uint64_t id = 1; id <= 3; ++id) set_aside(id, "did:plc:a");
  EXPECT_EQ(post("/dead-letters/replay", R"({"ids":[3,2,77]})"), "{\"replayed\":2}\n");
  EXPECT_THAT(left(), ElementsAre(1));
  ASSERT_EQ(writer.writes.size(), 1U) << "never gone from both, nor in both";
  ASSERT_EQ(writer.writes[0].events.size(), 2U);
  EXPECT_EQ(writer.writes[0].events[0].lane, outbox::lane_of("did:plc:a"));
  EXPECT_EQ(writer.writes[0].events[0].order, outbox::Order::barrier);
  EXPECT_EQ(database.events().size(), 2U);
  EXPECT_EQ(post("/dead-letters/replay", R"({"ids":[3]})"), "{\"replayed\":0}\n") << "it has gone back already";
}

TEST_F(DeadLetters, AreChosenByDidOrAll) {
  for (std::uint64_t id = 1; id <= 4; ++id) set_aside(id, id % 2 == 0 ? "did:plc:b" : "did:plc:a");
  EXPECT_EQ(post("/dead-letters/drop", R"({"dids":["did:plc:b"]})"), "{\"dropped\":2}\n");
  EXPECT_THAT(left(), ElementsAre(1, 3));
  EXPECT_THAT(database.events(), IsEmpty());
  EXPECT_EQ(post("/dead-letters/replay", R"({"all":true})"), "{\"replayed\":2}\n");
  EXPECT_THAT(left(), IsEmpty());
}

TEST_F(DeadLetters, OfAnyNumberAreTaken) {
  for (std::uint64_t id = 1; id <= 1'201; ++id) set_aside(id, "did:plc:a");
  EXPECT_EQ(post("/dead-letters/replay", R"({"dids":["did:plc:a"]})"), "{\"replayed\":1201}\n");
  EXPECT_EQ(database.events().size(), 1'201U);
}

TEST_F(DeadLetters, ThatAreAddedDuringAReplayWaitForTheNext) {
  for (std::uint64_t id = 1; id <= 3; ++id) set_aside(id, "did:plc:a");
  reader.gate.close();
  auto client = dial();
  client->send(request("POST", "/dead-letters/replay", R"({"all":true})", "Connection: close\r\n"));
  for (int read = 0; read < 2; ++read) {  // which one is the last
    loop.run_until([&] { return reader.gate.waiting() == 1; });
    reader.gate.let_one_pass();
    loop.settle();
  }
  set_aside(9, "did:plc:a");
  reader.gate.open();
  EXPECT_EQ(parse(client->take_rest()).body, "{\"replayed\":3}\n");
  EXPECT_THAT(left(), ElementsAre(9));
}

TEST_F(DeadLetters, OfTwoRequestsAtOnceGoBackOnce) {
  for (std::uint64_t id = 1; id <= 3; ++id) set_aside(id, "did:plc:a");
  writer.gate.close();
  std::vector<std::unique_ptr<test::RawClient>> clients;
  for (int i = 0; i < 2; ++i) {
    clients.push_back(dial());
    clients.back()->send(request("POST", "/dead-letters/replay", R"({"all":true})", "Connection: close\r\n"));
  }
  auto& open = metrics.gauge("tap_http_connections", "");
  loop.run_until([&] { return open.value() == 2 && writer.gate.waiting() > 0; });
  loop.settle();
  EXPECT_EQ(writer.gate.waiting(), 1U);
  writer.gate.open();
  for (const auto& client : clients) EXPECT_EQ(parse(client->take_rest()).status, 200);
  EXPECT_EQ(database.events().size(), 3U);
}

TEST_F(DeadLetters, FailedWriteIsSaid) {
  set_aside(1, "did:plc:a");
  writer.failures = 1;
  EXPECT_EQ(ask("POST", "/dead-letters/drop", R"({"all":true})").status, 500);
  EXPECT_THAT(left(), ElementsAre(1));
}

TEST_F(DeadLetters, BadRequestsTakeNothing) {
  set_aside(1, "did:plc:a");
  for (const char* body :
       {"{}", "[1]", "7", "{\"id\":[1]}", "{\"all\":false}", "{\"all\":1}", "{\"all\":[true]}", "{\"ids\":1}",
        "{\"ids\":[\"1\"]}", "{\"ids\":[-1]}", "{\"ids\":[1.5]}", "{\"ids\":[[1]]}", "{\"ids\":{\"1\":1}}",
        "{\"dids\":[1]}", "{\"dids\":\"did:plc:a\"}", "{\"dids\":[]}", "{\"all\":true", "{\"other\":{\"all\":true}}"}) {
    EXPECT_EQ(ask("POST", "/dead-letters/drop", body).status, 400) << body;
    EXPECT_EQ(ask("POST", "/dead-letters/replay", body).status, 400) << body;
  }
  EXPECT_EQ(ask("POST", "/dead-letters/drop").status, 400);
  EXPECT_EQ(ask("POST", "/dead-letters/drop", R"({"all":true})", "Content-Type: text/plain\r\n").status, 415);
  EXPECT_THAT(left(), ElementsAre(1));
}

TEST_F(DeadLetters, NeedThePassword) {
  begin({.admin_password = "secret"});
  EXPECT_EQ(ask("GET", "/dead-letters").status, 401);
  EXPECT_EQ(ask("POST", "/dead-letters/replay", R"({"all":true})").status, 401);
}

TEST(LetterSelection, EverythingThatIsNamedIsSelected) {
  const auto selection = parse_letter_selection(R"({"ids":[7,7,8],"dids":["did:plc:a"],"x":[1],"all":false})");
  ASSERT_TRUE(selection);
  const auto letter = [](std::uint64_t id, const char* did) {
    return outbox::DeadLetter{.event = {EventId{id}, {}, {}, {}}, .did = did, .reason = {}};
  };
  EXPECT_TRUE(selection->names(letter(7, "did:plc:b")));
  EXPECT_TRUE(selection->names(letter(1, "did:plc:a")));
  EXPECT_FALSE(selection->names(letter(1, "did:plc:b")));
}

}  // namespace
}  // namespace tap::api

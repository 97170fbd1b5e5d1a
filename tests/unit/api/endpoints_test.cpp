// SPDX-License-Identifier: MIT
#include "api_fixture.hpp"

namespace tap::api {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr const char* kPlc = "did:plc:ewvi7nxzyoun6zhxrhs64oiz";
constexpr const char* kJsonType = "application/json; charset=UTF-8";

class Endpoints : public ApiTest {};

TEST_F(Endpoints, EachAnswersAsTheProtocolSays) {
  struct Case {
    std::string method, target, body;
    unsigned status;
    std::string answer;
    std::string allow = {};
  };
  const std::string not_found = "{\"message\":\"Not Found\"}\n";
  const std::string not_allowed = "{\"message\":\"Method Not Allowed\"}\n";
  for (const Case& c : std::vector<Case>{
           {"GET", "/health", "", 200, "{\"status\":\"ok\"}\n"},
           {"GET", "/health?x=1", "", 200, "{\"status\":\"ok\"}\n"},
           {"GET", "http://tap/health", "", 200, "{\"status\":\"ok\"}\n"},
           {"GET", "/health?pretty", "", 200, "{\n  \"status\": \"ok\"\n}\n"},
           {"GET", "/nothing?pretty=0", "", 404, "{\n  \"message\": \"Not Found\"\n}\n"},
           {"GET", "/stats/repo-count", "", 200, "{\"repo_count\":0}\n"},
           {"GET", "/stats/record-count", "", 200, "{\"record_count\":0}\n"},
           {"GET", "/stats/outbox-buffer", "", 200, "{\"outbox_buffer\":0}\n"},
           {"GET", "/stats/resync-buffer", "", 200, "{\"resync_buffer\":0}\n"},
           {"GET", "/stats/cursors", "", 200, "{\"firehose\":0,\"list_repos\":\"\"}\n"},
           {"GET", "/dead-letters", "", 200, "{\"dead_letters\":[]}\n"},
           {"POST", "/dead-letters", "", 405, not_allowed, "OPTIONS, GET"},
           {"GET", "/dead-letters/drop", "", 405, not_allowed, "OPTIONS, POST"},
           {"GET", "/info/did:plc:unknown", "", 404, "{\"message\":\"repo not found\"}\n"},
           {"GET", "/info/", "", 404, not_found},
           {"GET", "/resolve/", "", 404, not_found},
           {"GET", "/resolve/did:plc:unknown", "", 404, "{\"message\":\"DID not found\"}\n"},
           {"GET", "/resolve/bogus", "", 400, "{\"message\":\"improperly formatted DID\"}\n"},
           {"GET", "/resolve/did:plc:x/", "", 400, "{\"message\":\"improperly formatted DID\"}\n"},
           {"GET", "/", "", 404, not_found},
           {"GET", "/health/", "", 404, not_found},
           {"GET", "/info", "", 404, not_found},
           {"GET", "/stats", "", 404, not_found},
           {"GET", "/../health", "", 404, not_found},
           {"OPTIONS", "/nothing", "", 404, not_found},
           {"POST", "/health", "", 405, not_allowed, "OPTIONS, GET"},
           {"POST", "/info/did:plc:x", "", 405, not_allowed, "OPTIONS, GET"},
           {"PUT", "/channel", "", 405, not_allowed, "OPTIONS, GET"},
           {"GET", "/repos/add", "", 405, not_allowed, "OPTIONS, POST"},
           {"DELETE", "/repos/remove", "", 405, not_allowed, "OPTIONS, POST"},
           {"BREW", "/health", "", 405, not_allowed, "OPTIONS, GET"},
           {"HEAD", "/health", "", 405, "", "OPTIONS, GET"},
           {"OPTIONS", "/health", "", 204, "", "OPTIONS, GET"},
           {"OPTIONS", "/repos/add", "", 204, "", "OPTIONS, POST"},
           {"POST", "/repos/add", R"({"dids":["did:plc:a"]})", 200, ""},
           {"POST", "/repos/add", R"({"dids":["did:plc:a"]})", 200, ""},
           {"POST", "/repos/add", "", 400, "{\"message\":\"no DIDs given\"}\n"},
           {"POST", "/repos/add", R"({"dids":[]})", 400, "{\"message\":\"no DIDs given\"}\n"},
           {"POST", "/repos/add", R"({"did":["did:plc:a"]})", 400, "{\"message\":\"no DIDs given\"}\n"},
           {"POST", "/repos/add", R"({"dids":["did:plc:a","bogus"]})", 400, "{\"message\":\"invalid DID: bogus\"}\n"},
           {"POST", "/repos/add", R"({"dids":)", 400, "{\"message\":\"unexpected EOF\"}\n"},
           {"POST", "/repos/add", "{]", 400,
            "{\"message\":\"Syntax error: offset=2, error=invalid character ']' looking for beginning of object key "
            "string\"}\n"},
           {"POST", "/repos/add", R"({"dids":"x"})", 400,
            "{\"message\":\"Unmarshal type error: expected=[]string, got=string, field=dids, offset=11\"}\n"},
           {"POST", "/repos/remove", R"({"dids":["did:plc:unknown"]})", 200, ""},
           {"POST", "/repos/remove", R"({"dids":[]})", 200, ""},
           {"POST", "/repos/remove", "", 200, ""},
           {"POST", "/repos/remove", R"({"dids":[null]})", 400, "{\"message\":\"invalid DID: \"}\n"},
       }) {
    const Reply reply = ask(c.method, c.target, c.body);
    const std::string what = c.method + " " + c.target + " " + c.body;
    EXPECT_EQ(reply.status, c.status) << what;
    EXPECT_EQ(reply.body, c.answer) << what;
    EXPECT_EQ(reply.headers.contains("Allow") ? reply.headers.at("Allow") : "", c.allow) << what;
    EXPECT_EQ(reply.headers.contains("Content-Length"), c.status != 204 && c.method != "HEAD") << what;
    EXPECT_TRUE(reply.headers.contains("Date")) << what;
    if (!reply.body.empty()) EXPECT_EQ(reply.headers.at("Content-Type"), kJsonType) << what;
    if (c.status == 200 && reply.body.empty()) EXPECT_FALSE(reply.headers.contains("Content-Type")) << what;
  }
}

TEST_F(Endpoints, BodiesMustBeJson) {
  const std::string refused = "{\"message\":\"Unsupported Media Type\"}\n";
  for (const char* type :
       {"text/plain", "Application/JSON", "application/xml", "", "application/x-www-form-urlencoded"}) {
    const Reply reply = ask("POST", "/repos/add", "{}", "Content-Type: " + std::string(type) + "\r\n");
    EXPECT_EQ(reply.status, 415) << type;
    EXPECT_EQ(reply.body, refused);
  }
  EXPECT_EQ(ask("POST", "/repos/remove", "{}", "Content-Type: application/json; charset=utf-8\r\n").status, 200);
  EXPECT_EQ(ask("POST", "/repos/remove", "", "Content-Type: text/plain\r\nContent-Length: 0\r\n").status, 200)
      << "an empty body has no type";
}

TEST_F(Endpoints, ChunkedBodiesAreRead) {
  const auto chunked = [&](std::string_view chunks) {
    return parse(
        exchange("POST /repos/add HTTP/1.1\r\nHost: tap\r\nContent-Type: application/json\r\n"
                 "Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n" +
                 std::string(chunks)));
  };
  EXPECT_EQ(chunked("8\r\n{\"dids\":\r\ne\r\n[\"did:plc:ch\"]\r\n1\r\n}\r\n0\r\n\r\n").status, 200);
  EXPECT_TRUE(table.find("did:plc:ch"));
  EXPECT_EQ(chunked("0\r\n\r\n").body, "{\"message\":\"EOF\"}\n");
}

TEST_F(Endpoints, AddedReposArePendingAndWoken) {
  EXPECT_EQ(ask("POST", "/repos/add", R"({"dids":["did:plc:a","did:web:b.example","did:plc:a"]})").status, 200);
  EXPECT_EQ(table.size(), 2);
  EXPECT_EQ(table.get(table.find("did:plc:a").value())->state, repos::State::pending);
  EXPECT_THAT(resyncer.woken, SizeIs(2));
  EXPECT_EQ(database.repos(), 2);
  EXPECT_EQ(ask("GET", "/stats/repo-count").body, "{\"repo_count\":2}\n");
}

TEST_F(Endpoints, AnyNumberOfReposMayBeAdded) {
  std::string body = "{\"dids\":[";
  for (int i = 0; i < 5'500; ++i) body += (i == 0 ? "\"did:plc:n" : ",\"did:plc:n") + std::to_string(i) + "\"";
  EXPECT_EQ(ask("POST", "/repos/add", body + "]}").status, 200);
  EXPECT_EQ(table.size(), 5'500);
}

TEST_F(Endpoints, NothingIsAddedWhenOneIsBad) {
  EXPECT_EQ(ask("POST", "/repos/add", R"({"dids":["did:plc:a","did:x"]})").body,
            "{\"message\":\"invalid DID: did:x\"}\n");
  EXPECT_EQ(table.size(), 0);
}

TEST_F(Endpoints, AddingARepoThatFailedTriesItAtOnce) {
  const auto failed = track("did:plc:failed", {.state = repos::State::error, .account = {}, .head = {}});
  track("did:plc:fine", {.state = repos::State::active, .account = {}, .head = {}});
  EXPECT_EQ(ask("POST", "/repos/add", R"({"dids":["did:plc:fine","did:plc:failed","did:plc:new"]})").status, 200);
  EXPECT_THAT(resyncer.retried, ElementsAre(failed));
  EXPECT_THAT(directory.purged, ElementsAre("did:plc:failed")) << "its document is looked up anew";

  begin({}, false);
  EXPECT_EQ(ask("POST", "/repos/add", R"({"dids":["did:plc:failed"]})").status, 200) << "nobody to try it";
}

TEST_F(Endpoints, RemovedReposAreGone) {
  track("did:plc:a");
  track("did:plc:b");
  EXPECT_EQ(ask("POST", "/repos/remove", R"({"dids":["did:plc:a","did:plc:unknown"]})").status, 200);
  EXPECT_FALSE(table.find("did:plc:a"));
  EXPECT_TRUE(table.find("did:plc:b"));
  EXPECT_EQ(database.find("did:plc:a"), nullptr);
}

TEST_F(Endpoints, InfoTellsWhereARepoStands) {
  const repos::Head head{.rev = atproto::Tid::parse("3kb3fge5lm32x").value(), .data = {}, .records = 42};
  track(kPlc, {.state = repos::State::error, .account = {}, .head = head},
        {.handle = "alice.example.com", .error = "PDS said \"no\" & left", .retries = 3, .retry_after = 9});
  EXPECT_EQ(ask("GET", std::string("/info/") + kPlc).body,
            "{\"did\":\"did:plc:ewvi7nxzyoun6zhxrhs64oiz\",\"error\":\"PDS said \\\"no\\\" \\u0026 left\","
            "\"handle\":\"alice.example.com\",\"records\":42,\"retries\":3,\"rev\":\"3kb3fge5lm32x\","
            "\"state\":\"error\"}\n");
  track("did:plc:new");
  EXPECT_EQ(ask("GET", "/info/did:plc:new").body,
            "{\"did\":\"did:plc:new\",\"error\":\"\",\"handle\":\"\",\"records\":0,\"retries\":0,\"rev\":\"\","
            "\"state\":\"pending\"}\n");
  EXPECT_EQ(ask("GET", "/info/did:plc:new/").status, 404);
}

TEST_F(Endpoints, DidsInThePathMayBeEscaped) {
  track("did:plc:a");
  track("did:web:localhost%3A1234");
  EXPECT_EQ(ask("GET", "/info/did%3Aplc%3aa").status, 200);
  EXPECT_EQ(ask("GET", "/info/did:web:localhost%3A1234").status, 200) << "a DID with an escape of its own";
  EXPECT_EQ(ask("GET", "/info/did%3Aweb%3Alocalhost%253A1234").status, 200);
  EXPECT_EQ(ask("GET", "/info/did%25").status, 404);
}

TEST_F(Endpoints, ResolveGivesTheDocument) {
  const auto identity = identity::parse_document(atproto::Did::parse(kPlc).value(), R"({
    "id": "did:plc:ewvi7nxzyoun6zhxrhs64oiz", "alsoKnownAs": ["at://alice.example.com"], "service": [
      {"id": "#atproto_pds", "type": "AtprotoPersonalDataServer", "serviceEndpoint": "https://pds.example"}]})");
  ASSERT_TRUE(identity);
  directory.identities[kPlc] = std::make_shared<identity::Identity>(*identity);
  EXPECT_EQ(ask("GET", "/resolve/did%3Aplc%3Aewvi7nxzyoun6zhxrhs64oiz").body,
            "{\"id\":\"did:plc:ewvi7nxzyoun6zhxrhs64oiz\",\"alsoKnownAs\":[\"at://alice.example.com\"],"
            "\"service\":[{\"id\":\"#atproto_pds\",\"type\":\"AtprotoPersonalDataServer\","
            "\"serviceEndpoint\":\"https://pds.example\"}]}\n");
  directory.failure = identity::Errc::tombstoned;
  EXPECT_EQ(ask("GET", "/resolve/did:plc:gone").status, 404);
  directory.failure = identity::Errc::unavailable;
  const Reply reply = ask("GET", "/resolve/did:plc:later");
  EXPECT_EQ(reply.status, 500);
  EXPECT_EQ(reply.body, "{\"message\":\"failed to resolve DID\"}\n");
}

TEST_F(Endpoints, StatsAreKeptNumbers) {
  const repos::Head head{.rev = {}, .data = {}, .records = 7};
  const auto id = track("did:plc:a", {.state = repos::State::active, .account = {}, .head = head});
  outbox->committed({{.id = outbox::EventId{1}, .lane = {}, .order = {}, .body = ",\"x\":1}"}});
  store::Write write;
  write.mutations.emplace_back(store::BufferCommit{id, {}, {}});
  write.mutations.emplace_back(store::SaveCursor{"list_repos", "relay", "a&b"});
  database.apply(std::move(write));
  seq = 123'456'789'012;
  EXPECT_EQ(ask("GET", "/stats/record-count").body, "{\"record_count\":7}\n");
  EXPECT_EQ(ask("GET", "/stats/outbox-buffer").body, "{\"outbox_buffer\":1}\n");
  EXPECT_EQ(ask("GET", "/stats/resync-buffer").body, "{\"resync_buffer\":1}\n");
  EXPECT_EQ(ask("GET", "/stats/cursors").body, "{\"firehose\":123456789012,\"list_repos\":\"a\\u0026b\"}\n");
}

TEST_F(Endpoints, ADatabaseThatFailsIsAnswered500) {
  track("did:plc:a");
  const auto failing = [&](std::size_t& failures, std::string_view method, std::string_view target,
                           std::string_view body = "") {
    failures = 1;
    const Reply reply = ask(method, target, body);
    EXPECT_EQ(reply.status, 500) << target;
    EXPECT_EQ(failures, 0) << target;
    return reply.body;
  };
  EXPECT_EQ(failing(reader.failures, "GET", "/info/did:plc:a"), "{\"message\":\"failed to get repo\"}\n");
  EXPECT_EQ(failing(reader.failures, "GET", "/stats/resync-buffer"),
            "{\"message\":\"failed to get resync buffer size\"}\n");
  EXPECT_EQ(failing(reader.failures, "GET", "/stats/cursors"), "{\"message\":\"failed to get list repos cursor\"}\n");
  const std::string internal = "{\"message\":\"Internal Server Error\"}\n";
  EXPECT_EQ(failing(writer.failures, "POST", "/repos/add", R"({"dids":["did:plc:b"]})"), internal);
  EXPECT_EQ(failing(writer.failures, "POST", "/repos/remove", R"({"dids":["did:plc:a"]})"), internal);
  EXPECT_TRUE(table.find("did:plc:a"));
  EXPECT_FALSE(table.find("did:plc:b"));
}

TEST_F(Endpoints, EveryPathWantsThePassword) {
  begin({.admin_password = "hunter2"});
  for (const auto& [method, target] : std::vector<std::pair<std::string, std::string>>{{"GET", "/health"},
                                                                                       {"GET", "/channel"},
                                                                                       {"GET", "/nothing"},
                                                                                       {"OPTIONS", "/health"},
                                                                                       {"POST", "/health"},
                                                                                       {"POST", "/repos/add"},
                                                                                       {"GET", "/info/did:plc:a"},
                                                                                       {"GET", "/health?pretty"}}) {
    for (const char* header : {"", "Authorization: Basic YWRtaW46aHVudGVyMw==\r\n", "Authorization: Bearer x\r\n"}) {
      const Reply reply = ask(method, target, "", header);
      EXPECT_EQ(reply.status, 401) << target;
      EXPECT_EQ(reply.headers.at("Www-Authenticate"), "Basic realm=\"admin\", charset=\"UTF-8\"");
      EXPECT_EQ(reply.headers.at("Content-Type"), "application/json");
      EXPECT_EQ(reply.body,
                "{\"error\":\"Unauthorized\",\"message\":\"atproto admin auth required, but missing or incorrect "
                "password\"}\n");
    }
  }
  EXPECT_THAT(hub.upgrades, IsEmpty());
  EXPECT_EQ(ask("GET", "/health", "", "Authorization: Basic YWRtaW46aHVudGVyMg==\r\n").status, 200);
}

}  // namespace
}  // namespace tap::api

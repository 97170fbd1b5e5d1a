// SPDX-License-Identifier: MIT
// Every request of the API and every answer to it, byte for byte (protocol 9.7, 11.1). The rows share one program; what
// changes its repos comes with one of its own.
#include "contract/contract.hpp"
#include "contract/raw_http.hpp"
#include "support/atproto/shared_dir.hpp"

#include <sqlite3.h>

#include <algorithm>

namespace tap::test {
namespace {

/// Puts what was made at the start into what a row says: $did, $rev, $key, $pds.
std::string filled(std::string text, const std::map<std::string, std::string>& values) {
  for (const auto& [name, value] : values) {
    for (std::size_t at = text.find(name); at != std::string::npos; at = text.find(name)) {
      text.replace(at, name.size(), value);
    }
  }
  return text;
}

struct Exchange {
  std::string row;
  std::string method, target, body;
  int status;
  std::string answer;
  std::string allow = {};
};

class Api : public ::testing::TestWithParam<Exchange> {
 protected:
  static void SetUpTestSuite() {
    shared_ = std::make_unique<SharedTap>();
    shared_->start();
    Account alice(1);
    alice.fill(3);
    shared_->consume();
    shared_->onboard(alice);
    shared_->await_undelivered(0);
    values_ = {{"$did", alice.did().str()},
               {"$rev", alice.head()->rev.str()},
               {"$key", alice.key().public_key().multikey()},
               {"$pds", shared_->pds_.url()}};
    values_["$escaped"] = filled(alice.did().str(), {{":", "%3A"}});
    shared_->plc_.answer("did:plc:aaaaaaaaaaaaaaaaaaaaaaaa", {.status = 404}, 1'000);
    shared_->plc_.answer("did:plc:bbbbbbbbbbbbbbbbbbbbbbbb", {.status = 410}, 1'000);
    shared_->plc_.answer("did:plc:cccccccccccccccccccccccc", {.status = 503}, 1'000);
  }
  static void TearDownTestSuite() { shared_.reset(); }

  static inline std::unique_ptr<SharedTap> shared_;
  static inline std::map<std::string, std::string> values_;
};

TEST_P(Api, AnswersByteForByte) {
  const Exchange& row = GetParam();
  RawHttp client(shared_->port());
  std::string request = row.method + " " + filled(row.target, values_) + " HTTP/1.1\r\nHost: tap\r\n";
  if (row.method == "POST") {
    request += "Content-Type: application/json\r\nContent-Length: " + std::to_string(row.body.size()) + "\r\n";
  }
  client.send(request + "\r\n" + row.body);
  const HttpAnswer answer = client.next(row.method == "HEAD");
  EXPECT_EQ(answer.status, row.status);
  EXPECT_EQ(answer.body, filled(row.answer, values_));
  EXPECT_EQ(RawHttp::header(answer, "Allow"), row.allow);
  EXPECT_EQ(RawHttp::header(answer, "Content-Type"), row.answer.empty() ? "" : "application/json; charset=UTF-8");
  EXPECT_THAT(RawHttp::header(answer, "Date"), ::testing::EndsWith(" GMT"));
}

const std::string kNotFound = "{\"message\":\"Not Found\"}\n";
const std::string kNotAllowed = "{\"message\":\"Method Not Allowed\"}\n";
const std::string kNoRepo = "{\"message\":\"repo not found\"}\n";
const std::string kInfo =
    R"({"did":"$did","error":"","handle":"handle.invalid","records":3,"retries":0,"rev":"$rev","state":"active"})"
    "\n";
const std::string kDocument =
    R"({"id":"$did","alsoKnownAs":["at://handle.invalid"],)"
    R"("verificationMethod":[{"id":"$did#atproto","type":"Multikey","controller":"$did","publicKeyMultibase":"$key"}],)"
    R"("service":[{"id":"#atproto_pds","type":"AtprotoPersonalDataServer","serviceEndpoint":"$pds"}]})"
    "\n";

INSTANTIATE_TEST_SUITE_P(
    Get, Api,
    ::testing::Values(
        Exchange{"health", "GET", "/health", "", 200, "{\"status\":\"ok\"}\n"},
        Exchange{"info", "GET", "/info/$did", "", 200, kInfo},
        Exchange{"info of an escaped DID", "GET", "/info/$escaped", "", 200, kInfo},
        Exchange{"info of nobody", "GET", "/info/did:plc:nobody", "", 404, kNoRepo},
        Exchange{"info with a slash behind", "GET", "/info/$did/", "", 404, kNoRepo},
        Exchange{"info with more behind", "GET", "/info/$did/x", "", 404, kNoRepo},
        Exchange{"resolve", "GET", "/resolve/$did", "", 200, kDocument},
        Exchange{"resolve of an escaped DID", "GET", "/resolve/$escaped", "", 200, kDocument},
        Exchange{"resolve of no DID", "GET", "/resolve/bogus", "", 400, "{\"message\":\"improperly formatted DID\"}\n"},
        Exchange{"resolve of nobody", "GET", "/resolve/did:plc:aaaaaaaaaaaaaaaaaaaaaaaa", "", 404,
                 "{\"message\":\"DID not found\"}\n"},
        Exchange{"resolve of a tombstone", "GET", "/resolve/did:plc:bbbbbbbbbbbbbbbbbbbbbbbb", "", 404,
                 "{\"message\":\"DID not found\"}\n"},
        Exchange{"resolve while the directory is away", "GET", "/resolve/did:plc:cccccccccccccccccccccccc", "", 500,
                 "{\"message\":\"failed to resolve DID\"}\n"},
        Exchange{"repo count", "GET", "/stats/repo-count", "", 200, "{\"repo_count\":1}\n"},
        Exchange{"record count", "GET", "/stats/record-count", "", 200, "{\"record_count\":3}\n"},
        Exchange{"outbox buffer", "GET", "/stats/outbox-buffer", "", 200, "{\"outbox_buffer\":0}\n"},
        Exchange{"resync buffer", "GET", "/stats/resync-buffer", "", 200, "{\"resync_buffer\":0}\n"},
        Exchange{"cursors", "GET", "/stats/cursors", "", 200, "{\"firehose\":0,\"list_repos\":\"\"}\n"},
        Exchange{"dead letters", "GET", "/dead-letters", "", 200, "{\"dead_letters\":[]}\n"}),
    RowName());
INSTANTIATE_TEST_SUITE_P(
    Framework, Api,
    ::testing::Values(
        Exchange{"unknown path", "GET", "/nothing", "", 404, kNotFound},
        Exchange{"root", "GET", "/", "", 404, kNotFound},
        Exchange{"slash behind a path", "GET", "/health/", "", 404, kNotFound},
        Exchange{"info without a DID", "GET", "/info/", "", 404, kNotFound},
        Exchange{"resolve without a DID", "GET", "/resolve/", "", 404, kNotFound},
        Exchange{"pretty", "GET", "/health?pretty", "", 200, "{\n  \"status\": \"ok\"\n}\n"},
        Exchange{"pretty with any value", "GET", "/health?pretty=0", "", 200, "{\n  \"status\": \"ok\"\n}\n"},
        Exchange{"pretty error", "GET", "/nothing?pretty", "", 404, "{\n  \"message\": \"Not Found\"\n}\n"},
        Exchange{"absolute target", "GET", "http://tap/health", "", 200, "{\"status\":\"ok\"}\n"},
        Exchange{"wrong method of a GET", "POST", "/health", "", 405, kNotAllowed, "OPTIONS, GET"},
        Exchange{"wrong method of a POST", "GET", "/repos/add", "", 405, kNotAllowed, "OPTIONS, POST"},
        Exchange{"wrong method of the channel", "PUT", "/channel", "", 405, kNotAllowed, "OPTIONS, GET"},
        Exchange{"wrong method of info", "DELETE", "/info/$did", "", 405, kNotAllowed, "OPTIONS, GET"},
        Exchange{"HEAD", "HEAD", "/health", "", 405, "", "OPTIONS, GET"},
        Exchange{"OPTIONS of a GET", "OPTIONS", "/health", "", 204, "", "OPTIONS, GET"},
        Exchange{"OPTIONS of a POST", "OPTIONS", "/repos/add", "", 204, "", "OPTIONS, POST"},
        Exchange{"OPTIONS of nothing", "OPTIONS", "/nothing", "", 404, kNotFound}),
    RowName());
INSTANTIATE_TEST_SUITE_P(
    Body, Api,
    ::testing::Values(
        Exchange{"remove of nobody", "POST", "/repos/remove", R"({"dids":["did:plc:nobody"]})", 200, ""},
        Exchange{"remove without DIDs", "POST", "/repos/remove", R"({"dids":[]})", 200, ""},
        Exchange{"remove of nothing at all", "POST", "/repos/remove", "", 200, ""},
        Exchange{"add of an empty list", "POST", "/repos/add", R"({"dids":[]})", 400,
                 "{\"message\":\"no DIDs given\"}\n"},
        Exchange{"add of nothing at all", "POST", "/repos/add", "", 400, "{\"message\":\"no DIDs given\"}\n"},
        Exchange{"add of no DID", "POST", "/repos/add", R"({"dids":["did:plc:new","bogus"]})", 400,
                 "{\"message\":\"invalid DID: bogus\"}\n"},
        Exchange{"add of null", "POST", "/repos/add", R"({"dids":[null]})", 400, "{\"message\":\"invalid DID: \"}\n"},
        Exchange{"add of an empty text", "POST", "/repos/add", R"({"dids":[""]})", 400,
                 "{\"message\":\"invalid DID: \"}\n"},
        Exchange{"truncated JSON", "POST", "/repos/add", R"({"dids":)", 400, "{\"message\":\"unexpected EOF\"}\n"},
        Exchange{"bad JSON", "POST", "/repos/add", "{]", 400,
                 "{\"message\":\"Syntax error: offset=2, error=invalid character ']' looking for beginning of object "
                 "key string\"}\n"},
        Exchange{"wrong type", "POST", "/repos/add", R"({"dids":"x"})", 400,
                 "{\"message\":\"Unmarshal type error: expected=[]string, got=string, field=dids, offset=11\"}\n"},
        Exchange{"unknown field", "POST", "/repos/remove", R"({"x":{},"dids":[]})", 200, ""},
        Exchange{"key in another case", "POST", "/repos/remove", R"({"DIDS":["bogus"]})", 400,
                 "{\"message\":\"invalid DID: bogus\"}\n"},
        Exchange{"data behind the value", "POST", "/repos/remove", R"({"dids":[]} and more)", 200, ""},
        Exchange{"replay of nothing", "POST", "/dead-letters/replay", R"({"all":true})", 200, "{\"replayed\":0}\n"},
        Exchange{"drop of nothing", "POST", "/dead-letters/drop", R"({"all":true})", 200, "{\"dropped\":0}\n"}),
    RowName());

class Repos : public TapTest {
 protected:
  [[nodiscard]] int post(const std::string& target, const std::string& body) const {
    return http_call(port(), {.method = "POST", .target = target, .body = body}).status;
  }
};
TEST_F(Repos, AddFollowsOnceAndRemoveForgets) {
  start();
  const std::string body = R"({"dids":["did:web:a.invalid","did:web:b.invalid","did:web:a.invalid"]})";
  EXPECT_EQ(post("/repos/add", body), 200);
  EXPECT_EQ(post("/repos/add", body), 200);
  EXPECT_EQ(get("/stats/repo-count").at("repo_count"), 2);
  EXPECT_EQ(post("/repos/remove", R"({"dids":["did:web:a.invalid"]})"), 200);
  EXPECT_EQ(get("/stats/repo-count").at("repo_count"), 1);
  EXPECT_EQ(http_call(port(), {.target = "/info/did:web:a.invalid"}).status, 404);
}
TEST_F(Repos, AddTakesAnyNumber) {
  start({"--outbox-only"});
  std::string body = "{\"dids\":[";
  for (int i = 0; i < 5'000; ++i) body += (i == 0 ? "\"did:plc:n" : ",\"did:plc:n") + std::to_string(i) + "\"";
  EXPECT_EQ(post("/repos/add", body + "]}"), 200);
  EXPECT_EQ(get("/stats/repo-count").at("repo_count"), 5'000);
}
TEST_F(Repos, ListReposCursorIsText) {
  relay_.set_page_size(1);
  relay_.set_repos({{.did = "did:web:a.invalid"}, {.did = "did:web:b.invalid"}});
  start({"--full-network"});
  wait_for("the list", [&] { return get("/stats/repo-count").at("repo_count") == 2; });
  EXPECT_TRUE(get("/stats/cursors").at("list_repos").is_string());
}

/// What cannot be read is a 500 with the words of the endpoint. The numbers of repos, records and events are in memory,
/// so those endpoints have nothing to fail at.
class Database : public TapTest {
 protected:
  void SetUp() override {
    start({"--outbox-only"});
    track({"did:web:a.invalid"});
  }
  /// Takes a table away beneath the running program.
  void drop(const std::string& table) const {
    sqlite3* opened = nullptr;
    const int status = sqlite3_open(database().c_str(), &opened);
    const std::unique_ptr<sqlite3, decltype(&sqlite3_close)> handle(opened, &sqlite3_close);
    sqlite3_busy_timeout(opened, 10'000);
    const std::string sql = "DROP TABLE " + table;
    if (status != SQLITE_OK || sqlite3_exec(opened, sql.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK) {
      throw std::runtime_error(sqlite3_errmsg(opened));
    }
  }
  void expect_500(const std::string& target, const std::string& message) const {
    const auto answer = http_call(port(), {.target = target});
    EXPECT_EQ(answer.status, 500);
    EXPECT_EQ(answer.body, "{\"message\":\"" + message + "\"}\n");
  }
};
TEST_F(Database, FailureOfInfoIs500) {
  drop("repos");
  expect_500("/info/did:web:a.invalid", "failed to get repo");
}
TEST_F(Database, FailureOfTheResyncBufferIs500) {
  drop("resync_buffer");
  expect_500("/stats/resync-buffer", "failed to get resync buffer size");
}
TEST_F(Database, FailureOfTheCursorsIs500) {
  drop("cursors");
  expect_500("/stats/cursors", "failed to get list repos cursor");
}
TEST_F(Database, FailureOfAnAddIs500) {
  drop("repos");
  const auto answer =
      http_call(port(), {.method = "POST", .target = "/repos/add", .body = R"({"dids":["did:web:b.invalid"]})"});
  EXPECT_EQ(answer.status, 500);
  EXPECT_EQ(answer.body, "{\"message\":\"Internal Server Error\"}\n");
}

class Password : public TapTest, public ::testing::WithParamInterface<std::string> {};
TEST_P(Password, IsAskedForByteForByte) {
  start({"--admin-password", "secret"});
  for (const std::string& headers :
       {std::string(), basic_authorization("admin", "wrong"), basic_authorization("root", "secret"),
        std::string("Authorization: Bearer x\r\n")}) {
    const auto answer = http_call(port(), {.target = GetParam(), .headers = headers});
    EXPECT_EQ(answer.status, 401);
    EXPECT_EQ(answer.body,
              "{\"error\":\"Unauthorized\",\"message\":\"atproto admin auth required, but missing or incorrect "
              "password\"}\n");
    EXPECT_EQ(RawHttp::header(answer, "Www-Authenticate"), "Basic realm=\"admin\", charset=\"UTF-8\"");
    EXPECT_EQ(RawHttp::header(answer, "Content-Type"), "application/json");
  }
  EXPECT_EQ(http_call(port(), {.method = "OPTIONS", .target = GetParam()}).status, 401);
  EXPECT_NE(http_call(port(), {.target = GetParam(), .headers = basic_authorization("admin", "secret")}).status, 401);
}
INSTANTIATE_TEST_SUITE_P(On, Password,
                         ::testing::Values("/health", "/channel", "/repos/add", "/repos/remove", "/resolve/did:plc:x",
                                           "/info/did:plc:x", "/stats/repo-count", "/stats/record-count",
                                           "/stats/outbox-buffer", "/stats/resync-buffer", "/stats/cursors",
                                           "/dead-letters", "/nothing"),
                         [](const auto& info) { return name_of_row(info.param); });

TEST(Endpoints, AreAllThoseOfTheProtocol) {
  TAP_SHARED_OR_SKIP(protocol, "spec/protocol.md");
  const auto documented = documented_rows(protocol, "11.1");
  ASSERT_GT(documented.size(), 10U);
  const std::vector<std::string> rows = {"GET /health",
                                         "GET /channel",
                                         "POST /repos/add",
                                         "POST /repos/remove",
                                         "GET /resolve/:did",
                                         "GET /info/:did",
                                         "GET /stats/repo-count",
                                         "GET /stats/record-count",
                                         "GET /stats/outbox-buffer",
                                         "GET /stats/resync-buffer",
                                         "GET /stats/cursors"};
  for (const std::string& row : documented) {
    if (row != "request") EXPECT_THAT(rows, ::testing::Contains(row));
  }
}

}  // namespace
}  // namespace tap::test

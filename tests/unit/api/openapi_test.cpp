// SPDX-License-Identifier: MIT
// docs/openapi.yaml against the server: endpoints, statuses, and the bodies of its examples.
#include "api/router.hpp"
#include "api_fixture.hpp"
#include "deliver/handshake.hpp"

#include <fstream>
#include <set>
#include <tuple>

namespace tap::api {
namespace {

using ::testing::UnorderedElementsAreArray;

constexpr const char* kDid = "did:plc:ewvi7nxzyoun6zhxrhs64oiz";

using Endpoint = std::pair<std::string, std::string>;           // method, path
using Answer = std::tuple<std::string, std::string, unsigned>;  // method, path, status

/// What the document says. It is read line by line, by its indentation: no YAML but of the shape it has.
struct Document {
  std::set<Endpoint> endpoints;
  std::map<Answer, std::set<std::string>> answers;  // to their examples; {""} for a body that is empty
};

class DocumentReader {
 public:
  static Document read(const std::string& path) {
    DocumentReader reader;
    // Components stand at the end, and are referred to before.
    for (const bool components : {true, false}) {
      std::ifstream file(path);
      std::string section;
      for (std::string line; std::getline(file, line);) {
        const std::size_t indent = line.find_first_not_of(' ');
        if (indent == std::string::npos) continue;
        if (indent == 0) section = line;
        const std::string text = line.substr(indent);
        if (components && section == "components:") reader.take_component(indent, text);
        if (!components && section == "paths:") reader.take_path(indent, text);
      }
    }
    for (auto& [answer, examples] : reader.document_.answers) {
      if (examples.empty()) examples.insert("");
    }
    return std::move(reader.document_);
  }

 private:
  static std::string name_of(std::string text) {
    text.pop_back();  // the colon
    std::erase(text, '\'');
    return text;
  }
  static void take_example(std::set<std::string>& examples, const std::string& text) {
    for (const std::string_view key : {"example: ", "value: "}) {
      if (text.starts_with(key)) examples.insert(text.substr(key.size()) + "\n");
    }
  }

  void take_component(std::size_t indent, const std::string& text) {
    if (indent == 2) group_ = text;
    if (group_ != "responses:") return;
    if (indent == 4) component_ = name_of(text);
    if (indent > 4) take_example(components_[component_], text);
  }

  void take_path(std::size_t indent, const std::string& text) {
    if (indent == 2) path_ = name_of(text);
    if (indent == 4) {
      method_ = name_of(text);
      for (char& c : method_) c = static_cast<char>(c & ~0x20);
      document_.endpoints.emplace(method_, path_);
    }
    if (indent == 6) in_responses_ = text == "responses:";
    if (!in_responses_) return;
    if (indent == 8) {
      answer_ = {method_, path_, static_cast<unsigned>(std::stoul(name_of(text)))};
      document_.answers[answer_];
    }
    if (indent <= 8) return;
    constexpr std::string_view kReference = "$ref: '#/components/responses/";
    if (text.starts_with(kReference)) {
      document_.answers[answer_] = components_.at(text.substr(kReference.size(), text.size() - kReference.size() - 1));
    } else {
      take_example(document_.answers[answer_], text);
    }
  }

  Document document_;
  std::map<std::string, std::set<std::string>> components_;
  std::string group_, component_, path_, method_;
  bool in_responses_ = false;
  Answer answer_;
};

class OpenApi : public ApiTest {
 protected:
  /// Asks, and notes the answer under the documented path.
  void note(const std::string& method, const std::string& path, const std::string& target, const std::string& body = "",
            const std::string& headers = "") {
    const Reply reply = ask(method, target, body, headers);
    seen[{method, path, reply.status}].insert(reply.body);
  }
  void note(const std::string& method, const std::string& path) { note(method, path, path); }

  void note_channel(const std::string& method, const std::string& handshake) {
    const Reply reply = parse(handshake);
    seen[{method, "/channel", reply.status}].insert(reply.body);
  }

  /// An answer with the database in trouble.
  void note_failing(std::size_t& failures, const std::string& method, const std::string& path,
                    const std::string& target, const std::string& body = "") {
    failures = 1;
    note(method, path, target, body);
    failures = 0;
  }

  void set_aside() {
    auto draft = outbox::render(
        outbox::IdentityEvent{.did = kDid, .handle = "alice.example.com", .status = "active", .is_active = true});
    store::Write write;
    write.mutations.emplace_back(
        store::SetAside{{.event = {outbox::EventId{2}, draft.lane, draft.order, std::move(draft.body)},
                         .did = kDid,
                         .attempts = 3,
                         .since = 1'780'000'000,
                         .reason = "not acked"}});
    database.apply(std::move(write));
  }

  void ask_about_repos();
  void ask_about_state();
  void ask_about_dead_letters();
  void ask_for_the_channel();

  std::map<Answer, std::set<std::string>> seen;
  const Document document = DocumentReader::read(TAP_SOURCE_DIR "/docs/openapi.yaml");
};

void OpenApi::ask_about_repos() {
  const std::string dids = std::string(R"({"dids":[")") + kDid + R"("]})";
  for (const std::string path : {"/repos/add", "/repos/remove"}) {
    note_failing(writer.failures, "POST", path, path, dids);
    note("POST", path, path, dids);
    note("POST", path, path, R"({"dids":["bogus"]})");
    note("POST", path, path, dids, "Content-Type: text/plain\r\n");
  }
  for (const char* body : {"{}", R"({"dids":)", R"({"dids":"x"})"}) note("POST", "/repos/add", "/repos/add", body);

  const repos::Head head{.rev = atproto::Tid::parse("3kb3fge5lm32x").value(), .data = {}, .records = 42};
  track(kDid, {.state = repos::State::active, .account = {}, .head = head},
        {.handle = "alice.example.com", .error = "", .retries = 0, .retry_after = 0});
  note("GET", "/info/{did}", std::string("/info/") + kDid);
  note("GET", "/info/{did}", "/info/did:plc:unknown");
  note_failing(reader.failures, "GET", "/info/{did}", std::string("/info/") + kDid);

  const auto identity = identity::parse_document(atproto::Did::parse(kDid).value(), R"({
    "id": "did:plc:ewvi7nxzyoun6zhxrhs64oiz", "alsoKnownAs": ["at://alice.example.com"], "service": [
      {"id": "#atproto_pds", "type": "AtprotoPersonalDataServer", "serviceEndpoint": "https://pds.example"}]})");
  ASSERT_TRUE(identity);
  directory.identities[kDid] = std::make_shared<identity::Identity>(*identity);
  note("GET", "/resolve/{did}", std::string("/resolve/") + kDid);
  note("GET", "/resolve/{did}", "/resolve/bogus");
  note("GET", "/resolve/{did}", "/resolve/did:plc:unknown");
  directory.failure = identity::Errc::unavailable;
  note("GET", "/resolve/{did}", "/resolve/did:plc:unknown");
}

void OpenApi::ask_about_state() {
  seq = 123'456'789;
  for (const std::string path : {"/health", "/stats/repo-count", "/stats/record-count", "/stats/outbox-buffer",
                                 "/stats/resync-buffer", "/stats/cursors"}) {
    note("GET", path);
  }
  for (const std::string path : {"/stats/resync-buffer", "/stats/cursors"}) {
    note_failing(reader.failures, "GET", path, path);
  }
}

void OpenApi::ask_about_dead_letters() {
  const std::string list = "/dead-letters";
  note("GET", list);
  for (const char* query : {"?limit=0", "?cursor=x"}) note("GET", list, list + query);
  note_failing(reader.failures, "GET", list, list);
  set_aside();
  note("GET", list);
  for (const std::string path : {"/dead-letters/replay", "/dead-letters/drop"}) {
    for (const char* body : {"{}", R"({"ids":["2"]})"}) note("POST", path, path, body);
    note("POST", path, path, R"({"all":true})", "Content-Type: text/plain\r\n");
    note_failing(writer.failures, "POST", path, path, R"({"ids":[2]})");
    note("POST", path, path, R"({"ids":[2]})");
    set_aside();
  }
}

/// The handshake is the channel's: what it says of the bytes that the API hands over.
void OpenApi::ask_for_the_channel() {
  const std::string headers =
      "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
      "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
  for (const std::string& extra : {headers, std::string(), headers + "Origin: http://evil.example\r\n"}) {
    auto client = dial();
    client->send(request("GET", "/channel", "", extra));
    loop.run_until([&] { return !hub.upgrades.empty(); });
    note_channel("GET", deliver::shake_hands(hub.upgrades.back().received).response);
    hub.upgrades.clear();
  }
  note_channel("GET", deliver::refusal("503 Service Unavailable", "too many consumers"));
  begin({.webhook_mode = true});
  note("GET", "/channel");
}

TEST(OpenApiDocument, EveryReferenceLeadsSomewhereAndEveryComponentIsReferredTo) {
  std::ifstream file(TAP_SOURCE_DIR "/docs/openapi.yaml");
  std::set<std::string> components;
  std::set<std::string> references;
  std::string section, group;
  for (std::string line; std::getline(file, line);) {
    const std::size_t indent = line.find_first_not_of(' ');
    if (indent == std::string::npos) continue;
    const std::string text = line.substr(indent);
    if (indent == 0) section = text;
    if (section == "components:" && indent == 2) group = text.substr(0, text.size() - 1);
    if (section == "components:" && indent == 4 && group != "securitySchemes") {
      components.insert(group + "/" + text.substr(0, text.size() - 1));
    }
    const std::string begin = "#/components/";
    if (const std::size_t at = text.find(begin); at != std::string::npos) {
      references.insert(text.substr(at + begin.size(), text.find_first_of("'`", at) - at - begin.size()));
    }
  }
  EXPECT_GT(components.size(), 10U);
  EXPECT_EQ(references, components);
}

TEST_F(OpenApi, NamesTheRoutersEndpointsAndNoOthers) {
  std::set<Endpoint> routes;
  for (const auto& [path, method] : Router::endpoints()) {
    routes.emplace(method, std::string(path) + (path.ends_with('/') ? "{did}" : ""));
  }
  EXPECT_THAT(document.endpoints, UnorderedElementsAreArray(routes));
}

TEST_F(OpenApi, ItsStatusesAndExamplesAreWhatTheServerAnswers) {
  ask_about_repos();
  ask_about_state();
  ask_about_dead_letters();
  ask_for_the_channel();
  begin({.admin_password = "secret"});
  for (const auto& [method, path] : document.endpoints) note(method, path);

  for (const auto& [answer, bodies] : seen) {
    const auto& [method, path, status] = answer;
    const std::string what = method + " " + path + " " + std::to_string(status);
    if (!document.answers.contains(answer)) {
      ADD_FAILURE() << what << " is not documented";
      continue;
    }
    EXPECT_THAT(bodies, UnorderedElementsAreArray(document.answers.at(answer))) << what;
  }
  for (const auto& [answer, examples] : document.answers) {
    const auto& [method, path, status] = answer;
    EXPECT_TRUE(seen.contains(answer)) << method << ' ' << path << ' ' << status << " is documented, but never seen";
  }
}

}  // namespace
}  // namespace tap::api

// SPDX-License-Identifier: MIT
// The servers that other tests rely on, seen through the real clients.
#include "tap/net/http_client.hpp"
#include "tap/net/resolver.hpp"
#include "tap/net/ws_client.hpp"

#include "support/loop.hpp"
#include "support/net/pds_and_plc_servers.hpp"
#include "support/net/relay_server.hpp"
#include "support/net/ws_wire.hpp"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace tap::test {
namespace {

using namespace std::chrono_literals;

class Servers : public testing::Test {
 protected:
  std::string get(const std::string& url) {
    const auto response = loop_.run(http_->send({.url = *net::Url::parse(url), .max_body = 64 << 20}));
    return response ? std::to_string(response->status) + " " + response->body : response.error().message();
  }
  std::unique_ptr<net::WsStream> subscribe(RelayServer& relay, const std::string& query = {}) {
    const std::string url = relay.url() + "/xrpc/com.atproto.sync.subscribeRepos" + query;
    auto stream = loop_.run(ws_->connect(*net::Url::parse(url), {}, nullptr));
    if (!stream) throw std::runtime_error(stream.error().message());
    return std::move(*stream);
  }
  std::string read(net::WsStream& stream) {
    const auto message = loop_.run(stream.read());
    return message ? std::string(as_text(*message)) : message.error().message();
  }

  Loop loop_;
  std::unique_ptr<net::Resolver> resolver_ = net::make_resolver(loop_.executor());
  std::unique_ptr<net::HttpClient> http_ = net::make_http_client(*resolver_, {.allow_private_hosts = true});
  std::unique_ptr<net::WsConnector> ws_ = net::make_ws_connector(*resolver_, {});
};

TEST_F(Servers, TheRelayReplaysFromTheCursorAndGoesOnLive) {
  RelayServer relay;
  relay.push_all({{1, {'a'}}, {5, {'b'}}, {9, {'c'}}});
  const auto from_five = subscribe(relay, "?cursor=5");
  const auto live = subscribe(relay);
  ASSERT_TRUE(relay.wait_for_subscribers(2));
  relay.push(10, as_bytes("d"));
  EXPECT_EQ(read(*from_five), "c");
  EXPECT_EQ(read(*from_five), "d");
  EXPECT_EQ(read(*live), "d");
  EXPECT_EQ(relay.cursors(), (std::vector<std::optional<std::int64_t>>{5, std::nullopt}));
}

TEST_F(Servers, TheRelayRefusesFutureCursorsAndTellsOfOutdatedOnes) {
  RelayServer relay;
  relay.push_all({{1, {'a'}}, {5, {'b'}}});
  relay.forget(1);
  const auto future = subscribe(relay, "?cursor=6");
  EXPECT_EQ(read(*future).substr(0, 6), "\xa1\x62op\x20\xa2");
  EXPECT_EQ(read(*future), "the peer closed the connection: 1008 FutureCursor");
  const auto outdated = subscribe(relay, "?cursor=0");
  EXPECT_NE(read(*outdated).find("OutdatedCursor"), std::string::npos);
  EXPECT_EQ(read(*outdated), "b");
}

TEST_F(Servers, TheRelaySendsBulk) {
  RelayServer relay;
  relay.serve_bulk(std::make_shared<std::string>(server_frame(2, as_bytes("x")) + server_frame(2, as_bytes("y"))), 2);
  const auto stream = subscribe(relay, "?cursor=1000");
  std::string all;
  for (int i = 0; i < 4; ++i) all += read(*stream);
  EXPECT_EQ(all, "xyxy");
}

TEST_F(Servers, TheRelayListsInPages) {
  RelayServer relay;
  relay.set_repos({{.did = "did:plc:a", .collections = {"app.x"}},
                   {.did = "did:plc:b", .active = false, .status = "takendown"},
                   {.did = "did:plc:c"}});
  relay.set_page_size(2);
  const std::string list = relay.url() + "/xrpc/com.atproto.sync.listRepos";
  const auto first = nlohmann::json::parse(get(list).substr(4));
  EXPECT_EQ(first["repos"].size(), 2u);
  EXPECT_EQ(first["repos"][1]["status"], "takendown");
  const auto second = nlohmann::json::parse(get(list + "?cursor=" + first["cursor"].get<std::string>()).substr(4));
  EXPECT_EQ(second["repos"][0]["did"], "did:plc:c");
  EXPECT_FALSE(second.contains("cursor"));
  EXPECT_EQ(get(relay.url() + "/xrpc/com.atproto.sync.listReposByCollection?collection=app.x&cursor=0"),
            R"(200 {"cursor":"2","repos":[{"did":"did:plc:a"}]})");
  relay.refuse_listing({.status = 502});
  EXPECT_EQ(get(list), "502 ");
  EXPECT_EQ(relay.listings(), 4u);
}

TEST_F(Servers, ThePdsServesReposHandlesAndFaults) {
  PdsServer pds;
  const std::string repo = pds.url() + "/xrpc/com.atproto.sync.getRepo?did=";
  pds.set_repo("did:plc:a", as_bytes("CAR a"));
  pds.set_repo("did:plc:z", as_bytes(std::string(1 << 20, 'z')), true);
  pds.set_repo_source("did:plc:big", [] {
    return [left = 3]() mutable { return left-- > 0 ? std::string(1000, 'g') : std::string(); };
  });
  pds.answer("did:plc:a", {.status = 429, .headers = {{"Retry-After", "3"}}}, 2);
  pds.set_well_known(net::Url::parse(pds.url())->authority(), "did:plc:a\n");
  EXPECT_EQ(get(repo + "did:plc:a"), "429 ");
  EXPECT_EQ(get(repo + "did:plc:a"), "429 ");
  EXPECT_EQ(get(repo + "did:plc:a"), "200 CAR a");
  EXPECT_EQ(get(repo + "did:plc:z"), "200 " + std::string(1 << 20, 'z'));
  for (int i = 0; i < 2; ++i) EXPECT_EQ(get(repo + "did:plc:big"), "200 " + std::string(3000, 'g'));
  EXPECT_EQ(get(repo + "did:plc:none").substr(0, 26), R"(400 {"error":"RepoNotFound)");
  EXPECT_EQ(get(pds.url() + "/.well-known/atproto-did"), "200 did:plc:a\n");
  pds.answer_any(xrpc_error(503, "Busy"));
  EXPECT_EQ(get(repo + "did:plc:a").substr(0, 3), "503");
  EXPECT_EQ(pds.requests("did:plc:a"), 4u);
}

TEST_F(Servers, ThePlcServesDocumentsAndOutages) {
  PlcServer plc;
  plc.set_document("did:plc:a", R"({"id":"did:plc:a"})");
  EXPECT_EQ(get(plc.url() + "/did:plc:a"), R"(200 {"id":"did:plc:a"})");
  EXPECT_EQ(get(plc.url() + "/did:plc:b").substr(0, 3), "404");
  plc.answer_all(Reply{.status = 503});
  EXPECT_EQ(get(plc.url() + "/did:plc:a"), "503 ");
  plc.answer_all(std::nullopt);
  plc.answer("did:plc:a", {.status = 410});
  EXPECT_EQ(get(plc.url() + "/did:plc:a"), "410 ");
  EXPECT_EQ(plc.requests("did:plc:a"), 3u);
}

}  // namespace
}  // namespace tap::test

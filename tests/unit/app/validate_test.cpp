// SPDX-License-Identifier: MIT
#include "tap/app/config.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tap::app {
namespace {

using namespace std::chrono_literals;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

Config changed(const std::function<void(Config&)>& change) {
  Config config;
  change(config);
  return config;
}

TEST(Validate, TheDefaultsAreValid) { EXPECT_THAT(validate(Config{}), IsEmpty()); }

TEST(Validate, UrlsNeedASchemeThatFits) {
  for (const char* url : {"", "relay.example", "ftp://relay.example", "https"}) {
    EXPECT_THAT(validate(changed([&](Config& c) { c.relay_url = url; })),
                HasSubstr("relay-url must start with http:// or https://"))
        << url;
    EXPECT_THAT(validate(changed([&](Config& c) { c.plc_url = url; })),
                HasSubstr("plc-url must start with http:// or https://"))
        << url;
  }
  for (const char* url : {"http://relay", "https://relay/", "ws://relay:80", "wss://relay"}) {
    EXPECT_THAT(validate(changed([&](Config& c) { c.relay_url = url; })), IsEmpty()) << url;
  }
  EXPECT_NE(validate(changed([](Config& c) { c.plc_url = "wss://plc"; })), "");
}

TEST(Validate, UrlsNeedAHost) {
  for (const char* url : {"https://", "https://a b", "http://x:99999/", "https://user:secret@"}) {
    const auto error = validate(changed([&](Config& c) { c.webhook_url = url; }));
    EXPECT_THAT(error, HasSubstr("webhook-url cannot be read: behind :// comes a host")) << url;
    EXPECT_THAT(error, Not(HasSubstr("secret")));
    EXPECT_THAT(validate(changed([&](Config& c) { c.relay_url = url; })), HasSubstr("relay-url cannot be read")) << url;
  }
}

TEST(Validate, WebhookUrlIsOfTheWebOrAbsent) {
  for (const char* url : {"hook.example", "ftp://hook.example", "ws://hook.example", "https://", "http://a b"}) {
    EXPECT_THAT(validate(changed([&](Config& c) { c.webhook_url = url; })),
                AllOf(HasSubstr("--webhook-url"), HasSubstr("TAP_WEBHOOK_URL")))
        << url;
  }
  for (const char* url : {"", "http://127.0.0.1:8000/hook?a=b", "https://user:password@hook.example"}) {
    EXPECT_THAT(validate(changed([&](Config& c) { c.webhook_url = url; })), IsEmpty()) << url;
  }
}

TEST(Validate, DatabaseUrlsNeedAKnownSchemeOrAreAPath) {
  for (const char* url : {"", "mysql://x", "http://x"}) {
    EXPECT_THAT(validate(changed([&](Config& c) { c.db_url = url; })), HasSubstr("unsupported database URL scheme"))
        << url;
  }
  for (const char* url : {"sqlite://tap.db", "sqlite:///var/tap.db", "tap.db", "postgres://h/d",
                          "postgresql://u:p@h:5432/d?sslmode=require"}) {
    EXPECT_THAT(validate(changed([&](Config& c) { c.db_url = url; })), IsEmpty()) << url;
  }
}

TEST(Validate, NumbersOutOfRangeAreRefusedByName) {
  EXPECT_THAT(validate(changed([](Config& c) { c.outbox_capacity = -1; })),
              AllOf(HasSubstr("--outbox-capacity"), HasSubstr("TAP_OUTBOX_CAPACITY"), HasSubstr("-1")));
  EXPECT_THAT(validate(changed([](Config& c) { c.outbox_parallelism = -1; })), HasSubstr("TAP_OUTBOX_PARALLELISM"));
  EXPECT_THAT(validate(changed([](Config& c) { c.resync_parallelism = 0; })), HasSubstr("TAP_RESYNC_PARALLELISM"));
  EXPECT_THAT(validate(changed([](Config& c) { c.retry_timeout = 0s; })), HasSubstr("TAP_RETRY_TIMEOUT"));
  EXPECT_THAT(validate(changed([](Config& c) { c.retry_timeout = -1s; })), HasSubstr("must be at least 1ms"));
  EXPECT_THAT(validate(changed([](Config& c) { c.repo_fetch_timeout = -1s; })), HasSubstr("TAP_REPO_FETCH_TIMEOUT"));
  EXPECT_THAT(validate(changed([](Config& c) { c.repo_fetch_timeout = 0s; })), IsEmpty());
}

TEST(Validate, FiltersAreNsidsOrPrefixes) {
  for (const char* filter : {"app.bsky.feed.post", "app.bsky.*", "app.bsky.feed.p*", "*"}) {
    EXPECT_THAT(validate(changed([&](Config& c) { c.collection_filters = {filter}; })), IsEmpty()) << filter;
  }
  for (const char* filter : {"", " app.bsky.feed.post", "app", "app.bsky.feed.post/x", "a*b", "**"}) {
    EXPECT_THAT(validate(changed([&](Config& c) { c.collection_filters = {filter}; })),
                HasSubstr("TAP_COLLECTION_FILTERS"))
        << filter;
  }
}

TEST(Validate, SignalCollectionsArePatterns) {
  for (const char* pattern : {"app.bsky.feed.post", "app.bsky.*", "*"}) {
    EXPECT_THAT(validate(changed([&](Config& c) { c.signal_collection = {pattern}; })), IsEmpty()) << pattern;
  }
  for (const char* pattern : {"", "post", "app bsky.*", " app.bsky.feed.post"}) {
    EXPECT_THAT(validate(changed([&](Config& c) { c.signal_collection = {"a.b.c", pattern}; })),
                AllOf(HasSubstr("--signal-collection"), HasSubstr("TAP_SIGNAL_COLLECTION"), HasSubstr(pattern)))
        << pattern;
  }
}

TEST(Validate, AddressesAreHostAndPort) {
  for (const char* address : {":2480", "127.0.0.1:0", "localhost:80", "[::1]:2480", "[::]:1"}) {
    EXPECT_THAT(validate(changed([&](Config& c) { c.bind = address; })), IsEmpty()) << address;
  }
  for (const char* address :
       {"", "2480", "localhost", "localhost:", ":65536", ":http", "::1:80", "http://localhost:80"}) {
    EXPECT_THAT(validate(changed([&](Config& c) { c.bind = address; })),
                AllOf(HasSubstr("--bind"), HasSubstr("TAP_BIND")))
        << address;
  }
  EXPECT_THAT(validate(changed([](Config& c) { c.metrics_listen = "2481"; })), HasSubstr("TAP_METRICS_LISTEN"));
  EXPECT_THAT(validate(changed([](Config& c) { c.metrics_listen = "[::1]:2481"; })), HasSubstr("TAP_METRICS_LISTEN"));
  EXPECT_THAT(validate(changed([](Config& c) { c.metrics_listen = ""; })), IsEmpty()) << "off";
}

TEST(Validate, MetricsHaveAnAddressOfTheirOwn) {
  const auto both = [](const char* address) {
    return validate(changed([&](Config& c) { c.bind = c.metrics_listen = address; }));
  };
  EXPECT_THAT(both(":2480"), AllOf(HasSubstr("TAP_METRICS_LISTEN"), HasSubstr("TAP_BIND")));
  EXPECT_THAT(both("127.0.0.1:0"), IsEmpty()) << "any free port, and another one";
}

TEST(Validate, TemporaryFolderIsThere) {
  EXPECT_THAT(validate(changed([](Config& c) { c.temp_dir = "/nowhere/at/all"; })),
              AllOf(HasSubstr("--temp-dir"), HasSubstr("TAP_TEMP_DIR"), HasSubstr("/nowhere/at/all")));
  EXPECT_THAT(validate(changed([](Config& c) { c.temp_dir = testing::TempDir(); })), IsEmpty());
}

TEST(Validate, TheWholeNetworkIsNotFollowedWithoutReplay) {
  const auto error = validate(changed([](Config& c) { c.no_replay = c.full_network = true; }));
  EXPECT_THAT(error, HasSubstr("--no-replay cannot be used with --full-network"));
}

TEST(Validate, WhatHasNoEffectIsNamedButTaken) {
  const auto said = [](const std::function<void(Config&)>& change) {
    EXPECT_THAT(validate(changed(change)), IsEmpty());
    return without_effect(changed(change));
  };
  EXPECT_THAT(without_effect(Config{}), IsEmpty());
  EXPECT_THAT(said([](Config& c) {
                c.webhook_url = "http://hook";
                c.max_attempts = 3;
              }),
              IsEmpty());
  EXPECT_THAT(said([](Config& c) {
                c.webhook_url = "http://hook";
                c.disable_acks = true;
                c.max_attempts = 3;
              }),
              ElementsAre(HasSubstr("disable-acks (--disable-acks, TAP_DISABLE_ACKS) has no effect")));
  EXPECT_THAT(said([](Config& c) {
                c.disable_acks = true;
                c.max_attempts = 3;
              }),
              ElementsAre(HasSubstr("TAP_MAX_ATTEMPTS")));
  EXPECT_THAT(said([](Config& c) { c.outbox_only = c.full_network = true; }),
              ElementsAre(AllOf(HasSubstr("TAP_FULL_NETWORK"), HasSubstr("--outbox-only"))));
  EXPECT_THAT(said([](Config& c) {
                c.outbox_only = c.no_replay = true;
                c.signal_collection = {"a.b.c"};
              }),
              ElementsAre(HasSubstr("TAP_SIGNAL_COLLECTION"), HasSubstr("TAP_NO_REPLAY")));
}

TEST(PrivateHosts, AreImpliedByARelayOrADirectoryOnThisMachine) {
  EXPECT_THAT(implies_private_hosts(Config{}), IsEmpty());
  for (const char* host : {"localhost:1234", "127.0.0.1", "127.8.0.1:80", "[::1]:80"}) {
    const std::string url = std::string("http://") + host;
    EXPECT_EQ(implies_private_hosts(changed([&](Config& c) { c.relay_url = url; })), "relay-url") << host;
    EXPECT_EQ(implies_private_hosts(changed([&](Config& c) { c.plc_url = url; })), "plc-url") << host;
  }
  for (const char* host : {"localhost.example", "10.0.0.1", "0.0.0.0", "[fe80::1]"}) {
    const std::string url = std::string("http://") + host;
    EXPECT_THAT(implies_private_hosts(changed([&](Config& c) { c.relay_url = url; })), IsEmpty()) << host;
  }
}

}  // namespace
}  // namespace tap::app

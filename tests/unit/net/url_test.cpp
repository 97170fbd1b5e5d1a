// SPDX-License-Identifier: MIT
#include "tap/net/url.hpp"

#include "tap/net/error.hpp"

#include <gtest/gtest.h>

#include <string>

namespace tap::net {
namespace {

TEST(Url, ReadsEveryPart) {
  struct Case {
    std::string text, scheme, host, target, userinfo, origin;
    int port;
  };
  const Case cases[] = {
      {"https://Pds.Example.COM", "https", "pds.example.com", "/", "", "https://pds.example.com", 443},
      {"http://h:8080/a/b?c=d#e", "http", "h", "/a/b?c=d", "", "http://h:8080", 8080},
      {"http://h:80/", "http", "h", "/", "", "http://h", 80},
      {"https://h?x=/y", "https", "h", "/?x=/y", "", "https://h", 443},
      {"https://h#fragment", "https", "h", "/", "", "https://h", 443},
      {"ws://h", "ws", "h", "/", "", "ws://h", 80},
      {"WSS://h:444", "wss", "h", "/", "", "wss://h:444", 444},
      {"http://[2001:DB8::1]:81/x", "http", "2001:db8::1", "/x", "", "http://[2001:db8::1]:81", 81},
      {"http://[::1]", "http", "::1", "/", "", "http://[::1]", 80},
      {"https://u:p%40ss@h/", "https", "h", "/", "u:p@ss", "https://h", 443},
      {"https://a@b@h/", "https", "h", "/", "a@b", "https://h", 443},
      {"http://h:/", "http", "h", "/", "", "http://h", 80},
  };
  for (const Case& c : cases) {
    const auto url = Url::parse(c.text);
    ASSERT_TRUE(url) << c.text;
    EXPECT_EQ(url->scheme, c.scheme) << c.text;
    EXPECT_EQ(url->host, c.host) << c.text;
    EXPECT_EQ(url->port, c.port) << c.text;
    EXPECT_EQ(url->target, c.target) << c.text;
    EXPECT_EQ(url->userinfo, c.userinfo) << c.text;
    EXPECT_EQ(url->origin(), c.origin) << c.text;
  }
}

TEST(Url, EndsAtEightKibibytes) {
  const std::string longest = "https://h/" + std::string(8'192 - 10, 'a');
  EXPECT_TRUE(Url::parse(longest));
  EXPECT_FALSE(Url::parse(longest + 'a'));
}

TEST(Url, RefusesWhatIsNone) {
  const std::string cases[] = {"",
                               "example.com",
                               "ftp://h",
                               "https://",
                               "https:///path",
                               "https://h:0",
                               "https://h:65536",
                               "https://h:80x",
                               "https://h:-1",
                               "https://[::1",
                               "https://[::1]x",
                               "https://[]",
                               "https://a b/",
                               "https://h/a b",
                               "https://h/\r\nHost: x",
                               "https://h\x7f/",
                               "https://h%41/",
                               "https://::1/",
                               "https://" + std::string(254, 'a'),
                               "https://h/" + std::string(9000, 'a')};
  for (const std::string& text : cases) {
    const auto url = Url::parse(text);
    ASSERT_FALSE(url) << text;
    EXPECT_EQ(url.error(), Errc::bad_url) << text;
  }
}

/// The examples of RFC 3986, 5.4, as far as servers send them.
TEST(Url, ResolvesLocations) {
  const auto base = Url::parse("http://a:81/b/c/d?q");
  ASSERT_TRUE(base);
  const std::pair<std::string, std::string> cases[] = {
      {"https://x/y", "https://x/y"},
      {"//g", "http://g/"},
      {"/g?y", "http://a:81/g?y"},
      {"g", "http://a:81/b/c/g"},
      {"?y", "http://a:81/b/c/d?y"},
      {"", "http://a:81/b/c/d?q"},
      {"#s", "http://a:81/b/c/d?q"},
      {"./g", "http://a:81/b/c/g"},
      {"../g", "http://a:81/b/g"},
      {"../..", "http://a:81/"},
      {"../../../g", "http://a:81/g"},
      {"/./g", "http://a:81/g"},
      {"/g?u=http://x/../y", "http://a:81/g?u=http://x/../y"},
  };
  for (const auto& [location, expected] : cases) {
    const auto url = base->resolve(location);
    ASSERT_TRUE(url) << location;
    EXPECT_EQ(url->origin() + url->target, expected) << location;
  }
}

TEST(Url, RefusesLocationsOfOtherSchemesAndWithLineBreaks) {
  const auto base = Url::parse("http://a/b");
  for (const std::string location : {"ftp://x/", "/a\r\nb", "http://", "//", "javascript:alert(1)"}) {
    EXPECT_FALSE(base->resolve(location)) << location;
  }
}

TEST(Url, WebSocketKeepsThePlaceAndItsPort) {
  EXPECT_EQ(Url::parse("http://h:81/x")->websocket().origin(), "ws://h:81");
  EXPECT_EQ(Url::parse("https://h")->websocket().origin(), "wss://h");
  EXPECT_EQ(Url::parse("wss://h")->websocket().origin(), "wss://h");
}

TEST(Url, QueryTextIsEncodedAndADidStaysReadable) {
  EXPECT_EQ(encode_query("did:web:a.b-c_d~e"), "did:web:a.b-c_d~e");
  EXPECT_EQ(encode_query("a b&c=d/%\xc3\xa9"), "a%20b%26c%3Dd%2F%25%C3%A9");
}

}  // namespace
}  // namespace tap::net

// SPDX-License-Identifier: MIT
#include "net/guard.hpp"

#include <gtest/gtest.h>

#include <string>

namespace tap::net {
namespace {

bool is_public_text(const std::string& text) { return is_public(boost::asio::ip::make_address(text)); }

/// Both ends of each range of protocol 9.8, and its neighbours outside where those are public.
TEST(Guard, RefusesSpecialIpv4RangesToTheirEnds) {
  for (const std::string text :
       {"0.0.0.0",      "0.255.255.255",  "10.0.0.0",        "10.255.255.255",  "100.64.0.0",      "100.127.255.255",
        "127.0.0.0",    "127.0.0.1",      "127.255.255.255", "169.254.0.0",     "169.254.169.254", "169.254.255.255",
        "172.16.0.0",   "172.31.255.255", "192.0.0.0",       "192.0.0.255",     "192.0.2.0",       "192.0.2.255",
        "192.88.99.0",  "192.88.99.255",  "192.168.0.0",     "192.168.255.255", "198.18.0.0",      "198.19.255.255",
        "198.51.100.0", "198.51.100.255", "203.0.113.0",     "203.0.113.255",   "224.0.0.0",       "239.255.255.255",
        "240.0.0.0",    "255.255.255.255"}) {
    EXPECT_FALSE(is_public_text(text)) << text;
  }
}

TEST(Guard, AllowsTheNeighboursOfThoseRanges) {
  for (const std::string text :
       {"1.0.0.0",         "9.255.255.255",   "11.0.0.0",        "100.63.255.255", "100.128.0.0",
        "126.255.255.255", "128.0.0.0",       "169.253.255.255", "169.255.0.0",    "172.15.255.255",
        "172.32.0.0",      "191.255.255.255", "192.0.1.0",       "192.0.3.0",      "192.88.98.255",
        "192.88.100.0",    "192.167.255.255", "192.169.0.0",     "198.17.255.255", "198.20.0.0",
        "198.51.99.255",   "198.51.101.0",    "203.0.112.255",   "203.0.114.0",    "223.255.255.255"}) {
    EXPECT_TRUE(is_public_text(text)) << text;
  }
}

TEST(Guard, AllowsOnlyGlobalUnicastIpv6) {
  for (const std::string text : {"2600::1", "2a00:1450:4001:81b::200e",
                                 "3fff:1000::", "3fff:ffff::", "3ffe:ffff::", "2001:200::", "2001:4860:4860::8888"}) {
    EXPECT_TRUE(is_public_text(text)) << text;
  }
  for (const std::string text :
       {"::", "::1", "1fff:ffff::", "4000::", "fc00::1", "fd12::1", "fe80::1", "ff02::1", "100::1", "2001:db8::1",
        "2001:db8:ffff::", "2001::", "2001:2::1", "2001:20::1", "2001:1ff:ffff::", "3fff::1", "3fff:fff:ffff::"}) {
    EXPECT_FALSE(is_public_text(text)) << text;
  }
}

TEST(Guard, SeesThroughIpv6FormsOfIpv4) {
  EXPECT_TRUE(is_public_text("::ffff:8.8.8.8"));
  for (const std::string text : {"::ffff:127.0.0.1", "::ffff:10.0.0.1", "::127.0.0.1", "64:ff9b::10.0.0.1",
                                 "2002:7f00:1::", "2001::1", "2001:0:4136:e378::"}) {
    EXPECT_FALSE(is_public_text(text)) << text;
  }
}

}  // namespace
}  // namespace tap::net

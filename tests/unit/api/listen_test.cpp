// SPDX-License-Identifier: MIT
#include "api/listen.hpp"

#include "tap/api/server.hpp"

#include "support/loop.hpp"

#include <boost/asio/ip/v6_only.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tap::api {
namespace {

TEST(Listen, AddressesOfEveryFormAreUnderstood) {
  test::Loop loop;
  for (const char* bind : {":0", "127.0.0.1:0", "localhost:0", "0.0.0.0:0"}) {
    const auto acceptor = listen_at(loop.executor(), bind);
    ASSERT_TRUE(acceptor) << acceptor.error().message();
    EXPECT_NE(acceptor->local_endpoint().port(), 0) << bind;
  }
}

TEST(Listen, AnEmptyHostTakesClientsOfIpv4) {
  test::Loop loop;
  const auto acceptor = listen_at(loop.executor(), ":0");
  ASSERT_TRUE(acceptor);
  boost::asio::ip::tcp::socket client(loop.executor());
  boost::system::error_code error;
  client.connect({boost::asio::ip::address_v4::loopback(), acceptor->local_endpoint().port()}, error);
  EXPECT_FALSE(error) << error.message();
}

TEST(Listen, BadAddressesAreNamed) {
  test::Loop loop;
  for (const std::string bind :
       {"", "2480", "host", ":", ":x", ":65536", ":-1", "::1:80", "[::1]80", "127.0.0.1:80 "}) {
    const auto acceptor = listen_at(loop.executor(), bind);
    ASSERT_FALSE(acceptor) << bind;
    EXPECT_EQ(acceptor.error(), Errc::bad_address) << bind;
    EXPECT_EQ(acceptor.error().detail(), bind);
  }
}

TEST(Listen, APortThatIsTakenIsNamed) {
  test::Loop loop;
  const auto first = listen_at(loop.executor(), ":0");
  ASSERT_TRUE(first);
  const std::string bind = ":" + std::to_string(first->local_endpoint().port());
  const auto second = listen_at(loop.executor(), bind);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error(), Errc::bind_failed);
  EXPECT_THAT(second.error().detail(), ::testing::StartsWith(bind + ": "));
}

/// Some of the clients would reach whoever has the other one.
TEST(Listen, APortThatIsTakenInOneFamilyIsNotServedInTheOther) {
  using boost::asio::ip::tcp;
  test::Loop loop;
  tcp::acceptor taken(loop.executor());
  boost::system::error_code error;
  taken.open(tcp::v6(), error);
  if (error) GTEST_SKIP() << "skipped: " << error.message();
  taken.set_option(boost::asio::ip::v6_only(true));
  taken.bind({tcp::v6(), 0}, error);
  if (error) GTEST_SKIP() << "skipped: " << error.message();
  taken.listen();

  const auto acceptor = listen_at(loop.executor(), ":" + std::to_string(taken.local_endpoint().port()));
  ASSERT_FALSE(acceptor);
  EXPECT_EQ(acceptor.error(), Errc::bind_failed);
}

}  // namespace
}  // namespace tap::api

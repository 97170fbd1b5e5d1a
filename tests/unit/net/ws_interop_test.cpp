// SPDX-License-Identifier: MIT
// Against Beast's WebSocket server, which knows nothing of how ours reads the standard.
#include "tap/net/ws_client.hpp"

#include "support/loop.hpp"
#include "support/net/server_thread.hpp"
#include "support/net_fakes.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/websocket/stream.hpp>
#include <gtest/gtest.h>

namespace tap::net {
namespace {

namespace asio = boost::asio;
namespace websocket = boost::beast::websocket;
using namespace std::chrono_literals;

/// Sends a ping, a message in fragments and one whole, then closes and waits for the answer.
class BeastServer {
 public:
  BeastServer() {
    thread_.call([this] { thread_.spawn("beast", serve()); });
  }
  ~BeastServer() { thread_.stop(); }
  [[nodiscard]] std::uint16_t port() const { return acceptor_.local_endpoint().port(); }
  [[nodiscard]] bool wait_for_end() {
    return thread_.wait_until([this] { return ended_; });
  }

 private:
  Task<void> serve() {
    websocket::stream<asio::ip::tcp::socket> stream(co_await acceptor_.async_accept(asio::use_awaitable));
    stream.set_option(websocket::permessage_deflate{.server_enable = true});
    co_await stream.async_accept(asio::use_awaitable);
    stream.binary(true);
    co_await stream.async_ping({"are you there"}, asio::use_awaitable);
    co_await stream.async_write_some(false, asio::buffer(first_), asio::use_awaitable);
    co_await stream.async_write_some(true, asio::buffer(second_), asio::use_awaitable);
    co_await stream.async_write(asio::buffer(second_), asio::use_awaitable);
    co_await stream.async_close({websocket::close_code::going_away, "bye"}, asio::use_awaitable);
    ended_ = true;
    thread_.changed();
  }

  std::string first_ = std::string(70'000, 'a');
  std::string second_ = std::string(200, 'b');
  bool ended_ = false;
  test::ServerThread thread_;
  asio::ip::tcp::acceptor acceptor_{thread_.executor(), {asio::ip::address_v4::loopback(), 0}};
};

TEST(WsInterop, BeastAndOursUnderstandEachOther) {
  test::Loop loop;
  test::FakeResolver resolver(loop.executor());
  resolver.hosts.insert_or_assign("127.0.0.1", std::vector{asio::ip::make_address("127.0.0.1")});
  BeastServer server;
  const auto connector = make_ws_connector(resolver, {.user_agent = "tap/test"});
  const auto url = Url::parse("http://127.0.0.1:" + std::to_string(server.port()) + "/");
  auto stream = loop.run(connector->connect(*url, {}, nullptr));
  ASSERT_TRUE(stream) << stream.error().message();

  const auto fragmented = loop.run((*stream)->read());
  ASSERT_TRUE(fragmented) << fragmented.error().message();
  EXPECT_EQ(as_text(*fragmented), std::string(70'000, 'a') + std::string(200, 'b'));
  const auto whole = loop.run((*stream)->read());
  ASSERT_TRUE(whole);
  EXPECT_EQ(as_text(*whole), std::string(200, 'b'));
  const auto closed = loop.run((*stream)->read());
  ASSERT_FALSE(closed);
  EXPECT_EQ(closed.error(), Errc::closed);
  EXPECT_EQ(closed.error().detail(), "1001 bye");
  loop.settle();
  stream->reset();
  loop.settle();
  EXPECT_TRUE(server.wait_for_end()) << "our close frame is one that Beast accepts";
}

}  // namespace
}  // namespace tap::net

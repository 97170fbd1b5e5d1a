// SPDX-License-Identifier: MIT
#include "app/metrics_server.hpp"

#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tap::app {
namespace {

namespace asio = boost::asio;
using testing::HasSubstr;

std::string get(std::uint16_t port, const std::string& target) {
  asio::io_context loop;
  asio::ip::tcp::socket socket(loop);
  socket.connect({asio::ip::address_v4::loopback(), port});
  asio::write(socket, asio::buffer("GET " + target + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"));
  std::string answer;
  boost::system::error_code end;
  asio::read(socket, asio::dynamic_buffer(answer), end);
  return answer;
}

TEST(MetricsServer, ServesTheRegistryAsText) {
  metrics::Registry registry;
  registry.counter("tap_things_total", "Things").add(3);

  auto server = MetricsServer::start("127.0.0.1:0", registry);
  ASSERT_TRUE(server) << server.error().message();
  const std::string answer = get((*server)->port(), "/metrics");

  EXPECT_THAT(answer, HasSubstr("HTTP/1.1 200"));
  EXPECT_THAT(answer, HasSubstr("tap_things_total 3"));
}

TEST(MetricsServer, ServesNothingElse) {
  metrics::Registry registry;
  auto server = MetricsServer::start("127.0.0.1:0", registry);
  ASSERT_TRUE(server) << server.error().message();
  for (const char* target : {"/", "/debug/pprof/", "/debug/pprof/heap", "/../../../etc/passwd"}) {
    EXPECT_THAT(get((*server)->port(), target), HasSubstr("HTTP/1.1 404")) << target;
  }
}

TEST(MetricsServer, AnAddressThatIsTakenIsAnErrorThatNamesIt) {
  metrics::Registry registry;
  auto first = MetricsServer::start("127.0.0.1:0", registry);
  ASSERT_TRUE(first) << first.error().message();
  const std::string bind = "127.0.0.1:" + std::to_string((*first)->port());

  const auto second = MetricsServer::start(bind, registry);

  ASSERT_FALSE(second);
  EXPECT_THAT(second.error().message(), HasSubstr(bind));
}

}  // namespace
}  // namespace tap::app

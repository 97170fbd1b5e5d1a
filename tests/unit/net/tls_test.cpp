// SPDX-License-Identifier: MIT
#include "tap/net/ws_client.hpp"

#include "http_fixture.hpp"
#include "support/net/tls_front.hpp"

#include <boost/system/system_error.hpp>

#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace tap::net {
namespace {

using namespace std::chrono_literals;
using test::Fault;
using test::Framing;
using test::make_certificate;
using test::TlsFront;

class Tls : public HttpTest {
 protected:
  Tls() : ca_file_(std::filesystem::temp_directory_path() / ("tap-tls-test-" + std::to_string(::getpid()) + ".pem")) {
    trust(certificate_);
  }
  ~Tls() override { std::filesystem::remove(ca_file_); }

  void trust(const test::Certificate& certificate) { std::ofstream(ca_file_) << certificate.certificate_pem; }
  std::string ask(const TlsFront& front, const std::string& host = "host.test") {
    client({.ca_file = ca_file_, .allow_private_hosts = true});
    return outcome({.url = *Url::parse("https://" + host + ":" + std::to_string(front.port()) + "/")});
  }

  test::Certificate certificate_ = make_certificate("DNS:host.test");
  std::filesystem::path ca_file_;
};

TEST_F(Tls, TalksToATrustedServerAndNamesItsHost) {
  script({{.body = std::string(100'000, 'x')}});
  TlsFront front(certificate_, server_.port());
  EXPECT_EQ(ask(front), "200 " + std::string(100'000, 'x'));
  EXPECT_EQ(front.last_server_name(), "host.test");
}

TEST_F(Tls, KeepsConnectionsAlive) {
  TlsFront front(certificate_, server_.port());
  for (int i = 0; i < 3; ++i) EXPECT_EQ(ask(front), "200 ");
  EXPECT_EQ(server_.connections(), 1u);
}

TEST_F(Tls, RefusesACertificateThatNobodySigned) {
  trust(make_certificate("DNS:host.test"));  // the same name, another key
  TlsFront front(certificate_, server_.port());
  EXPECT_EQ(ask(front), text_of(Errc::tls_failed));
  EXPECT_EQ(server_.connections(), 0u);
}

TEST_F(Tls, RefusesTheCertificateOfAnotherName) {
  TlsFront front(certificate_, server_.port());
  EXPECT_EQ(ask(front, "other.test"), text_of(Errc::tls_failed));
}

TEST_F(Tls, ChecksTheAddressWhereTheHostIsOne) {
  const auto certificate = make_certificate("IP:127.0.0.1");
  trust(certificate);
  TlsFront front(certificate, server_.port());
  EXPECT_EQ(ask(front, "127.0.0.1"), "200 ");
  EXPECT_EQ(ask(front, "host.test"), text_of(Errc::tls_failed));
}

TEST_F(Tls, RefusesOldVersions) {
  TlsFront front(certificate_, server_.port(), {.only_tls_1_1 = true});
  EXPECT_EQ(ask(front), text_of(Errc::tls_failed));
}

TEST_F(Tls, ABodyThatLastsUntilTheEndNeedsAGoodbye) {
  script({{.body = "until the end", .framing = Framing::until_close}});
  TlsFront polite(certificate_, server_.port());
  EXPECT_EQ(ask(polite), "200 until the end");
  TlsFront rude(certificate_, server_.port(), {.no_goodbye = true});
  EXPECT_EQ(ask(rude), text_of(Errc::cut)) << "anybody on the way could have cut it short";
}

TEST_F(Tls, ACompleteBodyNeedsNone) {
  script({{.body = "whole", .keep_alive = false}});
  TlsFront rude(certificate_, server_.port(), {.no_goodbye = true});
  EXPECT_EQ(ask(rude), "200 whole");
}

TEST_F(Tls, AHandshakeThatHangsMeetsTheDeadline) {
  client({.ca_file = ca_file_, .allow_private_hosts = true});
  // Connections are taken by the kernel; nobody ever answers.
  boost::asio::ip::tcp::acceptor silent(loop_.executor(), {boost::asio::ip::address_v4::loopback(), 0});
  const auto silent_url = Url::parse("https://host.test:" + std::to_string(silent.local_endpoint().port()));
  EXPECT_EQ(outcome({.url = *silent_url, .timeout = 30ms}), text_of(Errc::timed_out));
}

TEST_F(Tls, RedirectsNeverLeadBackToPlainHttp) {
  script({{.status = 302, .headers = {{"Location", url().origin() + "/"}}}, {.body = "plain"}});
  TlsFront front(certificate_, server_.port());
  EXPECT_EQ(ask(front), text_of(Errc::bad_response));
  EXPECT_EQ(server_.requests(), 1u);
}

TEST_F(Tls, AnUnreadableCaFileIsAFailureOfStartUp) {
  EXPECT_THROW((void)make_http_client(resolver_, {.ca_file = "/nowhere/ca.pem"}), boost::system::system_error);
}

}  // namespace
}  // namespace tap::net

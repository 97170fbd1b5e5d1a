// SPDX-License-Identifier: MIT
#include "support/net/tls_front.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/write.hpp>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <array>
#include <stdexcept>

namespace tap::test {
namespace {

namespace asio = boost::asio;
using tcp = asio::ip::tcp;
constexpr auto kAsTuple = asio::as_tuple(asio::use_awaitable);

template <class T, class F>
std::unique_ptr<T, F> owned(T* object, F free) {
  if (object == nullptr) throw std::runtime_error("OpenSSL refused");
  return {object, free};
}

std::string text_of(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  return {data, static_cast<std::size_t>(size)};
}

}  // namespace

Certificate make_certificate(const std::string& subject_alternative_name) {
  const auto key = owned(EVP_EC_gen("P-256"), &EVP_PKEY_free);
  const auto certificate = owned(X509_new(), &X509_free);
  X509_set_version(certificate.get(), 2);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate.get()), 1);
  X509_gmtime_adj(X509_getm_notBefore(certificate.get()), -3600);
  X509_gmtime_adj(X509_getm_notAfter(certificate.get()), 86'400);
  X509_set_pubkey(certificate.get(), key.get());
  X509_NAME* name = X509_get_subject_name(certificate.get());
  X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, reinterpret_cast<const unsigned char*>("test"), -1, -1, 0);
  X509_set_issuer_name(certificate.get(), name);
  const auto names =
      owned(X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, subject_alternative_name.c_str()),
            &X509_EXTENSION_free);
  X509_add_ext(certificate.get(), names.get(), -1);
  X509_sign(certificate.get(), key.get(), EVP_sha256());

  const auto certificate_text = owned(BIO_new(BIO_s_mem()), &BIO_free);
  PEM_write_bio_X509(certificate_text.get(), certificate.get());
  const auto key_text = owned(BIO_new(BIO_s_mem()), &BIO_free);
  PEM_write_bio_PrivateKey(key_text.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr);
  return {text_of(certificate_text.get()), text_of(key_text.get())};
}

struct TlsFront::Pair {
  asio::ssl::stream<tcp::socket> client;
  tcp::socket server;
};

TlsFront::TlsFront(const Certificate& certificate, std::uint16_t to_port, Options options)
    : to_port_(to_port),
      options_(options),
      acceptor_(thread_.executor(), tcp::endpoint(asio::ip::address_v4::loopback(), 0)) {
  port_ = acceptor_.local_endpoint().port();
  context_.use_certificate(asio::buffer(certificate.certificate_pem), asio::ssl::context::pem);
  context_.use_private_key(asio::buffer(certificate.key_pem), asio::ssl::context::pem);
  if (options.only_tls_1_1) {
    SSL_CTX_set_security_level(context_.native_handle(), 0);
    SSL_CTX_set_min_proto_version(context_.native_handle(), TLS1_1_VERSION);
    SSL_CTX_set_max_proto_version(context_.native_handle(), TLS1_1_VERSION);
  }
  thread_.call([this] { thread_.spawn("accept", accept()); });
}

std::string TlsFront::last_server_name() {
  return thread_.call([this] { return last_server_name_; });
}

Task<void> TlsFront::accept() {
  for (;;) {
    auto [error, socket] = co_await acceptor_.async_accept(kAsTuple);
    if (error) continue;
    thread_.spawn("tls", serve(std::make_shared<Pair>(asio::ssl::stream<tcp::socket>(std::move(socket), context_),
                                                      tcp::socket(thread_.executor()))));
  }
}

/// Handshake, then client to server; the other direction has a task of its own.
Task<void> TlsFront::serve(std::shared_ptr<Pair> pair) {
  const auto [refused] = co_await pair->client.async_handshake(asio::ssl::stream_base::server, kAsTuple);
  if (refused) co_return;
  const char* name = SSL_get_servername(pair->client.native_handle(), TLSEXT_NAMETYPE_host_name);
  last_server_name_ = name == nullptr ? "" : name;
  const auto [unreachable] =
      co_await pair->server.async_connect(tcp::endpoint(asio::ip::address_v4::loopback(), to_port_), kAsTuple);
  if (unreachable) co_return;
  thread_.spawn("encrypt", encrypt(pair));
  std::array<char, 16'384> buffer;
  for (;;) {
    const auto [error, size] = co_await pair->client.async_read_some(asio::buffer(buffer), kAsTuple);
    if (error) break;
    const auto [lost, sent] = co_await asio::async_write(pair->server, asio::buffer(buffer.data(), size), kAsTuple);
    if (lost) break;
  }
  boost::system::error_code ignored;
  pair->server.close(ignored);
}

Task<void> TlsFront::encrypt(std::shared_ptr<Pair> pair) {
  std::array<char, 16'384> buffer;
  for (;;) {
    const auto [error, size] = co_await pair->server.async_read_some(asio::buffer(buffer), kAsTuple);
    if (error) break;
    const auto [lost, sent] = co_await asio::async_write(pair->client, asio::buffer(buffer.data(), size), kAsTuple);
    if (lost) break;
  }
  if (!options_.no_goodbye) co_await pair->client.async_shutdown(kAsTuple);
  boost::system::error_code ignored;
  pair->client.next_layer().close(ignored);
}

}  // namespace tap::test

// SPDX-License-Identifier: MIT
#include "net/connection.hpp"

#include "net/guard.hpp"
#include "net/tls.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/write.hpp>

#include <cerrno>
#include <sys/socket.h>

namespace tap::net {
namespace {

namespace asio = boost::asio;
using tcp = asio::ip::tcp;
using TlsStream = asio::ssl::stream<tcp::socket>;

constexpr auto kAsTuple = asio::as_tuple(asio::use_awaitable);

/// A closed socket and a cancelled coroutine end a wait alike; only the latter unwinds.
Task<void> unwind_if_cancelled() {
  const auto state = co_await asio::this_coro::cancellation_state;
  if (state.cancelled() != asio::cancellation_type::none) {
    throw boost::system::system_error(asio::error::operation_aborted);
  }
}

tcp::socket& socket_of(tcp::socket& stream) { return stream; }
tcp::socket& socket_of(TlsStream& stream) { return stream.next_layer(); }

template <class Stream>
class StreamConnection final : public Connection {
 public:
  explicit StreamConnection(Stream stream) : stream_(std::move(stream)) {}

  Task<Result<std::size_t>> read_some(std::span<std::uint8_t> into) override {
    const auto [error, size] = co_await stream_.async_read_some(asio::buffer(into.data(), into.size()), kAsTuple);
    if (!error) co_return size;
    if (error == asio::error::eof) co_return std::size_t{0};
    co_await unwind_if_cancelled();
    co_return fail(Errc::cut, error.message());
  }

  Task<Result<void>> write(ByteView bytes) override {
    const auto [error, size] = co_await asio::async_write(stream_, asio::buffer(bytes.data(), bytes.size()), kAsTuple);
    if (!error) co_return Result<void>{};
    co_await unwind_if_cancelled();
    co_return fail(Errc::cut, error.message());
  }

  void write(ByteView bytes, std::function<void(bool)> done) override {
    asio::async_write(stream_, asio::buffer(bytes.data(), bytes.size()),
                      [done = std::move(done)](const boost::system::error_code& error, std::size_t) { done(!error); });
  }

  void close() override {
    boost::system::error_code ignored;  // it is gone either way
    socket_of(stream_).close(ignored);
  }

  bool is_quiet() override {
    tcp::socket& socket = socket_of(stream_);
    if (!socket.is_open()) return false;
    std::uint8_t byte;
    const auto peeked = ::recv(socket.native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    return peeked < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
  }

 private:
  Stream stream_;
};

Task<Result<void>> connect_socket(tcp::socket& socket, tcp::endpoint endpoint) {
  const auto [error] = co_await socket.async_connect(endpoint, kAsTuple);
  if (!error) co_return Result<void>{};
  co_await unwind_if_cancelled();
  co_return fail(Errc::connect_failed, error.message());
}

Task<Result<std::unique_ptr<Connection>>> secure(tcp::socket socket, asio::ssl::context& context, std::string host) {
  TlsStream stream(std::move(socket), context);
  if (!name_peer(stream.native_handle(), host)) co_return fail(Errc::tls_failed, host);
  const auto [error] = co_await stream.async_handshake(asio::ssl::stream_base::client, kAsTuple);
  if (error) {
    co_await unwind_if_cancelled();
    const long verdict = ::SSL_get_verify_result(stream.native_handle());
    co_return fail(Errc::tls_failed,
                   host + ": " + (verdict == X509_V_OK ? error.message() : ::X509_verify_cert_error_string(verdict)));
  }
  co_return std::make_unique<StreamConnection<TlsStream>>(std::move(stream));
}

}  // namespace

Connector::Connector(Resolver& resolver, const ClientOptions& options)
    : resolver_(resolver), tls_(make_tls_context(options.ca_file)), allow_private_(options.allow_private_hosts) {}

Task<Result<std::unique_ptr<Connection>>> Connector::connect(Url url, Trust trust, Names names) {
  // Per address, so that one that drops packets leaves time for the next.
  constexpr std::chrono::seconds kConnectTimeout{5};
  auto addresses = co_await resolver_.addresses(url.host, trust == Trust::operator_set ? Names::operators : names);
  if (!addresses) co_return std::unexpected(addresses.error());
  Error last(Errc::connect_failed, url.host);
  for (const auto& address : *addresses) {
    if (trust == Trust::untrusted && !allow_private_ && !is_public(address)) {
      last = Error(Errc::refused_address, url.host + " is " + address.to_string());
      continue;
    }
    tcp::socket socket(co_await asio::this_coro::executor);
    auto connected = co_await within(kConnectTimeout, Errc::timed_out, connect_socket(socket, {address, url.port}));
    if (!connected) {
      const std::string& why = connected.error().detail();
      last = Error(Errc::connect_failed, url.authority() + ": " + (why.empty() ? "no answer" : why));
      continue;
    }
    boost::system::error_code ignored;  // some sockets do not take it; then it is merely slower
    socket.set_option(tcp::no_delay(true), ignored);
    if (url.tls()) co_return co_await secure(std::move(socket), tls_, url.host);
    co_return std::make_unique<StreamConnection<tcp::socket>>(std::move(socket));
  }
  co_return std::unexpected(last);
}

}  // namespace tap::net

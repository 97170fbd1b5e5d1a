// SPDX-License-Identifier: MIT
#pragma once

#include "tap/async/timeout.hpp"
#include "tap/base/bytes.hpp"
#include "tap/net/http_client.hpp"
#include "tap/net/resolver.hpp"

#include <boost/asio/ssl/context.hpp>

#include <functional>
#include <memory>
#include <span>

namespace tap::net {

/// A TCP connection, with TLS or without. One read and one write at a time. Its coroutines unwind when cancelled; the
/// connection is of no more use then.
class Connection {
 public:
  virtual ~Connection() = default;
  /// At least one byte; none at the peer's orderly end. Everything else is Errc::cut.
  [[nodiscard]] virtual Task<Result<std::size_t>> read_some(std::span<std::uint8_t> into) = 0;
  [[nodiscard]] virtual Task<Result<void>> write(ByteView bytes) = 0;
  /// The same for callers that are no coroutine. `bytes` stay until `done`, which keeps the connection alive.
  virtual void write(ByteView bytes, std::function<void(bool ok)> done) = 0;
  /// Ends what is pending, with errors.
  virtual void close() = 0;
  /// Open, and the peer has sent nothing that was not asked for.
  [[nodiscard]] virtual bool is_quiet() = 0;
};

/// Makes connections: looks the host up, asks the guard about each address, takes the first that answers, and secures
/// it when the URL says so. The caller sets the deadline.
class Connector {
 public:
  /// Throws when the CA file cannot be read: a failure of start-up.
  Connector(Resolver& resolver, const ClientOptions& options);
  [[nodiscard]] Task<Result<std::unique_ptr<Connection>>> connect(Url url, Trust trust, Names names);

 private:
  Resolver& resolver_;
  boost::asio::ssl::context tls_;
  bool allow_private_;
};

/// with_timeout in the words of this part.
template <class T>
[[nodiscard]] Task<Result<T>> within(std::chrono::milliseconds limit, Errc otherwise, Task<Result<T>> task) {
  auto result = co_await async::with_timeout(std::move(task), limit);
  if (!result && result.error() == async::Errc::timed_out) co_return fail(otherwise);
  co_return result;
}

}  // namespace tap::net

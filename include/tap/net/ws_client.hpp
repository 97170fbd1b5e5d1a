// SPDX-License-Identifier: MIT
#pragma once

#include "tap/async/task.hpp"
#include "tap/base/bytes.hpp"
#include "tap/base/result.hpp"
#include "tap/net/http_client.hpp"

#include <chrono>
#include <memory>

namespace tap::net {

struct WsOptions {
  std::chrono::milliseconds handshake_timeout{45'000};
  std::chrono::milliseconds ping_interval{30'000};
  std::chrono::milliseconds idle_limit{75'000};  ///< read() got nothing, no pong either: Errc::idle (protocol 7.6)
  std::size_t max_message = 5 << 20;             ///< frames of the firehose end at 5 MB (7.2)
  std::size_t read_buffer = 256 << 10;           ///< below the WebSocket: many small frames a system call
};

/// A WebSocket that is only listened to. Loop thread only; one read at a time. A cancelled read leaves it useless.
class WsStream {
 public:
  virtual ~WsStream() = default;
  /// The next binary message, its fragments joined; the view is valid until the next call. A breach of the protocol or
  /// a text message is bad_frame, a close frame closed, a connection that just ends cut; every later read gives that
  /// error again. A message above max_message is too_large and passed over: the next read goes on behind it. Pings are
  /// answered here, and sent whether or not somebody reads.
  [[nodiscard]] virtual Task<Result<ByteView>> read() = 0;
  /// Whether another message can be read without waiting for the network (bytes are buffered).
  [[nodiscard]] virtual bool has_buffered() const = 0;
  /// Cuts the connection; a pending read ends with Errc::closed.
  virtual void close() = 0;
};

/// Connects by URL (http and https count as ws and wss), as operator_set: the guard is not asked. No extension is
/// offered. An HTTP answer instead of the upgrade, a redirect too, is upgrade_refused; status, headers and the first 64
/// KiB of its body are in `refused` if given. Loop thread only; outlives its connects.
class WsConnector {
 public:
  virtual ~WsConnector() = default;
  [[nodiscard]] virtual Task<Result<std::unique_ptr<WsStream>>> connect(Url url, WsOptions options,
                                                                        Response* refused) = 0;
};
[[nodiscard]] std::unique_ptr<WsConnector> make_ws_connector(Resolver& resolver, ClientOptions options);

}  // namespace tap::net

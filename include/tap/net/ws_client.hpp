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
  std::chrono::milliseconds idle_limit{75'000};  ///< nothing received, pongs included: Errc::idle (protocol 7.6)
  std::size_t max_message = 5 << 20;             ///< frames of the firehose end at 5 MB (7.2)
  std::size_t read_buffer = 256 << 10;           ///< below the WebSocket: many small frames a system call
};

/// A WebSocket that is only listened to. Loop thread only; one read at a time.
class WsStream {
 public:
  virtual ~WsStream() = default;
  /// The next binary message; the view is valid until the next call. A text message is Errc::bad_response. Pings are
  /// sent and answered here.
  [[nodiscard]] virtual Task<Result<ByteView>> read() = 0;
  /// Whether another message can be read without waiting for the network (bytes are buffered).
  [[nodiscard]] virtual bool has_buffered() const = 0;
  /// Cuts the connection; a pending read ends with Errc::closed.
  virtual void close() = 0;
};

/// Connects by URL (http and https count as ws and wss). An HTTP answer instead of the upgrade is upgrade_refused, its
/// status in `refused` if given.
class WsConnector {
 public:
  virtual ~WsConnector() = default;
  [[nodiscard]] virtual Task<Result<std::unique_ptr<WsStream>>> connect(Url url, WsOptions options,
                                                                        Response* refused) = 0;
};
[[nodiscard]] std::unique_ptr<WsConnector> make_ws_connector(Executor loop, Resolver& resolver, ClientOptions options);

}  // namespace tap::net

// SPDX-License-Identifier: MIT
#pragma once

#include "tap/base/clock.hpp"
#include "tap/base/metrics.hpp"
#include "tap/firehose/processor.hpp"
#include "tap/firehose/recheck.hpp"
#include "tap/net/ws_client.hpp"
#include "tap/store/writer.hpp"

#include <chrono>
#include <memory>
#include <string>

namespace tap::firehose {

struct ReconnectOptions {
  std::chrono::milliseconds unit{1'000};       ///< pauses double from here to ten units, as long as nothing gets better
  std::chrono::milliseconds patience{60'000};  ///< after an answer that only time or the operator can change
};
struct SessionOptions {
  net::Url relay;
  bool no_replay = false;  ///< ignore the saved cursor at start (only there: 8.4 item 27)
  std::chrono::milliseconds cursor_save_interval{1'000};
  ReconnectOptions reconnect;
  net::WsOptions websocket;
};

/// Follows the relay: connects, reads, hands frames on, saves the cursor, reconnects with backoff and jitter from the
/// low-water mark (protocol 7, 8.4 items 24-33). Where the stream has a gap, because the relay has forgotten events or
/// there was no cursor to come back to, has all repos checked again. Loop thread only.
class Session {
 public:
  virtual ~Session() = default;
  /// Reads the saved cursor, then follows the relay until cancelled.
  [[nodiscard]] virtual Task<void> run() = 0;
  /// Saves the cursor at its interval until cancelled.
  [[nodiscard]] virtual Task<void> save_regularly() = 0;
  /// Keeps tap_firehose_lag_seconds true until cancelled.
  [[nodiscard]] virtual Task<void> measure_lag() = 0;
  /// Saves the cursor now; for the shutdown.
  [[nodiscard]] virtual Task<Result<void>> save_cursor() = 0;
  /// 0 before the first event.
  [[nodiscard]] virtual std::int64_t last_seq() const = 0;
};

[[nodiscard]] std::unique_ptr<Session> make_session(net::WsConnector& connector, Processor& processor, Recheck& recheck,
                                                    store::Writer& writer, store::Reader& reader, const Clock& clock,
                                                    Jitter& jitter, metrics::Registry& metrics, SessionOptions options);

/// The key of the saved cursor: the same for every spelling of a relay's URL (8.4 item 33).
[[nodiscard]] std::string cursor_key(const net::Url& relay);

}  // namespace tap::firehose

// SPDX-License-Identifier: MIT
#pragma once

#include "tap/async/task.hpp"
#include "tap/base/clock.hpp"
#include "tap/base/metrics.hpp"
#include "tap/outbox/outbox.hpp"

#include <boost/asio/ip/tcp.hpp>

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>

namespace tap::deliver {

/// A connection whose client asked for a WebSocket: the API has read the request and judged it (authentication, path),
/// and hands over the rest.
struct Upgrade {
  boost::asio::ip::tcp::socket socket;
  std::string received;  ///< the request head as it came, and every byte behind it
  std::string remote;    ///< address of the peer, for logs
};

struct ChannelOptions {
  std::chrono::milliseconds handshake_timeout{10'000};
  std::chrono::milliseconds write_timeout{60'000};  ///< a consumer that takes nothing for so long is cut
  std::chrono::milliseconds ping_interval{30'000};
  std::chrono::milliseconds idle_limit{90'000};  ///< nothing received, pongs included: half open, cut (8.4 item 63)
  std::size_t max_message = 64 << 10;            ///< bytes of a client's message
  std::size_t cork_bytes = 64 << 10;             ///< bytes gathered into one write to the socket
  std::size_t max_consumers = 1'000;
};

/// Serves consumers of `/channel` (protocol 11.3): each pulls events from the outbox within its window and sends acks.
/// A dropped consumer's TCP is cut without a close frame, because any close frame ends the official client for good;
/// a client's own close frame is echoed. Loop thread only.
class ChannelHub {
 public:
  virtual ~ChannelHub() = default;
  /// Shakes hands and serves until the consumer ends. Never fails towards the caller: what goes wrong ends this
  /// consumer only. Above max_consumers the answer is 503.
  virtual void accept(Upgrade upgrade) = 0;
  [[nodiscard]] virtual std::size_t consumers() const = 0;
  /// Cuts every consumer and resumes when their sessions have ended; what they had and did not ack is back in the
  /// outbox. Later upgrades are dropped.
  [[nodiscard]] virtual Task<void> stop() = 0;
};

[[nodiscard]] std::unique_ptr<ChannelHub> make_channel_hub(Executor loop, outbox::Outbox& outbox, const Clock& clock,
                                                           metrics::Registry& metrics, ChannelOptions options = {});

}  // namespace tap::deliver

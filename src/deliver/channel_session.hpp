// SPDX-License-Identifier: MIT
#pragma once

#include "tap/async/event.hpp"
#include "tap/async/task_group.hpp"
#include "tap/deliver/channel.hpp"
#include "tap/net/ws_frames.hpp"

#include "deliver/liveness.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace tap::deliver {

struct ChannelMetrics {
  explicit ChannelMetrics(metrics::Registry& registry);
  metrics::Gauge& consumers;
  metrics::Counter& bytes;     ///< written to sockets
  metrics::Counter& writes;    ///< to sockets, of any number of events
  metrics::Counter& messages;  ///< from consumers
  metrics::Counter& bad_messages;
  metrics::Counter& refused;  ///< handshakes
};

/// One consumer: a reader of acks, a writer of events, and a keeper of the time. Any of them, or the hub, ends all by
/// cut(); a client's close frame is answered first. Whatever ends it, its events are back in the outbox.
class ChannelSession final : public outbox::Sink {
 public:
  ChannelSession(Executor loop, Upgrade upgrade, outbox::Outbox& outbox, const Clock& clock,
                 const ChannelOptions& options, ChannelMetrics& metrics);

  /// From the handshake to the end.
  [[nodiscard]] Task<void> run();
  /// Ends it now, without a close frame. The first reason counts.
  void cut(std::string_view reason);

  void wake() override { wake_.notify_all(); }

 private:
  [[nodiscard]] Task<bool> shake_hands();
  [[nodiscard]] Task<void> read();
  [[nodiscard]] Task<void> write();
  [[nodiscard]] Task<void> keep_time();

  void take_messages();
  void take_message(std::string_view text);
  void answer_ping(ByteView payload);
  void answer_close(ByteView payload);
  void fill_cork();
  [[nodiscard]] Task<bool> flush_cork();
  [[nodiscard]] bool has_ended() const { return !reason_.empty(); }

  boost::asio::ip::tcp::socket socket_;
  std::string received_;
  std::string remote_;
  outbox::Outbox& outbox_;
  const Clock& clock_;
  const ChannelOptions& options_;
  ChannelMetrics& metrics_;

  net::FrameReader frames_;
  Liveness liveness_;
  std::string control_;  // pongs and pings that go out before further events
  std::string close_;    // the answer to the client's close frame
  bool closing_ = false;
  std::string cork_;                     // what is being written: whole frames
  std::vector<outbox::EventId> events_;  // in the cork
  std::uint64_t sent_ = 0;
  std::string reason_;  // why it ended
  async::Event wake_;   // for the writer
  async::Event ended_;  // for the keeper
  async::TaskGroup parts_;
};

}  // namespace tap::deliver

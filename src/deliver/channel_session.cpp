// SPDX-License-Identifier: MIT
#include "deliver/channel_session.hpp"

#include "tap/async/timeout.hpp"
#include "tap/base/log.hpp"

#include "deliver/client_message.hpp"
#include "deliver/handshake.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/socket_base.hpp>
#include <boost/asio/write.hpp>

#include <algorithm>
#include <chrono>

namespace tap::deliver {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using net::FrameReader;
using net::Opcode;
constexpr log::Logger kLog("channel");
constexpr std::size_t kReadBytes = 64 << 10;  // an ack costs 0.1 us from a buffer of this size, 4.8 us from a small one
constexpr std::size_t kTake = 16;             // events asked for at a time: the cork is at most so many events too long
constexpr std::size_t kMaxControl = 4096;     // bytes of pongs that wait
constexpr auto kTuple = asio::as_tuple(asio::use_awaitable);

void append_event(std::string& out, const outbox::Outbox::Outgoing& event) {
  // The frame's head tells the length, so the id is rendered first, behind it, and the head is put before.
  constexpr std::string_view kBegin = "{\"id\":";
  const std::string id = std::to_string(static_cast<std::uint64_t>(event.id));
  net::append_frame_head(out, Opcode::text, kBegin.size() + id.size() + event.body.size());
  out += kBegin;
  out += id;
  out += event.body;
}

/// Done on every way out, exceptions included.
template <class F>
class AtExit {
 public:
  explicit AtExit(F action) : action_(std::move(action)) {}
  ~AtExit() { action_(); }
  AtExit(const AtExit&) = delete;
  AtExit& operator=(const AtExit&) = delete;

 private:
  F action_;
};

}  // namespace

ChannelMetrics::ChannelMetrics(metrics::Registry& registry)
    : consumers(registry.gauge("tap_consumers", "Consumers connected to /channel")),
      bytes(registry.counter("tap_consumer_bytes_sent_total", "Bytes written to consumers")),
      writes(registry.counter("tap_consumer_writes_total", "Writes to consumers, of any number of events")),
      messages(registry.counter("tap_consumer_messages_total", "Messages from consumers")),
      bad_messages(registry.counter("tap_consumer_bad_messages_total", "Messages that ended their connection")),
      refused(registry.counter("tap_consumer_handshakes_refused_total", "Requests for a WebSocket that were refused")) {
}

ChannelSession::ChannelSession(Executor loop, Upgrade upgrade, outbox::Outbox& outbox, const Clock& clock,
                               const ChannelOptions& options, ChannelMetrics& metrics)
    : socket_(std::move(upgrade.socket)),
      received_(std::move(upgrade.received)),
      remote_(std::move(upgrade.remote)),
      outbox_(outbox),
      clock_(clock),
      options_(options),
      metrics_(metrics),
      frames_({.peer = FrameReader::Peer::client, .read_bytes = kReadBytes, .max_message = options.max_message}),
      liveness_({.ping_interval = options.ping_interval,
                 .idle_limit = options.idle_limit,
                 .write_timeout = options.write_timeout},
                clock.steady()),
      wake_(loop),
      ended_(loop),
      parts_(std::move(loop)) {}

Task<void> ChannelSession::run() {
  if (!co_await shake_hands()) co_return;
  kLog.info("consumer connected", {{"remote", remote_}});
  metrics_.consumers.add(1);
  outbox_.attach(*this);
  const AtExit leave([this] {
    outbox_.detach(*this);
    metrics_.consumers.add(-1);
  });
  // Each of the parts ends the others by cut().
  parts_.spawn("channel reader", read());
  parts_.spawn("channel writer", write());
  parts_.spawn("channel keeper", keep_time());
  co_await parts_.join();
  kLog.info("consumer disconnected", {{"remote", remote_}, {"reason", reason_}, {"count", sent_}});
}

void ChannelSession::cut(std::string_view reason) {
  if (has_ended()) return;
  reason_ = reason;
  boost::system::error_code ignored;
  socket_.close(ignored);
  wake_.notify_all();
  ended_.notify_all();
}

Task<bool> ChannelSession::shake_hands() {
  const Handshake handshake = deliver::shake_hands(received_);
  const auto send = [](asio::ip::tcp::socket& socket, std::string_view text) -> Task<Result<bool>> {
    const auto [error, size] = co_await asio::async_write(socket, asio::buffer(text), kTuple);
    co_return !error;
  };
  const auto sent = co_await async::with_timeout(send(socket_, handshake.response), options_.handshake_timeout);
  if (handshake.accepted) {
    frames_.append(as_bytes(received_).subspan(handshake.head));
    received_ = {};
    boost::system::error_code ignored;
    socket_.set_option(asio::ip::tcp::no_delay(true), ignored);
    co_return sent && *sent && !has_ended();
  }
  metrics_.refused.add();
  kLog.info("consumer refused", {{"remote", remote_}, {"reason", handshake.reason}});
  boost::system::error_code ignored;
  socket_.shutdown(asio::socket_base::shutdown_both, ignored);
  co_return false;
}

Task<void> ChannelSession::read() {
  const AtExit end([this] {
    if (!closing_) cut("reader ended");
  });
  take_messages();  // those that came with the handshake
  while (!has_ended() && !closing_) {
    const auto space = frames_.space();
    const auto [error, size] = co_await socket_.async_read_some(asio::buffer(space.data(), space.size()), kTuple);
    if (error) {
      cut(error == asio::error::eof ? "connection closed by peer" : error.message());
      co_return;
    }
    liveness_.heard(clock_.steady());
    frames_.filled(size);
    take_messages();
  }
}

void ChannelSession::take_messages() {
  while (!has_ended() && !closing_) {
    const auto frame = frames_.next();
    if (!frame) {
      metrics_.bad_messages.add();
      cut(frame.error().message());
      return;
    }
    if (!*frame) return;
    switch ((*frame)->opcode) {
      case Opcode::ping:
        answer_ping((*frame)->payload);
        break;
      case Opcode::close:
        answer_close((*frame)->payload);
        break;
      case Opcode::text:
      case Opcode::binary:
        take_message(as_text((*frame)->payload));
        break;
      case Opcode::pong:
      case Opcode::continuation:
        break;
    }
  }
}

void ChannelSession::take_message(std::string_view text) {
  metrics_.messages.add();
  const auto acked = parse_client_message(text);
  if (!acked) {
    metrics_.bad_messages.add();
    cut(acked.error().message());
  } else if (*acked) {
    outbox_.ack(**acked);
  }
}

void ChannelSession::answer_ping(ByteView payload) {
  // Who asks faster than it reads gets an answer to its latest pings only, as RFC 6455 5.5.3 allows.
  if (control_.size() > kMaxControl) control_.clear();
  net::append_frame(control_, Opcode::pong, payload);
  wake_.notify_all();
}

void ChannelSession::answer_close(ByteView payload) {
  const auto answer = net::close_answer(payload);
  if (!answer) {
    metrics_.bad_messages.add();
    cut(answer.error().message());
    return;
  }
  close_ = *answer;
  closing_ = true;
  wake_.notify_all();
}

Task<void> ChannelSession::write() {
  const AtExit end([this] { cut("writer ended"); });
  while (!has_ended()) {
    const bool last = closing_;
    fill_cork();
    if (cork_.empty()) {
      co_await wake_.wait();
      continue;
    }
    if (!co_await flush_cork()) co_return;
    outbox_.written(*this, events_);
    sent_ += events_.size();
    if (last) cut("closed by the consumer");
  }
}

/// Control frames first, then events, up to a good size; nothing follows a close frame.
void ChannelSession::fill_cork() {
  cork_.clear();
  events_.clear();
  if (cork_.capacity() > 8 * options_.cork_bytes) cork_.shrink_to_fit();
  cork_ += control_;
  control_.clear();
  if (closing_) {
    net::append_frame(cork_, Opcode::close, as_bytes(close_));
    return;
  }
  while (cork_.size() < options_.cork_bytes) {
    const auto taken = outbox_.take(*this, kTake);
    if (taken.empty()) return;
    for (const auto& event : taken) {
      append_event(cork_, event);
      events_.push_back(event.id);
    }
  }
}

Task<bool> ChannelSession::flush_cork() {
  for (std::string_view rest = cork_; !rest.empty();) {
    liveness_.writing(clock_.steady());
    const auto [error, size] = co_await socket_.async_write_some(asio::buffer(rest), kTuple);
    if (error) {
      cut(error.message());
      co_return false;
    }
    metrics_.writes.add();
    metrics_.bytes.add(size);
    rest.remove_prefix(size);
  }
  liveness_.written();
  co_return !has_ended();
}

Task<void> ChannelSession::keep_time() {
  const AtExit end([this] { cut("keeper ended"); });
  while (!has_ended()) {
    const SteadyTime now = clock_.steady();
    boost::system::error_code ignored;
    switch (liveness_.judge(now)) {
      case Liveness::Verdict::fine:
        break;
      case Liveness::Verdict::ping:
        if (control_.size() <= kMaxControl) net::append_frame(control_, Opcode::ping, {});
        wake_.notify_all();
        break;
      case Liveness::Verdict::gone:
        socket_.set_option(asio::socket_base::linger(true, 0), ignored);  // nobody waits for what is unsent
        cut("nothing heard for too long");
        co_return;
      case Liveness::Verdict::stalled:
        socket_.set_option(asio::socket_base::linger(true, 0), ignored);
        cut("takes nothing for too long");
        co_return;
    }
    const auto wait = std::chrono::ceil<std::chrono::milliseconds>(liveness_.due(now) - now);
    co_await ended_.wait_for(std::max(wait, 1ms));
  }
}

}  // namespace tap::deliver

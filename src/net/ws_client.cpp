// SPDX-License-Identifier: MIT
#include "tap/net/ws_client.hpp"

#include "tap/base/text.hpp"
#include "tap/net/ws_frames.hpp"

#include "net/connection.hpp"
#include "net/request_head.hpp"
#include "net/response_reader.hpp"
#include "net/ws_upgrade.hpp"

#include <boost/asio/steady_timer.hpp>
#include <openssl/rand.h>

#include <array>
#include <new>
#include <random>

namespace tap::net {
namespace {

namespace asio = boost::asio;
using SteadyClock = std::chrono::steady_clock;

/// A peer that pings and does not read the pongs gets no more of them.
constexpr std::size_t kMaxOutgoing = 4096;
/// Of an answer that is no upgrade.
constexpr std::size_t kMaxRefusal = 64 << 10;
/// Of the answer to a handshake, which has a deadline as a whole: that always comes first.
constexpr std::chrono::hours kNoIdleLimit{24};

std::string random_key() {
  std::array<std::uint8_t, 16> bytes;
  if (::RAND_bytes(bytes.data(), bytes.size()) != 1) throw std::bad_alloc();
  return base64(bytes);
}

/// What a stream and its pending writes and timer share: they may end after it.
class Link : public std::enable_shared_from_this<Link> {
 public:
  Link(const Executor& executor, std::unique_ptr<Connection> connection, WsOptions options)
      : connection_(std::move(connection)),
        frames_(
            {.peer = FrameReader::Peer::server, .read_bytes = options.read_buffer, .max_message = options.max_message}),
        options_(options),
        timer_(executor) {}

  void start(ByteView first) {
    frames_.append(first);
    heard_ = SteadyClock::now();
    next_ping_ = heard_ + options_.ping_interval;
    watch();
  }

  Task<Result<ByteView>> read() {
    while (!ended_) {
      auto message = frames_.next();
      if (!message) {
        if (message.error() == Errc::too_large) co_return std::unexpected(message.error());
        end(message.error());
      } else if (!*message) {
        co_await fill();
      } else if ((*message)->opcode == Opcode::binary) {
        co_return (*message)->payload;
      } else {
        on_other(**message);
      }
    }
    co_return std::unexpected(*ended_);
  }

  [[nodiscard]] bool has_message() const { return !ended_ && frames_.has_message(); }

  void end(Error why) {
    if (!ended_) ended_ = std::move(why);
    timer_.cancel();
    connection_->close();
  }

 private:
  Task<void> fill() {
    // The time in which nobody reads is no silence of the peer.
    heard_ = SteadyClock::now();
    reading_ = true;
    const auto size = co_await connection_->read_some(frames_.space());
    reading_ = false;
    if (size && *size > 0) {
      frames_.filled(*size);
      heard_ = SteadyClock::now();
    } else {
      end(size ? Error(Errc::cut, "without a close frame") : size.error());
    }
  }

  void on_other(const FrameReader::Message& message) {
    if (message.opcode == Opcode::ping) {
      send(Opcode::pong, message.payload);
    } else if (message.opcode == Opcode::close) {
      send(Opcode::close, message.payload.first(std::min<std::size_t>(message.payload.size(), 2)));
      // The connection closes with the stream: the answer has until then to leave.
      ended_ = Error(Errc::closed, reason_of(message.payload));
      timer_.cancel();
    } else if (message.opcode == Opcode::text) {
      end(Error(Errc::bad_frame, "text message"));
    }
  }

  static std::string reason_of(ByteView close) {
    if (close.size() < 2) return {};
    std::string text = std::to_string(close[0] << 8 | close[1]);
    if (close.size() > 2) text += " " + std::string(as_text(close.subspan(2)));
    return text;
  }

  void send(Opcode opcode, ByteView payload) {
    if (outgoing_.size() > kMaxOutgoing) return;
    append_masked_frame(outgoing_, opcode, payload, static_cast<std::uint32_t>(masks_()));
    flush();
  }

  void flush() {
    if (!in_flight_.empty() || outgoing_.empty()) return;
    in_flight_.swap(outgoing_);
    connection_->write(as_bytes(in_flight_), [self = shared_from_this()](bool ok) {
      self->in_flight_.clear();
      if (ok) self->flush();  // what went wrong, the reader hears too
    });
  }

  /// Wakes at the next ping or at the end of patience, whichever is first.
  void watch() {
    timer_.expires_at(std::min(next_ping_, heard_ + options_.idle_limit));
    timer_.async_wait([self = shared_from_this()](const boost::system::error_code& error) {
      if (!error && !self->ended_) self->tick();
    });
  }

  void tick() {
    const auto now = SteadyClock::now();
    if (!reading_) heard_ = now;
    if (now >= heard_ + options_.idle_limit) return end(Errc::idle);
    if (now >= next_ping_) {
      next_ping_ = now + options_.ping_interval;
      send(Opcode::ping, {});
    }
    watch();
  }

  std::unique_ptr<Connection> connection_;
  FrameReader frames_;
  WsOptions options_;
  asio::steady_timer timer_;
  std::minstd_rand masks_{std::random_device{}()};
  SteadyClock::time_point heard_;
  SteadyClock::time_point next_ping_;
  std::string outgoing_;
  std::string in_flight_;
  bool reading_ = false;
  std::optional<Error> ended_;
};

class Stream final : public WsStream {
 public:
  explicit Stream(std::shared_ptr<Link> link) : link_(std::move(link)) {}
  ~Stream() override { link_->end(Errc::closed); }
  Task<Result<ByteView>> read() override { return link_->read(); }
  bool has_buffered() const override { return link_->has_message(); }
  void close() override { link_->end(Errc::closed); }

 private:
  std::shared_ptr<Link> link_;
};

class Client final : public WsConnector {
 public:
  Client(Resolver& resolver, ClientOptions options) : options_(std::move(options)), connector_(resolver, options_) {}

  Task<Result<std::unique_ptr<WsStream>>> connect(Url url, WsOptions options, Response* refused) override {
    return within(options.handshake_timeout, Errc::timed_out, open(url.websocket(), options, refused));
  }

 private:
  Task<Result<std::unique_ptr<WsStream>>> open(Url url, WsOptions options, Response* refused) {
    auto connection = co_await connector_.connect(url, Trust::operator_set, Names::operators);
    if (!connection) co_return std::unexpected(connection.error());

    const std::string key = random_key();
    const Request request{.url = url,
                          .headers = {{"Connection", "Upgrade"},
                                      {"Upgrade", "websocket"},
                                      {"Sec-WebSocket-Version", "13"},
                                      {"Sec-WebSocket-Key", key}}};
    auto head = request_head(request, options_.user_agent);
    if (!head) co_return std::unexpected(head.error());
    if (auto written = co_await (*connection)->write(as_bytes(*head)); !written) {
      co_return std::unexpected(written.error());
    }

    ResponseReader reader(**connection, kNoIdleLimit);
    auto response = co_await reader.read_head(false);
    if (!response) co_return std::unexpected(response.error());
    if (response->status != 101) co_return co_await refuse(reader, std::move(*response), refused);
    if (auto agreed = check_upgrade(*response, key); !agreed) co_return std::unexpected(agreed.error());
    auto link = std::make_shared<Link>(co_await asio::this_coro::executor, std::move(*connection), options);
    link->start(reader.rest());
    co_return std::make_unique<Stream>(std::move(link));
  }

  static Task<Result<std::unique_ptr<WsStream>>> refuse(ResponseReader& reader, Response response, Response* refused) {
    const std::string status = "HTTP " + std::to_string(response.status);
    while (response.body.size() < kMaxRefusal) {
      const auto piece = co_await reader.read_piece();
      if (!piece || piece->empty()) break;  // the status is the news
      response.body += as_text(piece->first(std::min(piece->size(), kMaxRefusal - response.body.size())));
    }
    if (refused != nullptr) *refused = std::move(response);
    co_return fail(Errc::upgrade_refused, status);
  }

  ClientOptions options_;
  Connector connector_;
};

}  // namespace

std::unique_ptr<WsConnector> make_ws_connector(Resolver& resolver, ClientOptions options) {
  return std::make_unique<Client>(resolver, std::move(options));
}

}  // namespace tap::net

// SPDX-License-Identifier: MIT
#include "bench/consumer.hpp"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <poll.h>
#include <stdexcept>

namespace tap::bench {
namespace {

constexpr std::size_t kBuffer = 1 << 20;
constexpr int kPollMilliseconds = 20;
constexpr int kText = 1;
constexpr int kClose = 8;
constexpr int kPing = 9;
constexpr int kPong = 10;

/// The head of a frame: how long it is, and what follows.
struct Head {
  std::size_t size = 0;  // 0: not all there
  std::size_t payload = 0;
};

Head read_head(std::string_view bytes) {
  if (bytes.size() < 2) return {};
  const auto byte = [bytes](std::size_t i) { return static_cast<std::size_t>(static_cast<unsigned char>(bytes[i])); };
  const std::size_t length = byte(1) & 0x7f;
  const std::size_t digits = length < 126 ? 0 : length == 126 ? 2 : 8;
  if (bytes.size() < 2 + digits) return {};
  std::size_t payload = digits == 0 ? length : 0;
  for (std::size_t i = 0; i < digits; ++i) payload = payload << 8 | byte(2 + i);
  return {2 + digits, payload};
}

}  // namespace

Consumer::Consumer(std::uint16_t port, bool timed)
    : socket_(Socket::connect(port)), timed_(timed), buffer_(kBuffer, '\0') {
  std::string rest;
  shake_hands(socket_, "/channel", rest);
  if (rest.size() > buffer_.size()) throw std::logic_error("more came with the handshake than expected");
  std::ranges::copy(rest, buffer_.begin());
  end_ = rest.size();
  socket_.set_blocking(false);
  thread_ = std::thread([this] { run(); });
}

Consumer::~Consumer() {
  stopping_ = true;
  thread_.join();
}

Tally Consumer::tally() const {
  const std::lock_guard lock(mutex_);
  if (failure_) std::rethrow_exception(failure_);
  return tally_;
}

std::vector<Consumer::Arrival> Consumer::arrivals() const {
  const std::lock_guard lock(mutex_);
  return arrivals_;
}

void Consumer::run() {
  try {
    while (exchange()) {
    }
  } catch (const std::exception&) {
    const std::lock_guard lock(mutex_);
    failure_ = std::current_exception();
  }
}

/// One turn: waits for the socket, sends what it takes, reads what is there. False at the end.
bool Consumer::exchange() {
  read_events();
  if (!output_.empty()) output_.erase(0, socket_.send_some(output_));
  if (stopping_ && output_.empty()) return false;

  pollfd wait{socket_.descriptor(), static_cast<short>(POLLIN | (output_.empty() ? 0 : POLLOUT)), 0};
  ::poll(&wait, 1, kPollMilliseconds);
  if ((wait.revents & (POLLIN | POLLHUP | POLLERR)) == 0) return true;
  if (begin_ > 0) {
    std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
    end_ -= std::exchange(begin_, 0);
  }
  if (end_ == buffer_.size()) buffer_.resize(2 * buffer_.size());  // one message is longer than that
  const auto received = socket_.receive(std::span(buffer_).subspan(end_));
  if (received.closed) throw std::runtime_error("tap closed the consumer's connection");
  end_ += received.size;
  return true;
}

void Consumer::read_events() {
  if (begin_ == end_) return;
  now_ = std::chrono::steady_clock::now();
  for (;;) {
    const std::string_view rest = std::string_view(buffer_).substr(begin_, end_ - begin_);
    const Head head = read_head(rest);
    if (head.size == 0 || rest.size() < head.size + head.payload) break;
    take_frame(rest[0] & 0x0f, rest.substr(head.size, head.payload));
    begin_ += head.size + head.payload;
  }
  const std::lock_guard lock(mutex_);
  tally_ = counting_;
  arrivals_.insert(arrivals_.end(), arriving_.begin(), arriving_.end());
  arriving_.clear();
}

void Consumer::take_frame(int opcode, std::string_view payload) {
  if (opcode == kText) return take_event(payload);
  if (opcode == kPing) return send_frame(kPong, payload);
  if (opcode == kClose) throw std::runtime_error("tap sent a close frame");
}

void Consumer::take_event(std::string_view message) {
  constexpr std::string_view kId = "{\"id\":";
  constexpr std::string_view kRecord = ",\"type\":\"record\",\"record\":{\"live\":";
  constexpr std::string_view kAction = "\"action\":\"";
  std::uint64_t id = 0;
  const char* const end = message.data() + message.size();
  const auto [number_end, error] = std::from_chars(message.data() + std::min(kId.size(), message.size()), end, id);
  if (!message.starts_with(kId) || error != std::errc{}) {
    throw std::runtime_error("no event: " + std::string(message.substr(0, 200)));
  }
  send_frame(kText, std::string("{\"type\":\"ack\",\"id\":").append(message.data() + kId.size(), number_end) + "}");

  if (id >= seen_.size()) seen_.resize(std::max<std::size_t>(2 * seen_.size(), id + 1));
  if (seen_[id]) {
    ++counting_.repeated;
    return;
  }
  seen_[id] = true;
  const std::string_view body(number_end, static_cast<std::size_t>(end - number_end));
  if (!body.starts_with(kRecord)) {
    ++counting_.identities;
    return;
  }
  const std::string_view record = body.substr(kRecord.size());
  const std::size_t action = record.find(kAction);
  const std::size_t key_end = action == std::string_view::npos ? action : record.find('"', action + kAction.size());
  if (key_end == std::string_view::npos)
    throw std::runtime_error("no record event: " + std::string(message.substr(0, 200)));
  const std::uint64_t key = key_of(record.substr(0, key_end + 1));
  const bool live = record.starts_with("true");
  (live ? counting_.live : counting_.historical).add(key);
  if (timed_) arriving_.emplace_back(key, now_);
  if (counting_.first == std::chrono::steady_clock::time_point{}) counting_.first = now_;
  counting_.last = now_;
}

/// Short ones, with a mask of zeros: it is as good as any, and leaves the payload as it is.
void Consumer::send_frame(int opcode, std::string_view payload) {
  output_ += static_cast<char>(0x80 | opcode);
  output_ += static_cast<char>(0x80 | payload.size());
  output_.append(4, '\0');
  output_ += payload;
}

}  // namespace tap::bench

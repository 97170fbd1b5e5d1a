// SPDX-License-Identifier: MIT
#include "support/process/consumer.hpp"

#include "support/patience.hpp"
#include "support/ws_frames.hpp"

#include <algorithm>
#include <array>
#include <stdexcept>
#include <utility>

namespace tap::test {
namespace {

constexpr int kText = 1;
constexpr int kPing = 9;
constexpr int kPong = 10;
constexpr unsigned kPingByte = 0x89;
constexpr unsigned kPongByte = 0x8a;

}  // namespace

Consumer::Consumer(std::uint16_t port, EventSink& log, Options options)
    : log_(log),
      remembers_(options.remembers),
      acks_late_(options.acks_late),
      socket_(Socket::connect(port)),
      acks_(options.acks) {
  shake_hands(socket_, "/channel", unread_, options.headers);
  thread_ = std::thread([this] { run(); });
}

Consumer::~Consumer() {
  socket_.shut_down();
  thread_.join();
}

void Consumer::ack(std::uint64_t id) {
  log_.acking(id);
  send_text(R"({"type":"ack","id":)" + std::to_string(id) + "}");
}

void Consumer::send_text(std::string_view text) { send(text_frame(text)); }

void Consumer::send(const std::string& bytes) {
  const std::lock_guard lock(sending_);
  socket_.send(bytes);
}

void Consumer::ping(const std::string& payload) {
  send(frame({.first = kPingByte, .payload = payload}));
  std::unique_lock lock(mutex_);
  const bool answered =
      changed_.wait_for(lock, kPatience, [&] { return ended_ || std::ranges::find(pongs_, payload) != pongs_.end(); });
  if (!answered || ended_) throw std::runtime_error("no pong for " + payload);
}

void Consumer::cut() {
  socket_.shut_down();
  (void)wait_for_end();
}

bool Consumer::has_ended() const {
  const std::lock_guard lock(mutex_);
  return ended_;
}

Consumer::Ending Consumer::wait_for_end() {
  std::unique_lock lock(mutex_);
  if (!changed_.wait_for(lock, kPatience, [&] { return ended_; })) throw std::runtime_error("tap keeps its consumer");
  if (failure_) std::rethrow_exception(failure_);
  return {opcodes_, unread_};
}

void Consumer::run() {
  std::exception_ptr failure;
  try {
    read_frames();
  } catch (const std::exception&) {
    failure = std::current_exception();
  }
  const std::lock_guard lock(mutex_);
  failure_ = failure;
  ended_ = true;
  changed_.notify_all();
}

void Consumer::read_frames() {
  std::array<char, 65'536> piece;
  for (;;) {
    std::size_t begin = 0;
    for (;;) {
      const auto head = read_frame_head(std::string_view(unread_).substr(begin));
      if (head.size == 0 || unread_.size() - begin < head.size + head.payload) break;
      take_frame(unread_[begin] & 0x0f, unread_.substr(begin + head.size, head.payload));
      begin += head.size + head.payload;
    }
    unread_.erase(0, begin);
    ack_those_at_hand();
    const auto received = socket_.receive(piece);
    if (received.closed) return;
    unread_.append(piece.data(), received.size);
  }
}

void Consumer::take_frame(int opcode, std::string payload) {
  {
    const std::lock_guard lock(mutex_);
    opcodes_.push_back(opcode);
    if (opcode == kPong) pongs_.push_back(payload);
    changed_.notify_all();
  }
  if (opcode == kPing) send(frame({.first = kPongByte, .payload = payload}));
  if (opcode != kText) return;
  Event event = Event::parse(std::move(payload));
  const std::uint64_t id = event.id;
  if (remembers_) own_.add(event);
  log_.add(std::move(event));
  if (!acks_) return;
  to_ack_.push_back(id);
  if (!acks_late_) ack_those_at_hand();
}

void Consumer::ack_those_at_hand() {
  try {
    for (const std::uint64_t id : to_ack_) ack(id);
  } catch (const std::system_error&) {
    // It has gone; what it sent before is read to the end.
  }
  to_ack_.clear();
}

}  // namespace tap::test

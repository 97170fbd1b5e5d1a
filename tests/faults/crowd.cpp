// SPDX-License-Identifier: MIT
#include "faults/crowd.hpp"

#include "faults/draw.hpp"

#include <algorithm>
#include <sys/socket.h>
#include <system_error>
#include <utility>

namespace tap::faults {
namespace {

using namespace std::chrono_literals;
using SteadyClock = std::chrono::steady_clock;

constexpr std::size_t kGuests = 3;
constexpr std::size_t kKinds = 9;
constexpr auto kBeat = 100ms;
constexpr std::size_t kLongestStay = 4'000;  // ms
constexpr int kSmallBuffer = 4'096;

/// In what a guest says: an id of the past, of the future, and of what does not exist.
constexpr std::string_view kLastId = "LAST", kLaterId = "LATER";

/// Takes its time for each event.
class SlowSink final : public test::EventSink {
 public:
  SlowSink(test::EventSink& next, std::chrono::milliseconds pause) : next_(next), pause_(pause) {}
  void add(test::Event event) override {
    next_.add(std::move(event));
    if (pause_ > 0ms) std::this_thread::sleep_for(pause_);
  }
  void acking(std::uint64_t id) override { next_.acking(id); }

 private:
  test::EventSink& next_;
  std::chrono::milliseconds pause_;
};

void replace(std::string& text, std::string_view what, std::uint64_t with) {
  if (const auto at = text.find(what); at != std::string::npos) text.replace(at, what.size(), std::to_string(with));
}

}  // namespace

Crowd::Crowd(std::uint64_t seed, std::uint64_t& guests, std::uint16_t port, Witness& witness, Tally& faults)
    : seed_(seed), count_(guests), port_(port), witness_(witness), faults_(faults), thread_([this] { run(); }) {}

Crowd::~Crowd() {
  is_over_ = true;
  thread_.join();
}

void Crowd::run() {
  test::Dice whims(seed_);
  while (!is_over_) {
    std::this_thread::sleep_for(kBeat);
    const auto now = SteadyClock::now();
    std::erase_if(guests_, [now](const Guest& guest) {
      return guest.leaves_at <= now || (guest.consumer && guest.consumer->has_ended());
    });
    try {
      if (guests_.size() < kGuests && whims.chance(40)) let_in();
      for (Guest& guest : guests_) listen_to(guest);
    } catch (const std::exception&) {
      // It was not let in, or is gone already: whether Tap still lives others look at.
    }
  }
  guests_.clear();
}

void Crowd::let_in() {
  test::Dice dice = draw(seed_, "guest", count_);
  const auto enter = [&](const char* name, Guest guest) {
    ++count_;
    faults_.add(name);
    guest.leaves_at = SteadyClock::now() + std::chrono::milliseconds(dice.below(kLongestStay));
    guests_.push_back(std::move(guest));
  };
  const std::string ack = R"({"type":"ack","id":)";
  switch (in_turn(seed_, "guests", count_, kKinds)) {
    case 0:
      return enter("consumer that never reads", deaf_guest());
    case 1:
      return enter("consumer that reads slowly", guest({.acks = true}, 30ms, ""));
    case 2:
      return enter("consumer that never acks", guest({.acks = false}, 0ms, ""));
    case 3:
      return enter("consumer that acks twice", guest({.acks = true}, 0ms, ack + std::string(kLastId) + "}"));
    case 4:
      return enter("consumer that acks early", guest({.acks = true}, 0ms, ack + std::string(kLaterId) + "}"));
    case 5:
      return enter("consumer that acks nonsense", guest({.acks = true}, 0ms, ack + "18446744073709551615}"));
    case 6:
      return enter("consumer that says nonsense", guest({.acks = true}, 0ms, ack + "-1}"));
    case 7:
      return enter("consumer that says garbage", guest({.acks = true}, 0ms, std::string(as_text(dice.bytes(100)))));
    default:
      return enter("consumer that says too much", guest({.acks = true}, 0ms, std::string(100'000, '[')));
  }
}

/// It takes what fits in its small buffer, and answers nothing.
Crowd::Guest Crowd::deaf_guest() {
  test::Socket socket = test::Socket::connect(port_);
  ::setsockopt(socket.descriptor(), SOL_SOCKET, SO_RCVBUF, &kSmallBuffer, sizeof kSmallBuffer);
  std::string unread;
  shake_hands(socket, "/channel", unread);
  return {.leaves_at = {}, .deaf = std::move(socket)};
}

Crowd::Guest Crowd::guest(test::Consumer::Options options, std::chrono::milliseconds pause, std::string says) {
  options.remembers = false;
  Guest made{.leaves_at = {}, .says = std::move(says)};
  made.sink = std::make_unique<SlowSink>(witness_, pause);
  made.consumer = std::make_unique<test::Consumer>(port_, *made.sink, options);
  return made;
}

void Crowd::listen_to(Guest& guest) {
  if (!guest.consumer || guest.says.empty()) return;
  constexpr std::uint64_t kFar = 10'000'000;
  std::string text = guest.says;
  replace(text, kLaterId, witness_.last_id() + kFar);
  const std::uint64_t last = witness_.last_id();
  if (text.find(kLastId) != std::string::npos) witness_.acking(last);  // whoever was told of it
  replace(text, kLastId, last);
  guest.consumer->send_text(text);
}

}  // namespace tap::faults

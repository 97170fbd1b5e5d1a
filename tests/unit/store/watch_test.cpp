// SPDX-License-Identifier: MIT
#include "store/postgres/watch.hpp"

#include <gtest/gtest.h>

#include <future>
#include <sys/socket.h>
#include <unistd.h>

namespace tap::store::postgres {
namespace {

constexpr Waiting kNone{.silence = std::chrono::milliseconds(0)};

/// A connection whose peer says nothing.
class SilentPeer {
 public:
  SilentPeer() { EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends_), 0); }
  ~SilentPeer() {
    for (const int end : ends_) ::close(end);
  }
  SilentPeer(const SilentPeer&) = delete;
  SilentPeer& operator=(const SilentPeer&) = delete;
  [[nodiscard]] int socket() const { return ends_[0]; }
  /// For ever, or until the socket is shut down.
  [[nodiscard]] ssize_t wait() const {
    char byte = 0;
    return ::recv(ends_[0], &byte, 1, 0);
  }

 private:
  int ends_[2] = {-1, -1};
};

TEST(Watch, ServerThatAnswersNobodyIsGivenUp) {
  const SilentPeer peer;
  Watch watch(peer.socket(), kNone, [] { return false; });
  const auto wait = watch.begin();
  EXPECT_EQ(peer.wait(), 0);
  EXPECT_TRUE(watch.has_given_up());
}

TEST(Watch, ServerIsWaitedForAsLongAsItAnswersOthers) {
  const SilentPeer peer;
  std::atomic<int> asked = 0;
  Watch watch(peer.socket(), kNone, [&] { return ++asked < 4; });
  const auto wait = watch.begin();
  EXPECT_EQ(peer.wait(), 0);
  EXPECT_EQ(asked, 4);
}

TEST(Watch, WaitThatHasEndedMeanwhileIsNoReasonToGiveUpTheNext) {
  const SilentPeer peer;
  std::promise<void> is_asking;
  std::promise<void> may_answer;
  std::promise<bool> had_given_up;
  int asked = 0;
  Watch* self = nullptr;
  Watch watch(peer.socket(), kNone, [&] {
    switch (++asked) {
      case 1:
        is_asking.set_value();
        may_answer.get_future().wait();
        return false;
      case 2:
        had_given_up.set_value(self->has_given_up());
        return true;
      default:
        return false;
    }
  });
  self = &watch;
  auto wait = watch.begin();
  is_asking.get_future().wait();
  wait = nullptr;
  wait = watch.begin();
  may_answer.set_value();
  EXPECT_FALSE(had_given_up.get_future().get());
  EXPECT_EQ(peer.wait(), 0);
}

TEST(Watch, NumberOfASocketThatWasClosedMeanwhileIsSomebodyElses) {
  auto closed = std::make_unique<SilentPeer>();
  const int number = closed->socket();
  Watch watch(number, kNone, [] { return false; });
  closed = nullptr;
  const SilentPeer other;
  ASSERT_EQ(other.socket(), number);
  const auto wait = watch.begin();
  while (!watch.has_given_up()) std::this_thread::yield();
  char byte = 0;
  EXPECT_EQ(::recv(other.socket(), &byte, 1, MSG_DONTWAIT), -1);
  EXPECT_EQ(errno, EAGAIN);
}

TEST(Watch, ProcessThatEndsDoesNotAsk) {
  const SilentPeer peer;
  const std::atomic<bool> ending = true;
  Watch watch(peer.socket(), {.silence = std::chrono::milliseconds(0), .ending = &ending}, [] {
    ADD_FAILURE() << "it asked";
    return true;
  });
  const auto wait = watch.begin();
  EXPECT_EQ(peer.wait(), 0);
  EXPECT_TRUE(watch.has_given_up());
}

}  // namespace
}  // namespace tap::store::postgres

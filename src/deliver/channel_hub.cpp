// SPDX-License-Identifier: MIT
#include "tap/base/log.hpp"
#include "tap/deliver/channel.hpp"

#include "deliver/channel_session.hpp"
#include "deliver/handshake.hpp"

#include <boost/asio/buffer.hpp>

#include <exception>
#include <unordered_set>

namespace tap::deliver {
namespace {

constexpr log::Logger kLog("channel");

void report(std::string_view name, const std::exception_ptr& failure) {
  try {
    std::rethrow_exception(failure);
  } catch (const std::exception& error) {
    kLog.error("consumer's session failed", {{"worker", name}, {"error", error.what()}});
  }
}

class Hub final : public ChannelHub {
 public:
  Hub(Executor loop, outbox::Outbox& outbox, const Clock& clock, metrics::Registry& metrics, ChannelOptions options)
      : loop_(loop),
        outbox_(outbox),
        clock_(clock),
        options_(options),
        metrics_(metrics),
        tasks_(std::move(loop), report) {}

  void accept(Upgrade upgrade) override {
    if (stopping_) return;
    if (sessions_.size() >= options_.max_consumers) {
      refuse(std::move(upgrade));
      return;
    }
    auto session = std::make_unique<ChannelSession>(loop_, std::move(upgrade), outbox_, clock_, options_, metrics_);
    sessions_.insert(session.get());
    tasks_.spawn("channel session", serve(std::move(session)));
  }

  std::size_t consumers() const override { return sessions_.size(); }

  Task<void> stop() override {
    stopping_ = true;
    for (ChannelSession* session : sessions_) session->cut("shutting down");
    co_await tasks_.join();
  }

 private:
  Task<void> serve(std::unique_ptr<ChannelSession> session) {
    struct Leave {
      Hub& hub;
      ChannelSession* session;
      ~Leave() { hub.sessions_.erase(session); }
    } leave{*this, session.get()};
    co_await session->run();
  }

  /// A socket's buffer holds so few bytes without a wait.
  void refuse(Upgrade upgrade) {
    metrics_.refused.add();
    kLog.warn("consumer refused, there are too many", {{"remote", upgrade.remote}, {"count", sessions_.size()}});
    const std::string answer = refusal("503 Service Unavailable", "too many consumers");
    boost::system::error_code ignored;
    upgrade.socket.non_blocking(true, ignored);
    upgrade.socket.write_some(boost::asio::buffer(answer), ignored);
  }

  Executor loop_;
  outbox::Outbox& outbox_;
  const Clock& clock_;
  ChannelOptions options_;
  ChannelMetrics metrics_;
  std::unordered_set<ChannelSession*> sessions_;
  bool stopping_ = false;
  async::TaskGroup tasks_;
};

}  // namespace

std::unique_ptr<ChannelHub> make_channel_hub(Executor loop, outbox::Outbox& outbox, const Clock& clock,
                                             metrics::Registry& metrics, ChannelOptions options) {
  return std::make_unique<Hub>(std::move(loop), outbox, clock, metrics, options);
}

}  // namespace tap::deliver

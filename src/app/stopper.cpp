// SPDX-License-Identifier: MIT
#include "app/stopper.hpp"

#include "tap/async/error.hpp"
#include "tap/async/event.hpp"
#include "tap/base/log.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>

#include <exception>
#include <memory>
#include <optional>
#include <utility>

namespace tap::app {
namespace {

namespace asio = boost::asio;
constexpr log::Logger kLog("stopper");

/// A step under way. Its work shares it: what does not heed a cancellation, such as a write that is accepted, goes on
/// when nobody waits for it any more.
struct Attempt {
  StopStep step;
  async::Event ended;
  asio::cancellation_signal cancel = {};
  std::optional<Result<void>> result = {};

  void end(const std::exception_ptr& failure, Result<void> outcome) {
    result = std::move(outcome);
    if (failure) {
      try {
        std::rethrow_exception(failure);
      } catch (const std::exception& error) {  // a bug of this step; the shutdown goes on
        result = fail(std::make_error_code(std::errc::interrupted), error.what());
      }
    }
    ended.notify_all();
  }
};

Task<Result<void>> take(StopStep step) {
  const auto executor = co_await asio::this_coro::executor;
  const auto attempt = std::make_shared<Attempt>(std::move(step), async::Event(executor));
  asio::co_spawn(executor, attempt->step.work(),
                 asio::bind_cancellation_slot(attempt->cancel.slot(),
                                              [attempt](const std::exception_ptr& failure, Result<void> outcome) {
                                                attempt->end(failure, std::move(outcome));
                                              }));
  if (!attempt->result) co_await attempt->ended.wait_for(attempt->step.limit);
  if (attempt->result) co_return std::move(*attempt->result);
  attempt->cancel.emit(asio::cancellation_type::terminal);
  co_return fail(async::Errc::timed_out);
}

}  // namespace

Task<bool> stop_in_order(std::vector<StopStep> steps) {
  bool clean = true;
  for (StopStep& step : steps) {
    const std::string_view name = step.name;
    const auto done = co_await take(std::move(step));
    if (done) {
      kLog.info("stopped", {{"step", name}});
    } else {
      clean = false;
      kLog.error("could not stop in order", {{"step", name}, {"error", done.error().message()}});
    }
  }
  co_return clean;
}

}  // namespace tap::app

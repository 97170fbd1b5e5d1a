// SPDX-License-Identifier: MIT
#include "tap/deliver/webhook.hpp"

#include "tap/async/event.hpp"
#include "tap/async/task_group.hpp"
#include "tap/base/log.hpp"
#include "tap/net/retry_after.hpp"

#include "deliver/webhook_answer.hpp"

#include <boost/asio/this_coro.hpp>

#include <algorithm>
#include <exception>
#include <limits>
#include <string>
#include <utility>

namespace tap::deliver {
namespace {

namespace asio = boost::asio;
using outbox::EventId;
using std::chrono::milliseconds;
constexpr log::Logger kLog("webhook_client");
constexpr unsigned kLongestBackoff = 10;           // units
constexpr std::size_t kMostOfAnAnswer = 64 << 10;  // bytes read so that its connection can be used again
// One refusal may be a slip of a receiver in the middle of its upgrade. So many, with others taken before each, are
// not.
constexpr unsigned kLastWord = 3;

/// Counts as long as it lives.
class Count {
 public:
  explicit Count(std::size_t& of, std::size_t by = 1) : of_(of), by_(by) { of_ += by_; }
  ~Count() { of_ -= by_; }
  Count(const Count&) = delete;
  Count& operator=(const Count&) = delete;

 private:
  std::size_t& of_;
  std::size_t by_;
};

/// What came of one request.
struct Outcome {
  Verdict verdict{};
  std::string reason;
  bool took_others = false;  ///< since this event was tried before
  milliseconds wait{};       ///< that the receiver asks for
  bool is_for_all = false;   ///< with other events, too
};

/// The event, not the receiver.
bool is_at_fault(const Outcome& outcome) {
  return outcome.verdict == Verdict::refused || outcome.verdict == Verdict::tripped;
}

class HttpWebhook final : public Webhook, private outbox::Sink {
 public:
  HttpWebhook(Executor loop, outbox::Outbox& outbox, net::HttpClient& http, const Clock& clock, Jitter& jitter,
              metrics::Registry& metrics, WebhookOptions options)
      : outbox_(outbox),
        http_(http),
        clock_(clock),
        jitter_(jitter),
        metrics_(metrics),
        options_(std::move(options)),
        woken_(loop),
        slot_free_(loop),
        tasks_(std::move(loop),
               [this](std::string_view, const std::exception_ptr&) {
                 broken_ = true;
                 wake();
               }),
        delivered_(metrics.counter("tap_events_delivered_total", "Events written to consumers, repeats included")),
        requests_gauge_(metrics.queue("webhook", options_.parallelism)),
        retrying_gauge_(metrics.queue("webhook_retries", options_.max_retrying)) {}

  Task<void> run() override {
    outbox_.attach(*this);
    try {
      while (!broken_) {
        take_new();
        co_await wait_for_work();
      }
    } catch (const boost::system::system_error& error) {
      if (error.code() != asio::error::operation_aborted) throw;
    }
    // Cancelled or not, what is under way has to be waited for.
    co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
    tasks_.cancel();
    outbox_.detach(*this);
    co_await tasks_.join();
  }

 private:
  /// A place among the requests on their way.
  class Slot {
   public:
    explicit Slot(HttpWebhook& hook) : hook_(&hook) {
      ++hook.busy_;
      hook.requests_gauge_.add(1);
    }
    Slot(Slot&& other) noexcept : hook_(std::exchange(other.hook_, nullptr)) {}
    Slot& operator=(Slot&& other) noexcept {
      std::swap(hook_, other.hook_);
      return *this;
    }
    ~Slot() { release(); }
    void release() {
      HttpWebhook* hook = std::exchange(hook_, nullptr);
      if (hook == nullptr) return;
      --hook->busy_;
      hook->requests_gauge_.add(-1);
      hook->slot_free_.notify_one();
      hook->wake();
    }

   private:
    HttpWebhook* hook_;
  };

  void wake() override {
    has_work_ = true;
    woken_.notify_all();
  }

  Task<void> wait_for_work() {
    while (!std::exchange(has_work_, false)) {
      const milliseconds pause = pause_left();
      if (pause.count() == 0) {
        co_await woken_.wait();
      } else if (!co_await woken_.wait_for(pause)) {
        co_return;
      }
    }
  }

  /// New events into slots that no retry waits for.
  void take_new() {
    while (pause_left().count() == 0 && busy_ + in_line_ < options_.parallelism && retrying_ < options_.max_retrying &&
           bytes_ < options_.max_bytes) {
      const auto taken = outbox_.take(*this, 1);
      if (taken.empty()) return;
      const auto& [id, body] = taken.front();
      std::string json = "{\"id\":" + std::to_string(static_cast<std::uint64_t>(id));
      json += body;
      tasks_.spawn("webhook", deliver(id, std::move(json), Slot(*this)));
    }
  }

  /// Until it is taken, or given up.
  Task<void> deliver(EventId id, std::string json, Slot slot) {
    const Count weight(bytes_, json.size());
    std::uint64_t seen = taken_;
    unsigned singled_out = 0;
    for (unsigned attempt = 0;; ++attempt) {
      const Outcome outcome = co_await post(json, seen);
      seen = taken_;
      slot.release();
      tell(outcome, id, attempt);
      if (outcome.verdict == Verdict::taken) {
        ++taken_;
        outbox_.ack(id);
        co_return;
      }
      if (outcome.verdict == Verdict::refused && outcome.took_others) ++singled_out;
      if (is_at_fault(outcome)) {
        const auto refusal = singled_out >= kLastWord ? outbox::Refusal::for_good : outbox::Refusal::for_now;
        if (!outbox_.refused(*this, id, refusal, outcome.reason)) co_return;
      }
      if (outcome.is_for_all) paused_until_ = std::max(paused_until_, clock_.steady() + outcome.wait);
      const milliseconds pause =
          backoff(attempt, kLongestBackoff, options_.backoff_unit) + jitter_.below(options_.backoff_unit);
      slot = co_await slot_after(std::max(pause, outcome.wait));
    }
  }

  Task<Slot> slot_after(milliseconds pause) {
    {
      const Count waiting(retrying_);
      retrying_gauge_.set(static_cast<std::int64_t>(retrying_));
      co_await async::sleep_for(pause);
    }
    retrying_gauge_.set(static_cast<std::int64_t>(retrying_));
    const Count waiting(in_line_);
    for (;;) {
      if (const milliseconds left = pause_left(); left.count() > 0) {
        co_await async::sleep_for(left);
      } else if (busy_ >= options_.parallelism) {
        co_await slot_free_.wait();
      } else {
        co_return Slot(*this);
      }
    }
  }

  Task<Outcome> post(const std::string& json, std::uint64_t seen) {
    delivered_.add();
    // The head decides, as soon as there is any of the body; how much there is of it does not matter.
    bool is_taken = false;
    std::size_t read = 0;
    const net::HttpClient::BodySink skim = [&](ByteView piece) -> Task<Result<void>> {
      is_taken = true;
      read += piece.size();
      if (read > kMostOfAnAnswer) co_return fail(net::Errc::too_large);
      co_return Result<void>{};
    };
    const auto answer = co_await http_.stream({.method = "POST",
                                               .url = options_.url,
                                               .headers = {{"Content-Type", "application/json"}},
                                               .body = json,
                                               .trust = net::Trust::operator_set,
                                               .redirects = 0,
                                               .timeout = options_.timeout,
                                               .idle = options_.timeout,
                                               .max_body = std::numeric_limits<std::uint64_t>::max()},
                                              skim);
    if (is_taken || (answer && answer->ok())) {
      count("success");
      co_return Outcome{.verdict = Verdict::taken, .reason = {}};
    }
    if (!answer) {
      count("error");
      co_return Outcome{.verdict = Verdict::failed, .reason = answer.error().message()};
    }
    count("non_2xx");
    const auto wait = net::retry_after(*answer, clock_.wall()).value_or(std::chrono::seconds(0));
    const bool took_others = taken_ != seen;
    co_return Outcome{.verdict = judge(answer->status, took_others),
                      .reason = "HTTP " + std::to_string(answer->status),
                      .took_others = took_others,
                      .wait = std::clamp<milliseconds>(wait, milliseconds(0), options_.longest_pause),
                      .is_for_all = answer->status == 429 || answer->status == 503};
  }

  /// Absent until the first of its kind, as in the original.
  void count(const char* status) {
    metrics_.counter("tap_webhook_requests_total", "Requests to the webhook", {{"status", status}}).add();
  }

  /// A receiver that is down fails every event, but it is one piece of news.
  void tell(const Outcome& outcome, EventId id, unsigned attempt) {
    if (is_at_fault(outcome)) {
      kLog.warn("webhook refuses an event", {{"id", static_cast<std::uint64_t>(id)},
                                             {"retries", attempt},
                                             {"url", options_.url.origin()},
                                             {"error", outcome.reason}});
      return;
    }
    const bool works = outcome.verdict == Verdict::taken;
    if (!works && works_) {
      kLog.warn("webhook fails, trying again", {{"url", options_.url.origin()}, {"error", outcome.reason}});
    } else if (works && !works_) {
      kLog.info("webhook takes events again", {{"url", options_.url.origin()}});
    }
    works_ = works;
  }

  [[nodiscard]] milliseconds pause_left() const {
    return std::max(std::chrono::ceil<milliseconds>(paused_until_ - clock_.steady()), milliseconds(0));
  }

  outbox::Outbox& outbox_;
  net::HttpClient& http_;
  const Clock& clock_;
  Jitter& jitter_;
  metrics::Registry& metrics_;
  WebhookOptions options_;
  async::Event woken_;
  bool has_work_ = false;
  bool broken_ = false;  // a delivery has thrown
  std::size_t busy_ = 0;
  std::size_t in_line_ = 0;  // for a slot, to try again
  async::Event slot_free_;
  std::size_t retrying_ = 0;
  std::size_t bytes_ = 0;
  std::uint64_t taken_ = 0;
  bool works_ = true;
  SteadyTime paused_until_{};
  async::TaskGroup tasks_;
  metrics::Counter& delivered_;
  metrics::Gauge& requests_gauge_;
  metrics::Gauge& retrying_gauge_;
};

}  // namespace

std::unique_ptr<Webhook> make_webhook(Executor loop, outbox::Outbox& outbox, net::HttpClient& http, const Clock& clock,
                                      Jitter& jitter, metrics::Registry& metrics, WebhookOptions options) {
  return std::make_unique<HttpWebhook>(std::move(loop), outbox, http, clock, jitter, metrics, std::move(options));
}

}  // namespace tap::deliver

// SPDX-License-Identifier: MIT
#pragma once

#include "tap/async/task.hpp"
#include "tap/base/clock.hpp"
#include "tap/base/metrics.hpp"
#include "tap/net/http_client.hpp"
#include "tap/net/url.hpp"
#include "tap/outbox/outbox.hpp"

#include <chrono>
#include <cstddef>
#include <memory>

namespace tap::deliver {

struct WebhookOptions {
  net::Url url;                                        ///< its userinfo is sent as Basic authentication
  std::size_t parallelism = 32;                        ///< requests on their way at once
  std::size_t max_retrying = 1'000;                    ///< events that wait for another try; from here on no new ones
  std::size_t max_bytes = std::size_t{64} << 20;       ///< of bodies taken from the outbox; one more than fits
  std::chrono::milliseconds timeout{30'000};           ///< of one request, its answer included
  std::chrono::milliseconds backoff_unit{1'000};       ///< retries come after min(2^n, 10) of these, and some jitter
  std::chrono::milliseconds longest_pause{3'600'000};  ///< that the receiver may ask for by Retry-After
};

/// Delivers events as POST requests, one each (protocol 11.4). Any 2xx is the ack; everything else is tried again until
/// it is, and keeps the event in flight, so that its repo keeps its order; redirects are not followed. What the
/// receiver refuses for the event's own sake counts as an attempt (outbox::Options::max_attempts), and is refused for
/// good when that comes again and again while others are taken. A 429 or 503 with Retry-After stops everything for that
/// long. Loop thread only.
class Webhook {
 public:
  virtual ~Webhook() = default;
  /// Delivers until cancelled: then requests under way are cut, and what they carried is back in the outbox. Once.
  [[nodiscard]] virtual Task<void> run() = 0;
};

/// `outbox` has to be one with acks. Its consumer is the webhook alone.
[[nodiscard]] std::unique_ptr<Webhook> make_webhook(Executor loop, outbox::Outbox& outbox, net::HttpClient& http,
                                                    const Clock& clock, Jitter& jitter, metrics::Registry& metrics,
                                                    WebhookOptions options);

}  // namespace tap::deliver

// SPDX-License-Identifier: MIT
#include "tap/identity/directory.hpp"

#include "tap/async/event.hpp"

#include "identity/cache.hpp"
#include "identity/fetch.hpp"
#include "identity/handle.hpp"

#include <string>
#include <unordered_map>

namespace tap::identity {
namespace {

/// A counter and a histogram of one kind of resolution, by its outcome (protocol 11.11).
class ResolutionMetrics {
 public:
  ResolutionMetrics(metrics::Registry& registry, std::string name, std::string what)
      : registry_(registry), name_(std::move(name)), what_(std::move(what)) {
    for (double bucket = 0.0001; buckets_.size() < 20; bucket *= 2) buckets_.push_back(bucket);
  }
  void count(const std::string& status, SteadyTime began, SteadyTime ended) {
    const metrics::Labels labels{{"directory", "tap"}, {"status", status}};
    registry_.counter(name_, what_ + " resolutions", labels).add();
    registry_.histogram(name_ + "_duration", "Seconds to resolve a " + what_, buckets_, labels)
        .observe(std::chrono::duration<double>(ended - began).count());
  }

 private:
  metrics::Registry& registry_;
  std::string name_, what_;
  std::vector<double> buckets_;
};

std::string status_of(const Result<IdentityPtr>& answer) {
  if (answer) return "success";
  return answer.error() == Errc::not_found || answer.error() == Errc::tombstoned ? "notfound" : "error";
}

class HttpDirectory final : public Directory {
 public:
  HttpDirectory(Executor loop, net::HttpClient& http, net::Resolver& resolver, const Clock& clock,
                metrics::Registry& metrics, DirectoryOptions options)
      : loop_(std::move(loop)),
        clock_(clock),
        options_(std::move(options)),
        cache_(options_.cache_size, {options_.ttl, options_.error_ttl, options_.unavailable_ttl}),
        fetcher_(loop_, http, options_),
        handles_(loop_, http, resolver, options_),
        did_metrics_(metrics, "atproto_identity_resolve_did", "DID"),
        handle_metrics_(metrics, "atproto_identity_resolve_handle", "handle"),
        hits_(metrics.counter("atproto_directory_identity_cache_hits", "Identity look-ups answered from memory")),
        misses_(metrics.counter("atproto_directory_identity_cache_misses", "Identity look-ups that had to ask")),
        coalesced_(metrics.counter("atproto_directory_identity_requests_coalesced",
                                   "Identity look-ups that joined one under way")),
        size_(metrics.gauge("tap_identity_cache_size", "Identities and failed look-ups in memory")) {
    metrics.gauge("tap_identity_cache_capacity", "Identities in memory at most")
        .set(static_cast<std::int64_t>(options_.cache_size));
  }

  Task<Result<IdentityPtr>> lookup(atproto::Did did) override {
    for (;;) {
      if (auto known = cache_.find(did.str(), clock_.steady())) {
        hits_.add();
        co_return std::move(*known);
      }
      const auto under_way = flights_.find(did);
      if (under_way == flights_.end()) break;
      coalesced_.add();
      const auto flight = under_way->second;
      while (!flight->ended) co_await flight->landed.wait();
      if (flight->answer) co_return *flight->answer;
      // Whoever flew it was cancelled: somebody else must.
    }
    misses_.add();
    auto answer = co_await fly(did, false);
    if (answer || answer.error() != Errc::unavailable) co_return answer;
    // An old identity is better than none.
    co_return cache_.find(did.str(), clock_.steady()).value_or(std::move(answer));
  }

  Task<Result<IdentityPtr>> refresh(atproto::Did did) override {
    if (auto known = cache_.refreshed(did.str(), clock_.steady() - options_.refresh_interval)) {
      co_return std::move(*known);
    }
    abandon_flight(did);
    co_return co_await fly(did, true);
  }

  void purge(const atproto::Did& did) override {
    cache_.erase(did.str());
    abandon_flight(did);
    show_size();
  }

  IdentityPtr cached(const atproto::Did& did) override {
    const auto known = cache_.find(did.str(), clock_.steady());
    if (!known || !*known) return nullptr;
    hits_.add();
    return **known;
  }

  bool is_asking(const atproto::Did& did) const override { return flights_.contains(did); }

  Task<std::optional<std::string>> verified_handle(IdentityPtr identity) override {
    if (identity->declared_handle.empty()) co_return std::string(atproto::kInvalidHandle);
    const SteadyTime began = clock_.steady();
    const HandleAnswer answer = co_await handles_.resolve(identity->declared_handle);
    switch (answer.kind) {
      case HandleAnswer::Kind::unknown:
        handle_metrics_.count("error", began, clock_.steady());
        co_return std::nullopt;
      case HandleAnswer::Kind::none:
        handle_metrics_.count("notfound", began, clock_.steady());
        co_return std::string(atproto::kInvalidHandle);
      case HandleAnswer::Kind::did:
        handle_metrics_.count("success", began, clock_.steady());
        co_return answer.did == identity->did.str() ? identity->declared_handle : std::string(atproto::kInvalidHandle);
    }
    co_return std::nullopt;
  }

 private:
  /// One fetch under way, and those who wait for it.
  struct Flight {
    explicit Flight(Executor loop) : landed(std::move(loop)) {}
    async::Event landed;
    bool ended = false;
    bool current = true;                        // no purge or refresh came in between: the cache may have it
    std::optional<Result<IdentityPtr>> answer;  // none when it was cancelled
  };
  using FlightPtr = std::shared_ptr<Flight>;  // shared by whoever flies it and those who wait

  /// Fetches; others may join until it lands.
  Task<Result<IdentityPtr>> fly(atproto::Did did, bool refresh) {
    const auto flight = std::make_shared<Flight>(loop_);
    flights_.insert_or_assign(did, flight);
    struct Landing {
      HttpDirectory& directory;
      const atproto::Did& did;
      Flight& flight;
      ~Landing() {
        if (flight.current) directory.flights_.erase(did);
        flight.ended = true;
        flight.landed.notify_all();
      }
    } landing{*this, did, *flight};

    const SteadyTime began = clock_.steady();
    auto answer = co_await fetcher_.fetch(did);
    const SteadyTime now = clock_.steady();
    did_metrics_.count(status_of(answer), began, now);
    if (flight->current) cache_.put(did, answer, now, refresh);
    show_size();
    flight->answer = answer;
    co_return answer;
  }

  /// What is under way may bring the old document: nobody joins it any more, and it is not kept.
  void abandon_flight(const atproto::Did& did) {
    const auto found = flights_.find(did);
    if (found == flights_.end()) return;
    found->second->current = false;
    flights_.erase(found);
  }

  void show_size() { size_.set(static_cast<std::int64_t>(cache_.size())); }

  Executor loop_;
  const Clock& clock_;
  DirectoryOptions options_;
  Cache cache_;
  Fetcher fetcher_;
  HandleResolver handles_;
  std::unordered_map<atproto::Did, FlightPtr> flights_;
  ResolutionMetrics did_metrics_;
  ResolutionMetrics handle_metrics_;
  metrics::Counter& hits_;
  metrics::Counter& misses_;
  metrics::Counter& coalesced_;
  metrics::Gauge& size_;
};

}  // namespace

std::unique_ptr<Directory> make_directory(Executor loop, net::HttpClient& http, net::Resolver& resolver,
                                          const Clock& clock, metrics::Registry& metrics, DirectoryOptions options) {
  return std::make_unique<HttpDirectory>(std::move(loop), http, resolver, clock, metrics, std::move(options));
}

}  // namespace tap::identity

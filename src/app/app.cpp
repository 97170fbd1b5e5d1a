// SPDX-License-Identifier: MIT
#include "tap/app/app.hpp"

#include "tap/async/event.hpp"
#include "tap/async/task_group.hpp"
#include "tap/base/log.hpp"

#include "app/metrics_server.hpp"
#include "app/parts.hpp"
#include "app/process_metrics.hpp"
#include "app/stop_signals.hpp"
#include "app/stopper.hpp"

#include <boost/asio/io_context.hpp>

#include <cstdlib>
#include <optional>
#include <vector>

namespace tap::app {
namespace {

using namespace std::chrono_literals;
namespace asio = boost::asio;

constexpr log::Logger kLog("");
constexpr int kPartFailed = 1;
constexpr int kStartFailed = 255;
constexpr int kHandleCheckers = 16;

/// The life of the process: start, serve, stop. Everything runs on the thread that calls run().
class App {
 public:
  App(const Config& config, const std::string& ca_file, StopSignals& signals)
      : config_(config),
        signals_(signals),
        loop_(1),
        stop_(loop_.get_executor()),
        parts_(loop_.get_executor(), config, ca_file, failure_handler()),
        intake_(loop_.get_executor(), failure_handler()),
        delivery_(loop_.get_executor(), failure_handler()),
        services_(loop_.get_executor(), failure_handler()),
        root_(loop_.get_executor(), failure_handler()) {}

  int run() {
    root_.spawn("signals", watch_signals());
    root_.spawn("main", main());
    loop_.run();
    return status_;
  }

 private:
  async::TaskGroup::FailureHandler failure_handler() {
    return [this](std::string_view name, const std::exception_ptr& failure) {
      std::string what;
      try {
        std::rethrow_exception(failure);
      } catch (const std::exception& error) {
        what = error.what();
      }
      kLog.error("service error", {{"task", name}, {"error", what}});
      request_stop(kPartFailed);
    };
  }

  void request_stop(int status) {
    if (!stopping_) status_ = status;
    stopping_ = true;
    stop_.notify_all();
  }

  Task<void> watch_signals() {
    const int signal = co_await signals_.first();
    kLog.info("received a signal", {{"signal", signal}});
    request_stop(0);
  }

  Task<void> main() {
    if (start()) {
      while (!stopping_) co_await stop_.wait();
    }
    co_await stop();
    root_.cancel();
  }

  bool start() {
    if (!config_.metrics_listen.empty()) {
      add_process_metrics(parts_.metrics);
      auto started = MetricsServer::start(config_.metrics_listen, parts_.metrics);
      if (!started) return fail_to_start(started.error());
      metrics_server_ = std::move(*started);
      kLog.info("serving metrics", {{"addr", config_.metrics_listen}, {"port", metrics_server_->port()}});
    }
    if (auto listening = parts_.server->listen(); !listening) return fail_to_start(listening.error());

    services_.spawn("outbox", parts_.outbox->run());
    if (parts_.webhook) delivery_.spawn("webhook", parts_.webhook->run());
    services_.spawn("server", parts_.server->run());
    if (!config_.outbox_only) start_intake();
    kLog.info("startup complete", {{"bind", config_.bind},
                                   {"port", parts_.server->port()},
                                   {"repos", parts_.table.size()},
                                   {"undelivered", parts_.undelivered}});
    return true;
  }

  void start_intake() {
    parts_.table.each([this](repos::RepoId id, const repos::Repo& repo) {
      if (repo.state != repos::State::active) parts_.resyncer->wake(id);
    });
    for (atproto::Did& did : std::exchange(parts_.handles_due, {})) parts_.handles.check(std::move(did));
    for (int i = 0; i < kHandleCheckers; ++i) intake_.spawn("handles", parts_.handles.run());
    intake_.spawn("resyncer", parts_.resyncer->run());
    intake_.spawn("recheck", parts_.recheck.run());
    intake_.spawn("cursor", parts_.session->save_regularly());
    intake_.spawn("lag", parts_.session->measure_lag());
    intake_.spawn("firehose", parts_.session->run());
    for (const auto& crawler : parts_.crawlers) intake_.spawn("crawler", crawler->run());
  }

  bool fail_to_start(const Error& error) {
    kLog.error("service error", {{"error", error.message()}});
    request_stop(kPartFailed);
    return false;
  }

  /// Nothing new comes in, what is under way becomes durable, consumers are let go, and the database closes last.
  Task<void> stop() {
    kLog.info("shutting down");
    std::vector<StopStep> steps = {
        {"intake", 10s, [this] { return join(intake_); }},
        {"events in flight", 10s, [this] { return finished(is_whole() ? parts_.processor->drain() : nothing()); }},
        {"processor", 5s, [this] { return finished(parts_.processor->stop()); }},
        {"cursor", 5s, [this] { return config_.outbox_only ? finished(nothing()) : parts_.session->save_cursor(); }},
        {"consumers", 5s, [this] { return finished(parts_.channel->stop()); }},
        {"webhook", 5s, [this] { return join(delivery_); }},
        {"api", 12s, [this] { return finished(parts_.server->stop(10s)); }},
        {"services", 5s, [this] { return join(services_); }},
        {"writer", 10s, [this] { return parts_.writer->flush(); }},
    };
    // What could not be stopped still refers to the parts, and may hang in the database: leave without taking them
    // down. What is not durable comes again.
    if (!co_await stop_in_order(std::move(steps))) {
      log::flush();
      std::_Exit(status_);
    }
    parts_.reader->stop();
    parts_.writer->stop();
    metrics_server_.reset();
  }

  /// Else a part has failed: what is in flight may wait for it in vain, and is replayed from the cursor.
  [[nodiscard]] bool is_whole() const { return status_ == 0; }

  static Task<void> nothing() { co_return; }
  static Task<Result<void>> finished(Task<void> task) {
    co_await std::move(task);
    co_return Result<void>{};
  }
  static Task<Result<void>> join(async::TaskGroup& group) {
    group.cancel();
    try {
      co_await group.join();
    } catch (const std::exception& error) {  // reported when it happened; the shutdown goes on
      co_return fail(std::make_error_code(std::errc::interrupted), error.what());
    }
    co_return Result<void>{};
  }

  Config config_;
  StopSignals& signals_;
  asio::io_context loop_;
  async::Event stop_;
  Parts parts_;
  std::unique_ptr<MetricsServer> metrics_server_;
  async::TaskGroup intake_, delivery_, services_, root_;
  bool stopping_ = false;
  int status_ = 0;
};

}  // namespace

int run(const Config& config, const std::string& ca_file) {
  StopSignals signals;
  kLog.info("creating tap service", {{"relayUrl", config.relay_url}, {"plcUrl", config.plc_url}});
  for (const std::string& line : without_effect(config)) kLog.warn("a setting has no effect", {{"reason", line}});
  if (const auto because = implies_private_hosts(config); !because.empty() && !config.allow_private_hosts) {
    kLog.warn("hosts in private networks may be asked", {{"reason", std::string(because) + " is on loopback"}});
  }
  std::optional<App> app;
  try {
    app.emplace(config, ca_file, signals);
  } catch (const std::runtime_error& error) {
    kLog.error("exiting process", {{"error", error.what()}});
    return kStartFailed;
  }
  return app->run();
}

}  // namespace tap::app

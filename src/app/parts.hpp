// SPDX-License-Identifier: MIT
#pragma once

#include "tap/api/server.hpp"
#include "tap/app/config.hpp"
#include "tap/async/cpu_pool.hpp"
#include "tap/async/task_group.hpp"
#include "tap/base/clock.hpp"
#include "tap/base/metrics.hpp"
#include "tap/crawl/crawler.hpp"
#include "tap/deliver/channel.hpp"
#include "tap/deliver/webhook.hpp"
#include "tap/firehose/processor.hpp"
#include "tap/firehose/recheck.hpp"
#include "tap/firehose/session.hpp"
#include "tap/identity/directory.hpp"
#include "tap/ledger/ledger.hpp"
#include "tap/net/http_client.hpp"
#include "tap/net/resolver.hpp"
#include "tap/net/ws_client.hpp"
#include "tap/outbox/outbox.hpp"
#include "tap/repos/table.hpp"
#include "tap/resync/handle_keeper.hpp"
#include "tap/resync/resyncer.hpp"
#include "tap/store/store.hpp"
#include "tap/store/writer.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace tap::app {

/// Every part of the running program, in the order in which they are made; each knows only what stands above it.
/// Construction opens the database and loads the repos, and throws std::runtime_error when that fails; nothing runs
/// yet.
class Parts {
 public:
  /// `on_failure` hears of exceptions in the parts' own tasks: bugs, after which nothing can go on.
  Parts(const Executor& loop, const Config& config, const std::string& ca_file,
        async::TaskGroup::FailureHandler on_failure);

  SystemClock clock;
  RandomJitter jitter;
  metrics::Registry metrics;
  std::unique_ptr<store::Store> store;
  repos::Table table;
  std::vector<atproto::Did> handles_due;  ///< what a stop or crash left to be verified
  std::uint64_t undelivered;              ///< events at start
  std::unique_ptr<net::Resolver> resolver;
  std::unique_ptr<net::HttpClient> http;
  std::unique_ptr<net::WsConnector> ws;
  std::unique_ptr<identity::Directory> directory;
  async::CpuPool cpu;
  std::unique_ptr<store::Writer> writer;
  std::unique_ptr<store::Reader> reader;
  std::unique_ptr<outbox::Outbox> outbox;
  ledger::Ledger ledger;
  resync::HandleKeeper handles;
  std::unique_ptr<resync::Resyncer> resyncer;
  std::unique_ptr<firehose::Processor> processor;
  firehose::Recheck recheck;
  std::unique_ptr<firehose::Session> session;
  std::vector<std::unique_ptr<crawl::Crawler>> crawlers;  ///< one for each list that the relay is asked for
  std::unique_ptr<deliver::ChannelHub> channel;
  std::unique_ptr<deliver::Webhook> webhook;  ///< null without a URL for it
  std::unique_ptr<api::Server> server;
};

}  // namespace tap::app

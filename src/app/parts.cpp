// SPDX-License-Identifier: MIT
#include "app/parts.hpp"

#include <algorithm>
#include <filesystem>
#include <stdexcept>
#include <thread>

namespace tap::app {
namespace {

using std::chrono::milliseconds;

milliseconds to_milliseconds(std::chrono::nanoseconds duration) {
  return std::chrono::ceil<milliseconds>(duration);  // never to zero
}

net::Url url_of(const std::string& text) { return net::Url::parse(text).value(); }  // validated at start

bool private_hosts_allowed(const Config& config) {
  return config.allow_private_hosts || !implies_private_hosts(config).empty();
}

std::size_t webhook_requests(const Config& config) {
  constexpr std::size_t kUnit = 32;  // one at a time would wait for one answer after another
  return kUnit * static_cast<std::size_t>(config.outbox_parallelism);
}

net::ClientOptions client_options(const Config& config, const std::string& ca_file) {
  net::ClientOptions options{
      .user_agent = "tap/" TAP_VERSION, .ca_file = ca_file, .allow_private_hosts = private_hosts_allowed(config)};
  if (!config.webhook_url.empty()) {
    constexpr std::size_t kMost = 256;
    options.idle_per_origin = std::min(webhook_requests(config), kMost);
    options.idle_connections += options.idle_per_origin;
  }
  return options;
}

identity::DirectoryOptions directory_options(const Config& config) {
  return {.plc_url = url_of(config.plc_url),
          .cache_size = static_cast<std::size_t>(config.ident_cache_size),
          .allow_private_hosts = private_hosts_allowed(config)};
}

std::size_t cpu_threads(const Config& config) {
  const std::size_t cores = std::max(1U, std::thread::hardware_concurrency());
  return std::min(static_cast<std::size_t>(config.firehose_parallelism), cores);
}

/// Beside the database: there is room, and it is a disk. Elsewhere only the operator knows of a better place than the
/// system's.
std::string temporary_directory(const Config& config) {
  if (!config.temp_dir.empty()) return config.temp_dir;
  if (store::is_server_url(config.db_url)) return std::filesystem::temp_directory_path().string();
  constexpr std::string_view kSqlite = "sqlite://";
  const std::string_view url = config.db_url;
  const auto path = std::filesystem::path(url.starts_with(kSqlite) ? url.substr(kSqlite.size()) : url);
  return path.has_parent_path() ? path.parent_path().string() : ".";
}

/// The original names a relay as it is written in the settings.
std::optional<store::SaveCursor> cursor_name(const store::OriginalCursor& cursor) {
  const auto relay = net::Url::parse(cursor.url);
  if (!relay) return std::nullopt;
  if (cursor.kind == "firehose") return store::SaveCursor{"firehose", firehose::cursor_key(*relay), cursor.value};
  crawl::CursorPlace place = crawl::cursor_place(*relay, cursor.collection);
  return store::SaveCursor{std::move(place.kind), std::move(place.key), cursor.value};
}

store::StoreOptions store_options(const Config& config) {
  return {.max_connections = static_cast<std::size_t>(config.max_db_conn), .cursor_names = cursor_name};
}

/// A database that somebody else has changed is no failure of a task, but nothing can go on after it either.
store::WriterOptions writer_options(const async::TaskGroup::FailureHandler& on_failure) {
  store::WriterOptions options;
  options.on_superseded = [on_failure](const Error& error) {
    on_failure("writer", std::make_exception_ptr(std::runtime_error(error.message())));
  };
  return options;
}

resync::ResyncOptions resync_options(const Config& config) {
  constexpr milliseconds kDefaultTimeout{30'000};  // what a timeout of 0 stands for (protocol 10.1)
  const milliseconds timeout = to_milliseconds(config.repo_fetch_timeout);
  return {.parallelism = static_cast<std::size_t>(config.resync_parallelism),
          .fetch_timeout = timeout.count() > 0 ? timeout : kDefaultTimeout,
          .max_car_bytes = static_cast<std::uint64_t>(config.repo_max_bytes),
          .temporary_directory = temporary_directory(config)};
}

outbox::Options outbox_options(const Config& config) {
  const auto capacity = static_cast<std::size_t>(config.outbox_capacity);
  return {.capacity = capacity,
          .lane_capacity = std::clamp<std::size_t>(capacity / 10, 10, 1'000),
          .retry_timeout = to_milliseconds(config.retry_timeout),
          .max_attempts = static_cast<std::uint32_t>(config.max_attempts),
          .acks = !config.disable_acks || !config.webhook_url.empty()};
}

deliver::WebhookOptions webhook_options(const Config& config) {
  deliver::WebhookOptions options{.url = url_of(config.webhook_url), .parallelism = webhook_requests(config)};
  if (!config.admin_password.empty()) options.url.userinfo = "admin:" + config.admin_password;
  return options;
}

firehose::SessionOptions session_options(const Config& config) {
  firehose::SessionOptions options;
  options.relay = url_of(config.relay_url);
  options.no_replay = config.no_replay;
  options.cursor_save_interval = to_milliseconds(config.cursor_save_interval);
  return options;
}

/// At start an error travels as an exception: half-made parts cannot run.
template <class T>
T need(Result<T> result) {
  if (!result) throw std::runtime_error(result.error().message());
  return std::move(*result);
}

/// Gives the number of events that wait for a consumer.
std::uint64_t load(store::Store& store, repos::Table& table, std::vector<atproto::Did>& handles_due) {
  const auto loaded = store.load_repos([&](const store::RepoRow& row) {
    table.add(row.id, row.did, row.repo);
    // The others are verified when they are fetched.
    if (row.handle_due && row.repo.state == repos::State::active) handles_due.push_back(row.did);
  });
  if (!loaded) throw std::runtime_error(loaded.error().message());
  table.reserve(need(store.last_repo()));  // the id of a repo that is gone never names another
  return need(store.undelivered());
}

/// The lists that the relay is asked for, by collection; "" is that of the whole network, which only counts where no
/// signal is given. A prefix names no list: who writes to it is found in the firehose.
std::vector<std::string> crawled_lists(const Config& config) {
  if (config.signal_collection.empty()) {
    return config.full_network ? std::vector<std::string>{""} : std::vector<std::string>();
  }
  std::vector<std::string> lists = config.signal_collection;
  std::erase_if(lists, [](const std::string& pattern) { return pattern.ends_with('*'); });
  return lists;
}

std::vector<std::unique_ptr<crawl::Crawler>> make_crawlers(const crawl::CrawlParts& parts, const Config& config) {
  std::vector<std::unique_ptr<crawl::Crawler>> crawlers;
  for (std::string& collection : crawled_lists(config)) {
    crawlers.push_back(
        crawl::make_crawler(parts, {.relay = url_of(config.relay_url), .collection = std::move(collection)}));
  }
  return crawlers;
}

/// What /stats/cursors shows: where the crawl stands, of several the first.
crawl::CursorPlace shown_cursor(const Config& config) {
  const std::vector<std::string> lists = crawled_lists(config);
  return crawl::cursor_place(url_of(config.relay_url), lists.empty() ? std::string() : lists.front());
}

api::ServerOptions server_options(const Config& config) {
  return {.bind = config.bind, .admin_password = config.admin_password, .webhook_mode = !config.webhook_url.empty()};
}

}  // namespace

Parts::Parts(const Executor& loop, const Config& config, const std::string& ca_file,
             async::TaskGroup::FailureHandler on_failure)
    : store(need(store::open_store(config.db_url, store_options(config)))),
      undelivered(load(*store, table, handles_due)),
      resolver(net::make_resolver(loop, {}, &metrics)),
      http(net::make_http_client(*resolver, client_options(config, ca_file))),
      ws(net::make_ws_connector(*resolver, client_options(config, ca_file))),
      directory(identity::make_directory(loop, *http, *resolver, clock, metrics, directory_options(config))),
      cpu(loop, cpu_threads(config), &metrics.queue("cpu", 0)),
      writer(store::make_writer(loop, *store, metrics, writer_options(on_failure))),
      reader(need(store::make_reader(loop, *store, *writer, metrics))),
      outbox(outbox::make_outbox(loop, *reader, clock, metrics, undelivered, outbox_options(config))),
      ledger(loop, table, *writer, *reader, metrics),
      handles(loop, table, ledger, *directory, clock, jitter, metrics),
      resyncer(resync::make_resyncer({.loop = loop,
                                      .table = table,
                                      .ledger = ledger,
                                      .writer = *writer,
                                      .reader = *reader,
                                      .outbox = *outbox,
                                      .directory = *directory,
                                      .http = *http,
                                      .cpu = cpu,
                                      .check_handle = [this](atproto::Did did) { handles.check(std::move(did)); },
                                      .clock = clock,
                                      .jitter = jitter,
                                      .metrics = metrics},
                                     verify::Filter(config.collection_filters), resync_options(config))),
      processor(firehose::make_processor({.loop = loop,
                                          .table = table,
                                          .ledger = ledger,
                                          .directory = *directory,
                                          .check_handle = [this](atproto::Did did) { handles.check(std::move(did)); },
                                          .cpu = cpu,
                                          .clock = clock,
                                          .jitter = jitter,
                                          .metrics = metrics,
                                          .on_failure = std::move(on_failure)},
                                         verify::Filter(config.collection_filters),
                                         {.network = config.full_network, .collections = config.signal_collection})),
      recheck({.loop = loop,
               .table = table,
               .ledger = ledger,
               .writer = *writer,
               .reader = *reader,
               .http = *http,
               .metrics = metrics},
              {.relay = url_of(config.relay_url)}),
      session(firehose::make_session(*ws, *processor, recheck, *writer, *reader, clock, jitter, metrics,
                                     session_options(config))),
      crawlers(make_crawlers({.http = *http,
                              .ledger = ledger,
                              .writer = *writer,
                              .reader = *reader,
                              .clock = clock,
                              .jitter = jitter,
                              .metrics = metrics},
                             config)),
      channel(deliver::make_channel_hub(loop, *outbox, clock, metrics)),
      webhook(config.webhook_url.empty()
                  ? nullptr
                  : deliver::make_webhook(loop, *outbox, *http, clock, jitter, metrics, webhook_options(config))),
      server(api::make_server(
          {.loop = loop,
           .table = table,
           .ledger = ledger,
           .reader = *reader,
           .writer = *writer,
           .directory = *directory,
           .outbox = *outbox,
           .channel = *channel,
           .resyncer = config.outbox_only ? nullptr : resyncer.get(),
           .firehose_seq = [this] { return session->last_seq(); },
           .list_repos_cursor = [this, place = shown_cursor(config)] { return reader->cursor(place.kind, place.key); },
           .metrics = metrics},
          server_options(config))) {
  writer->connect(*outbox);
  if (undelivered > 0) ledger.inherit_events();
  ledger.on_work([this](repos::RepoId id) { resyncer->retry_now(id); });
}

}  // namespace tap::app

// SPDX-License-Identifier: MIT
#include "tap/app/config.hpp"

#include "tap/atproto/identifiers.hpp"
#include "tap/base/text.hpp"
#include "tap/net/url.hpp"

#include "app/values.hpp"

#include <boost/asio/ip/address.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <filesystem>

namespace tap::app {
namespace {

constexpr std::int64_t kMillisecond = 1'000'000;

std::string flag_and_variable(const Option& option) {
  return std::string(option.flag) + " (--" + std::string(option.flag) + ", " + std::string(option.environment.front()) +
         ")";
}

/// An NSID, or the beginning of one and an asterisk.
bool is_filter(std::string_view text) {
  if (!text.ends_with('*')) return atproto::is_nsid(text);
  text.remove_suffix(1);
  return text.size() <= 317 && std::ranges::all_of(text, [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '-';
         });
}

std::string out_of_range(const Config& config, const Option& option) {
  if (const auto* target = std::get_if<std::int64_t Config::*>(&option.target)) {
    const std::int64_t value = config.*(*target);
    if (value >= option.least && value <= option.most) return {};
    return flag_and_variable(option) + " must be between " + std::to_string(option.least) + " and " +
           std::to_string(option.most) + ", not " + std::to_string(value);
  }
  if (const auto* target = std::get_if<std::chrono::nanoseconds Config::*>(&option.target)) {
    const auto value = config.*(*target);
    if (value.count() >= option.least) return {};
    return flag_and_variable(option) + " must be at least " + print_duration(std::chrono::nanoseconds(option.least)) +
           ", not " + print_duration(value);
  }
  return {};
}

bool is_on_loopback(const std::string& text) {
  const auto url = net::Url::parse(text);
  if (!url) return false;
  boost::system::error_code not_literal;
  const auto address = boost::asio::ip::make_address(url->host, not_literal);
  return url->host == "localhost" || (!not_literal && address.is_loopback());
}

const Option& option_of(std::string_view flag) { return *std::ranges::find(options(), flag, &Option::flag); }

/// The URL is not repeated: it may hold a password.
std::string bad_web_url(const std::string& text, std::string_view flag,
                        std::initializer_list<std::string_view> schemes) {
  const auto url = net::Url::parse(text);
  if (url && std::ranges::find(schemes, url->scheme) != schemes.end()) return {};
  const std::string_view scheme = std::string_view(text).substr(0, text.find("://"));
  const bool is_cut = scheme.size() < text.size() && std::ranges::find(schemes, scheme) != schemes.end();
  const std::string_view what = is_cut ? " cannot be read: behind :// comes a host, and a port up to 65535 if any"
                                       : " must start with http:// or https://";
  return fmt::format("{0}{1} (--{0}, {2})", flag, what, option_of(flag).environment.front());
}

/// About the first of these that is no pattern for collections.
std::string bad_pattern(const std::vector<std::string>& patterns, std::string_view flag) {
  const auto bad = std::ranges::find_if_not(patterns, is_filter);
  if (bad == patterns.end()) return {};
  return flag_and_variable(option_of(flag)) + " has \"" + *bad + "\", which is neither an NSID nor a prefix and *";
}

/// host:port, [IPv6]:port or :port.
bool is_address(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos || !parse_decimal<std::uint16_t>(text.substr(colon + 1))) return false;
  const std::string_view host = text.substr(0, colon);
  return !host.contains(':') || (host.starts_with('[') && host.ends_with(']'));
}

std::string bad_address(const std::string& text, std::string_view flag) {
  if (is_address(text)) return {};
  return flag_and_variable(option_of(flag)) + " must be host:port or :port, not \"" + text + "\"";
}

/// Empty is off.
std::string bad_metrics_address(const std::string& text) {
  if (text.empty()) return {};
  // civetweb as Debian builds it knows IPv4 only.
  if (text.starts_with('[')) {
    return flag_and_variable(option_of("metrics-listen")) + " cannot be an IPv6 address: " + text;
  }
  return bad_address(text, "metrics-listen");
}

std::string bad_folder(const std::string& path) {
  std::error_code not_seen;
  if (path.empty() || std::filesystem::is_directory(path, not_seen)) return {};
  return flag_and_variable(option_of("temp-dir")) + " is no folder: " + path;
}

/// Settings that fit each alone but not together.
std::string contradiction(const Config& config) {
  if (config.no_replay && config.full_network) {
    return "--no-replay cannot be used with --full-network (TAP_NO_REPLAY, TAP_FULL_NETWORK)";
  }
  if (config.metrics_listen == config.bind && !config.bind.ends_with(":0")) {
    return "--metrics-listen cannot be the address of --bind (TAP_METRICS_LISTEN, TAP_BIND)";
  }
  return {};
}

bool is_database_url(std::string_view url) {
  return url.starts_with("sqlite://") || url.starts_with("postgres://") || url.starts_with("postgresql://") ||
         (!url.empty() && url.find("://") == std::string_view::npos);
}

std::string bad_url(const Config& config) {
  const std::initializer_list<std::string_view> web = {"http", "https"};
  for (std::string error : {bad_web_url(config.relay_url, "relay-url", {"http", "https", "ws", "wss"}),
                            bad_web_url(config.plc_url, "plc-url", web),
                            config.webhook_url.empty() ? "" : bad_web_url(config.webhook_url, "webhook-url", web)}) {
    if (!error.empty()) return error;
  }
  if (!is_database_url(config.db_url)) {
    return "unsupported database URL scheme: must start with sqlite://, postgres://, or postgresql:// (--db-url, "
           "TAP_DATABASE_URL)";
  }
  return {};
}

}  // namespace

std::span<const Option> options() {
  static const std::array<Option, 28> kOptions = {{
      {"relay-url", {"TAP_RELAY_URL"}, &Config::relay_url, "relay whose firehose is followed (http, https, ws, wss)"},
      {"plc-url", {"TAP_PLC_URL", "ATP_PLC_HOST"}, &Config::plc_url, "PLC directory that resolves did:plc"},
      {"db-url",
       {"TAP_DATABASE_URL"},
       &Config::db_url,
       "database: sqlite://relative/path, sqlite:///absolute/path, a path, or postgres://user:password@host/database"},
      {"bind", {"TAP_BIND"}, &Config::bind, "address of the HTTP API and of /channel, host:port or :port"},
      {"admin-password",
       {"TAP_ADMIN_PASSWORD"},
       &Config::admin_password,
       "ask for Basic authentication as user admin with this password on every path"},
      {"collection-filters",
       {"TAP_COLLECTION_FILTERS"},
       &Config::collection_filters,
       "collections to deliver; a trailing * matches by prefix; comma separated, repeatable; none: all"},
      {"signal-collection",
       {"TAP_SIGNAL_COLLECTION"},
       &Config::signal_collection,
       "follow every repo that has a record in one of these collections; comma separated, repeatable; with a trailing "
       "* "
       "(prefix), those that write one from now on"},
      {"full-network",
       {"TAP_FULL_NETWORK"},
       &Config::full_network,
       "follow every repo of the network; with signal collections, those that the relay lists are found by these only"},
      {"webhook-url",
       {"TAP_WEBHOOK_URL"},
       &Config::webhook_url,
       "deliver by POST to this URL instead of /channel; any 2xx is the ack"},
      {"disable-acks",
       {"TAP_DISABLE_ACKS"},
       &Config::disable_acks,
       "fire and forget: an event written to a consumer is done with"},
      {"retry-timeout",
       {"TAP_RETRY_TIMEOUT"},
       &Config::retry_timeout,
       "an event not acked for so long is sent again",
       kMillisecond},
      {"max-attempts",
       {"TAP_MAX_ATTEMPTS"},
       &Config::max_attempts,
       "attempts after which an event that no consumer takes is set aside as a dead letter; 0: never",
       0,
       1'000'000},
      {"no-replay",
       {"TAP_NO_REPLAY"},
       &Config::no_replay,
       "start at the live end of the firehose instead of the saved cursor"},
      {"outbox-only",
       {"TAP_OUTBOX_ONLY"},
       &Config::outbox_only,
       "only deliver what is stored: no firehose, no resyncs"},
      {"outbox-capacity",
       {"TAP_OUTBOX_CAPACITY"},
       &Config::outbox_capacity,
       "events held in memory for consumers; the rest waits in the database",
       100},
      {"outbox-parallelism",
       {"TAP_OUTBOX_PARALLELISM"},
       &Config::outbox_parallelism,
       "requests to the webhook at once, in units of 32; of no effect without one",
       1,
       1'000},
      {"firehose-parallelism",
       {"TAP_FIREHOSE_PARALLELISM"},
       &Config::firehose_parallelism,
       "threads that verify commits, at most one per core",
       1,
       1'000},
      {"resync-parallelism",
       {"TAP_RESYNC_PARALLELISM"},
       &Config::resync_parallelism,
       "repos that are checked and written at once",
       1,
       1'000},
      {"repo-fetch-timeout",
       {"TAP_REPO_FETCH_TIMEOUT"},
       &Config::repo_fetch_timeout,
       "time to fetch one repo from its PDS (0: 30s)"},
      {"repo-max-bytes",
       {"TAP_REPO_MAX_BYTES"},
       &Config::repo_max_bytes,
       "a repo whose export is larger is not fetched",
       1 << 20},
      {"temp-dir",
       {"TAP_TEMP_DIR"},
       &Config::temp_dir,
       "folder for repos under way that do not fit in memory; empty: beside the database, or the system's where that "
       "is a "
       "server"},
      {"cursor-save-interval",
       {"TAP_CURSOR_SAVE_INTERVAL"},
       &Config::cursor_save_interval,
       "how often the firehose cursor is saved",
       kMillisecond},
      {"ident-cache-size",
       {"TAP_IDENT_CACHE_SIZE", "RELAY_IDENT_CACHE_SIZE"},
       &Config::ident_cache_size,
       "identities kept in memory",
       1},
      {"allow-private-hosts",
       {"TAP_ALLOW_PRIVATE_HOSTS"},
       &Config::allow_private_hosts,
       "let DID documents name hosts in private networks; implied when relay or PLC is on loopback"},
      {"max-db-conn",
       {"TAP_MAX_DB_CONNS"},
       &Config::max_db_conn,
       "connections to a database server at most; one is enough, 3 are used, SQLite needs none",
       1,
       10'000},
      {"metrics-listen",
       {"TAP_METRICS_LISTEN"},
       &Config::metrics_listen,
       "address of the Prometheus metrics, host:port or :port; empty: off"},
      {"log-level", {"TAP_LOG_LEVEL", "LOG_LEVEL"}, &Config::log_level, "debug, info, warn or error"},
      {"env", {"TAP_ENV"}, &Config::env, "name of the environment; not used"},
  }};
  return kOptions;
}

std::string_view Option::type() const {
  constexpr std::array<std::string_view, 5> kNames = {"TEXT", "INT", "DURATION", "BOOL", "LIST"};
  return kNames.at(target.index());
}

std::string Option::fallback() const {
  static const Config kDefaults;
  struct Print {
    std::string operator()(std::string Config::* member) const { return kDefaults.*member; }
    std::string operator()(std::int64_t Config::* member) const { return std::to_string(kDefaults.*member); }
    std::string operator()(std::chrono::nanoseconds Config::* member) const {
      return print_duration(kDefaults.*member);
    }
    std::string operator()(bool Config::* member) const { return kDefaults.*member ? "true" : "false"; }
    std::string operator()(std::vector<std::string> Config::*) const { return {}; }
  };
  return std::visit(Print{}, target);
}

std::string Option::range() const {
  if (type() == "INT")
    return most == Option{}.most ? fmt::format("{} or more", least) : fmt::format("{} to {}", least, most);
  if (type() == "DURATION") return print_duration(std::chrono::nanoseconds(least)) + " or more";
  return {};
}

std::string validate(const Config& config) {
  for (std::string error :
       {bad_url(config), bad_pattern(config.collection_filters, "collection-filters"),
        bad_pattern(config.signal_collection, "signal-collection"), bad_address(config.bind, "bind"),
        bad_metrics_address(config.metrics_listen), contradiction(config), bad_folder(config.temp_dir)}) {
    if (!error.empty()) return error;
  }
  for (const Option& option : options()) {
    if (std::string error = out_of_range(config, option); !error.empty()) return error;
  }
  return {};
}

std::string_view implies_private_hosts(const Config& config) {
  if (is_on_loopback(config.relay_url)) return "relay-url";
  if (is_on_loopback(config.plc_url)) return "plc-url";
  return {};
}

std::vector<std::string> without_effect(const Config& config) {
  std::vector<std::string> lines;
  const auto note = [&](bool is_set, std::string_view flag, std::string_view because) {
    if (is_set) lines.push_back(fmt::format("{} has no effect: {}", flag_and_variable(option_of(flag)), because));
  };
  const bool has_webhook = !config.webhook_url.empty();
  note(has_webhook && config.disable_acks, "disable-acks", "the answer of a webhook is its ack");
  note(!has_webhook && config.disable_acks && config.max_attempts > 0, "max-attempts",
       "without acks nothing is refused");
  if (config.outbox_only) {
    constexpr std::string_view kNothing = "with --outbox-only nothing is followed";
    note(config.full_network, "full-network", kNothing);
    note(!config.signal_collection.empty(), "signal-collection", kNothing);
    note(config.no_replay, "no-replay", kNothing);
  }
  return lines;
}

}  // namespace tap::app

// SPDX-License-Identifier: MIT
#pragma once

#include "tap/async/cpu_pool.hpp"
#include "tap/atproto/identifiers.hpp"
#include "tap/net/http_client.hpp"

#include "resync/block_file.hpp"

#include <chrono>
#include <memory>
#include <optional>
#include <string>

namespace tap::resync {

/// A fetched repo: every block checked against its CID, nothing else yet.
struct Fetched {
  atproto::Cid root;
  std::unique_ptr<BlockFile> blocks;
};

struct FetchOptions {
  std::chrono::milliseconds timeout{300'000};
  std::chrono::milliseconds idle{30'000};
  std::uint64_t max_bytes = std::uint64_t{1} << 30;
  std::string temporary_directory;
};

/// What a host said about being asked too often (protocol 10.6).
struct Pause {
  std::optional<std::chrono::seconds> length;
};

/// getRepo from a PDS, streamed into a BlockFile, hashed on the pool. Errors: rate_limited (and `pause` is set),
/// refused, request_failed, temporary_file, or what the CAR parser says.
[[nodiscard]] Task<Result<Fetched>> fetch_repo(net::HttpClient& http, async::CpuPool& cpu, std::string pds,
                                               atproto::Did did, FetchOptions options, WallTime now, Pause& pause);

/// How long a 429 asks to wait: Retry-After as seconds or date, else RateLimit-Reset; nothing when neither is there or
/// readable. At most an hour.
[[nodiscard]] std::optional<std::chrono::seconds> pause_of(const net::Response& response, WallTime now);

}  // namespace tap::resync

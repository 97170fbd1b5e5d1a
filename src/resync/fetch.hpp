// SPDX-License-Identifier: MIT
#pragma once

#include "tap/async/cpu_pool.hpp"
#include "tap/atproto/identifiers.hpp"
#include "tap/base/clock.hpp"
#include "tap/base/metrics.hpp"
#include "tap/net/http_client.hpp"

#include "resync/block_file.hpp"

#include <algorithm>
#include <chrono>
#include <cstdint>
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
  /// Of one repo. A record and its place in the tree take some 90 bytes of a CAR at the least, in fewer than two
  /// blocks.
  std::uint64_t max_blocks = max_bytes / 64;
  /// What all that are held at a time may take: of memory for their indexes as much as the largest that one may have,
  /// and of disk eight times the largest repo.
  std::uint64_t index_bytes = max_bytes / 2;
  std::uint64_t file_bytes = 8 * std::min(max_bytes, std::uint64_t{1} << 40);  // where a BlockFile ends
};

/// Fetches whole repos from their PDSes. What it has fetched does not outlive it. Loop thread only.
class Fetcher {
 public:
  Fetcher(net::HttpClient& http, async::CpuPool& cpu, const Clock& clock, metrics::Registry& metrics,
          FetchOptions options);

  struct Answer {
    Result<Fetched> repo;
    std::optional<std::chrono::seconds> pause;  ///< how long a 429 asks us to stay away
  };
  /// getRepo, streamed into a BlockFile, hashed on the pool. Errors: rate_limited, refused, unreachable,
  /// request_failed, temporary_file, or what the CAR parser says.
  [[nodiscard]] Task<Answer> fetch(std::string pds, atproto::Did did);

 private:
  [[nodiscard]] Task<Result<Fetched>> stream(net::Url url, std::optional<std::chrono::seconds>& pause);

  net::HttpClient& http_;
  async::CpuPool& cpu_;
  const Clock& clock_;
  FetchOptions options_;
  BytePool index_, files_;
  metrics::Counter& bytes_;
};

/// What an answer other than 2xx means, in the words of protocol 10.
[[nodiscard]] Error api_error(const net::Response& response);
/// The same for a request that got no answer.
[[nodiscard]] Error network_error(const Error& error);

}  // namespace tap::resync

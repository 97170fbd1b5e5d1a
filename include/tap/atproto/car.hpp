// SPDX-License-Identifier: MIT
#pragma once

#include "tap/atproto/cid.hpp"
#include "tap/base/bytes.hpp"
#include "tap/base/result.hpp"

#include <functional>
#include <optional>
#include <unordered_map>

/// CAR v1 (protocol 4): push in bytes as they come, get verified blocks in the order they stand.
namespace tap::atproto::car {

struct Limits {
  std::size_t header = 1 << 20;                    ///< bytes of the header
  std::size_t section = 2 << 20;                   ///< bytes of one section, CID included
  std::uint64_t total = std::uint64_t{512} << 20;  ///< bytes of the whole CAR
};

/// Push parser. Feed any chunks; each block is handed to the sink once its hash is checked. The view given to the sink
/// is valid during the call only. After an error every further call fails alike. Memory: at most one section. Not
/// thread-safe.
class Parser {
 public:
  using Sink = std::function<Result<void>(const Cid& cid, ByteView data)>;

  Parser(Limits limits, Sink sink);
  [[nodiscard]] Result<void> feed(ByteView chunk);
  /// The input is over: car_truncated inside a section, car_bad_header if there was none.
  [[nodiscard]] Result<void> finish();
  /// The first root, once the header is read.
  [[nodiscard]] const std::optional<Cid>& root() const { return root_; }

 private:
  [[nodiscard]] Result<std::size_t> consume(ByteView input);
  [[nodiscard]] Result<void> on_header(ByteView bytes);
  [[nodiscard]] Result<void> on_section(ByteView bytes);
  Limits limits_;
  Sink sink_;
  Bytes pending_;
  std::optional<Cid> root_;
  std::uint64_t seen_ = 0;
  bool header_done_ = false;
  std::optional<Error> failed_;
};

/// Blocks by CID; views into a buffer that outlives them. A later duplicate is ignored: both have the same digest.
using Blocks = std::unordered_map<Cid, ByteView>;

struct View {
  Cid root;
  Blocks blocks;
};
/// A whole CAR in memory (a #commit's or #sync's slice), all hashes checked, without copying blocks.
[[nodiscard]] Result<View> parse(ByteView car, Limits limits = {});

/// Writes a CAR; for tests and tools.
class Writer {
 public:
  Writer(Bytes& out, const Cid& root);
  void block(const Cid& cid, ByteView data);

 private:
  Bytes& out_;
};

}  // namespace tap::atproto::car

// SPDX-License-Identifier: MIT
#pragma once

#include "tap/base/clock.hpp"
#include "tap/identity/directory.hpp"

#include <boost/multi_index/hashed_index.hpp>
#include <boost/multi_index/mem_fun.hpp>
#include <boost/multi_index/sequenced_index.hpp>
#include <boost/multi_index_container.hpp>

#include <cstddef>
#include <memory>
#include <optional>
#include <string_view>
#include <variant>

namespace tap::identity {

/// Identities and failed look-ups, least recently used ones given up first. Pure: time is passed in. An ordinary entry
/// weighs one, one with a long document or DID one more for each further kilobyte, so that strangers' documents cannot
/// fill the memory. Loop thread only.
class Cache {
 public:
  struct Ttl {
    std::chrono::milliseconds identity, error, unavailable;
  };
  Cache(std::size_t capacity, Ttl ttl) : capacity_(capacity), ttl_(ttl) {}

  /// What is known and fresh.
  [[nodiscard]] std::optional<Result<IdentityPtr>> find(std::string_view did, SteadyTime now);
  /// The answer of the last refresh, when that came after `since`.
  [[nodiscard]] std::optional<Result<IdentityPtr>> refreshed(std::string_view did, SteadyTime since) const;
  /// `refresh`: this is the answer of a refresh. No answer (unavailable) says nothing about an identity that is known:
  /// that one serves on until the directory is back.
  void put(const atproto::Did& did, const Result<IdentityPtr>& answer, SteadyTime now, bool refresh);
  void erase(std::string_view did);

  [[nodiscard]] std::size_t size() const { return entries_.size(); }
  [[nodiscard]] std::size_t weight() const { return weight_; }

 private:
  struct Failure {
    atproto::Did did;
    Error error;
  };
  struct Entry {
    std::variant<IdentityPtr, std::unique_ptr<Failure>> answer;
    SteadyTime stale_at;
    SteadyTime refreshed_at;  // or the epoch

    [[nodiscard]] std::string_view did() const;
    [[nodiscard]] std::size_t weight() const;
    [[nodiscard]] Result<IdentityPtr> result() const;
  };
  using Entries = boost::multi_index_container<
      Entry, boost::multi_index::indexed_by<boost::multi_index::sequenced<>,  // the most recently used one first
                                            boost::multi_index::hashed_unique<
                                                boost::multi_index::const_mem_fun<Entry, std::string_view, &Entry::did>,
                                                std::hash<std::string_view>>>>;

  bool prolong(std::string_view did, SteadyTime now);
  [[nodiscard]] std::chrono::milliseconds ttl_of(const Result<IdentityPtr>& answer) const;

  std::size_t capacity_;
  Ttl ttl_;
  Entries entries_;
  std::size_t weight_ = 0;
};

}  // namespace tap::identity

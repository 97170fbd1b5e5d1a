// SPDX-License-Identifier: MIT
#pragma once

#include "tap/identity/directory.hpp"

#include "support/atproto/did_document.hpp"
#include "support/loop.hpp"

#include <cstddef>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>

namespace tap::test {

/// A directory that the test writes. Like the real one it remembers what it has told: know() alone does not change
/// that.
class FakeDirectory final : public identity::Directory {
 public:
  explicit FakeDirectory(Executor loop) : gate(std::move(loop)) {}

  Gate gate;                            ///< before an answer that is not remembered
  std::optional<identity::Errc> error;  ///< the answer to everything that is not remembered
  std::size_t lookups = 0, refreshes = 0, purges = 0;
  std::map<std::string, std::optional<std::string>> handles;  ///< verified ones by DID; others are "handle.invalid"

  void know(const Account& account, std::string_view pds_url = "https://pds.test") {
    auto identity = identity::parse_document(account.did(), did_document(account, pds_url)).value();
    known_.insert_or_assign(account.did(), std::make_shared<const identity::Identity>(std::move(identity)));
  }
  /// Another identity than the account's own.
  void know(identity::Identity identity) {
    const atproto::Did did = identity.did;
    known_.insert_or_assign(did, std::make_shared<const identity::Identity>(std::move(identity)));
  }

  [[nodiscard]] Task<Result<identity::IdentityPtr>> lookup(atproto::Did did) override {
    ++lookups;
    if (const auto told = cached(did)) co_return told;
    co_return co_await fetch(did);
  }
  [[nodiscard]] Task<Result<identity::IdentityPtr>> refresh(atproto::Did did) override {
    ++refreshes;
    co_return co_await fetch(did);
  }
  void purge(const atproto::Did& did) override {
    ++purges;
    told_.erase(did);
  }
  [[nodiscard]] identity::IdentityPtr cached(const atproto::Did& did) override {
    const auto found = told_.find(did);
    return found == told_.end() ? nullptr : found->second;
  }
  [[nodiscard]] bool is_asking(const atproto::Did& did) const override { return asking_.contains(did); }
  [[nodiscard]] Task<std::optional<std::string>> verified_handle(identity::IdentityPtr identity) override {
    co_await gate.pass();
    const auto found = handles.find(identity->did.str());
    co_return found == handles.end() ? std::string(atproto::kInvalidHandle) : found->second;
  }

 private:
  Task<Result<identity::IdentityPtr>> fetch(atproto::Did did) {
    asking_.insert(did);
    co_await gate.pass();
    asking_.erase(asking_.find(did));
    if (error) co_return tap::fail(*error);
    const auto found = known_.find(did);
    if (found == known_.end()) co_return tap::fail(identity::Errc::not_found);
    told_.insert_or_assign(did, found->second);
    co_return found->second;
  }
  std::map<atproto::Did, identity::IdentityPtr> known_;
  std::map<atproto::Did, identity::IdentityPtr> told_;
  std::multiset<atproto::Did> asking_;
};

}  // namespace tap::test

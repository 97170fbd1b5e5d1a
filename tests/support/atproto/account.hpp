// SPDX-License-Identifier: MIT
#pragma once

#include "tap/atproto/commit.hpp"
#include "tap/atproto/event.hpp"
#include "tap/atproto/mst.hpp"

#include "support/atproto/messages.hpp"
#include "support/atproto/records.hpp"
#include "support/atproto/signing_key.hpp"

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace tap::test {

struct Write {
  atproto::Action action{};
  std::string path;
  Bytes record;  ///< empty for a removal
};
[[nodiscard]] Write create(std::string path, Bytes record);
[[nodiscard]] Write update(std::string path, Bytes record);
[[nodiscard]] Write remove(std::string path);

/// What the signed commit says besides the truth.
struct SignedLies {
  bool high_s = false;
  std::optional<SigningKey> key = {};  ///< signs in place of the account's
  std::optional<atproto::Did> did = {};
  std::optional<atproto::Tid> rev = {};  ///< of the commit only; Account::set_next_rev() for both
  std::optional<atproto::Cid> data = {};
};

/// Where the blocks of a whole repo stand (protocol 4.2: every order is legal).
enum class Order : std::uint8_t {
  streaming,      ///< commit, then each node before its subtrees and records, in key order
  nodes_first,    ///< commit, nodes, records
  records_first,  ///< records, nodes, commit last
};

/// A synthetic account: its keys, its repo, and true messages about them. Deterministic: everything follows from the
/// number it was made with (signatures with P-256 apart). The tree is kept, not rebuilt: a commit costs about as much
/// as its signature, in a repo of any size. Moved, not copied. Not thread-safe.
class Account {
 public:
  explicit Account(std::uint64_t number, atproto::Curve curve = atproto::Curve::k256);
  /// The same with a DID of another kind.
  Account(std::uint64_t number, atproto::Did did, atproto::Curve curve = atproto::Curve::k256);

  [[nodiscard]] const atproto::Did& did() const { return did_; }
  [[nodiscard]] const std::string& handle() const { return handle_; }
  [[nodiscard]] const SigningKey& key() const { return key_; }
  /// From now on commits are signed with another key.
  void rotate(SigningKey key) { key_ = std::move(key); }

  struct Head {
    atproto::Tid rev;
    atproto::Cid commit, data;
  };
  /// Of the last commit; a new account has none.
  [[nodiscard]] const std::optional<Head>& head() const { return head_; }
  [[nodiscard]] const std::map<std::string, Bytes>& records() const { return records_; }

  /// Applies the writes and tells about them: prevData, since, prev of each op, and every block that inversion needs.
  /// Throws std::logic_error when a write does not fit the repo.
  CommitMessage commit(const std::vector<Write>& writes, const SignedLies& lies = {});
  /// One post at a new path.
  CommitMessage post();
  /// The rev of the next commit, which must be above the last.
  void set_next_rev(atproto::Tid rev) { next_rev_ = rev; }
  /// Creates so many posts in one commit that nobody hears of.
  void fill(std::size_t posts);

  [[nodiscard]] SyncMessage sync() const;
  [[nodiscard]] IdentityMessage identity() const;
  [[nodiscard]] AccountMessage status(bool active, std::optional<std::string> reason = {}) const;
  /// What getRepo answers.
  [[nodiscard]] Bytes full_car(Order order = Order::streaming);
  [[nodiscard]] const Bytes& commit_block() const { return commit_block_; }
  /// A path that no post had before.
  [[nodiscard]] std::string new_path() { return post_path(tids_.next()); }

 private:
  CommitMessage::Op apply(const Write& write);
  void seal(const SignedLies& lies);

  atproto::Did did_;
  std::string handle_;
  SigningKey key_;
  TidSource tids_;
  std::optional<atproto::Tid> next_rev_;
  atproto::mst::Tree tree_;
  std::map<std::string, Bytes> records_;
  std::optional<Head> head_;
  Bytes commit_block_;
  std::uint64_t posts_ = 0;
};

}  // namespace tap::test

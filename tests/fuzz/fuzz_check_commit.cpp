// SPDX-License-Identifier: MIT
// A real #commit whose unsigned parts the input replaces: whatever is believed must say what the account did.
#include "tap/verify/commit.hpp"

#include "fuzz/fuzz.hpp"
#include "support/atproto/account.hpp"

using namespace tap;
using test::CommitMessage;

namespace {

/// An account, its last commit, and what was true of it.
struct Truth {
  test::Account account{1};
  CommitMessage message;
  Bytes payload;
  Truth() {
    account.fill(60);
    const std::string changed = account.records().begin()->first;
    const std::string removed = account.records().rbegin()->first;
    message = account.commit({test::create(account.new_path(), test::post_record(900)),
                              test::update(changed, test::post_record(901)), test::remove(removed)});
    payload = message.payload();
  }
};

/// Applies edits to the message's fields, one a byte or two.
CommitMessage edited(const Truth& truth, fuzz::Input& input) {
  CommitMessage message = truth.message;
  while (!input.empty()) {
    const std::uint8_t what = input.byte();
    const std::uint8_t which = input.byte();
    auto& ops = message.ops;
    auto& blocks = message.blocks;
    switch (what % 10) {
      case 0:
        if (!ops.empty()) ops.erase(ops.begin() + which % static_cast<std::ptrdiff_t>(ops.size()));
        break;
      case 1:
        if (!ops.empty()) ops.push_back(ops[which % ops.size()]);
        break;
      case 2:
        if (!ops.empty()) ops[which % ops.size()].prev = truth.message.ops[what % 3].prev;
        break;
      case 3:
        if (!ops.empty()) ops[which % ops.size()].cid = truth.message.ops[what % 3].cid;
        break;
      case 4:
        if (!ops.empty()) ops[which % ops.size()].path = truth.message.ops[what % 3].path;
        break;
      case 5:
        if (!ops.empty())
          ops[which % ops.size()].action = what % 3 == 0 ? "create" : what % 3 == 1 ? "update" : "delete";
        break;
      case 6:
        if (!blocks.empty()) blocks.erase(blocks.begin() + which % static_cast<std::ptrdiff_t>(blocks.size()));
        break;
      case 7:
        if (!blocks.empty()) {
          Bytes& bytes = blocks[which % blocks.size()].bytes;
          if (!bytes.empty()) bytes[input.byte() % bytes.size()] ^= input.byte();
        }
        break;
      case 8:
        message.prev_data = which % 2 == 0 ? std::nullopt : std::optional(truth.message.commit);
        break;
      default:
        message.commit = blocks.empty() ? message.commit : blocks[which % blocks.size()].cid;
    }
  }
  return message;
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const Truth truth;
  fuzz::Input input(ByteView(data, size).first(size < 200 ? size : 200));
  const Bytes payload = edited(truth, input).payload();
  const auto event = atproto::decode_commit(payload);
  if (!event) return 0;
  const auto verified = verify::check_commit(*event, truth.account.key().public_key(), {});
  if (!verified) return 0;
  fuzz::require(verified->data == truth.account.head()->data);
  fuzz::require(verified->prev_data == truth.message.prev_data);
  fuzz::require(verified->ops.size() == truth.message.ops.size());
  return 0;
}

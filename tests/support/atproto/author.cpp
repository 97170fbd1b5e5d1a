// SPDX-License-Identifier: MIT
#include "support/atproto/author.hpp"

#include <iterator>

namespace tap::test {
namespace {

/// Records that Account::fill() makes are numbered from 1.
constexpr std::uint64_t kFirstNumber = 1'000'000'000;

}  // namespace

std::string Author::some_path(Dice& dice) const {
  const auto& records = account.records();
  return std::next(records.begin(), static_cast<std::ptrdiff_t>(dice.below(records.size())))->first;
}

std::vector<Write> Author::some_writes(Dice& dice) {
  std::vector<Write> writes;
  std::set<std::string> touched;
  const bool is_large = has_many_records();
  for (std::size_t left = 1 + dice.below(is_large ? 20 : 3); left > 0; --left) {
    const bool is_new = account.records().size() < 5 || dice.chance(is_large ? 5 : 45);
    const std::string path = is_new ? account.new_path() : some_path(dice);
    if (!touched.insert(path).second) continue;
    if (is_new) {
      writes.push_back(create(path, post_record(kFirstNumber + ++written_)));
    } else if (!is_large && dice.chance(40)) {
      writes.push_back(update(path, post_record(kFirstNumber + ++written_)));
    } else {
      writes.push_back(remove(path));
      deleted.insert(path);
    }
  }
  return writes;
}

std::map<std::string, std::string> Author::record_cids() const {
  std::map<std::string, std::string> cids;
  for (const auto& [path, record] : account.records()) {
    cids[path] = atproto::Cid::of(atproto::Cid::Codec::dag_cbor, record).str();
  }
  return cids;
}

}  // namespace tap::test

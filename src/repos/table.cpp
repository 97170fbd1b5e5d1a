// SPDX-License-Identifier: MIT
#include "tap/repos/table.hpp"

#include "tap/base/hash.hpp"

#include "repos/packed_did.hpp"
#include "repos/slot_index.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <functional>
#include <string>
#include <unordered_map>
#include <vector>

namespace tap::repos {
namespace {

/// One repo in 72 bytes. A DID that is no did:plc stands in a table of its own; here it has only its number there.
struct Entry {
  RepoId id{};
  std::uint64_t rev = 0;
  std::uint64_t records = 0;
  atproto::Digest data{};
  PackedPlc plc{};
  std::uint8_t state : 3 = 0;
  std::uint8_t account : 3 = 0;
  bool has_head : 1 = false;
  bool is_plc : 1 = false;
};
static_assert(sizeof(Entry) == 72);

/// Chunks do not move and waste at most their last one, unlike a vector that doubles.
constexpr std::size_t kChunk = 4096;
using Chunk = std::array<Entry, kChunk>;

constexpr std::uint64_t hash_id(RepoId id) { return static_cast<std::uint64_t>(id) * 0x9e37'79b9'7f4a'7c15 >> 20; }
/// Of bytes that are a hash already; who wants them to collide has to look for accounts that do.
std::uint64_t hash_plc(const PackedPlc& packed) {
  std::uint64_t front = 0, back = 0;
  std::memcpy(&front, packed.data(), sizeof front);
  std::memcpy(&back, packed.data() + packed.size() - sizeof back, sizeof back);
  const std::uint64_t mixed = (front ^ std::rotl(back, 29)) * 0x9e37'79b9'7f4a'7c15;
  return mixed ^ (mixed >> 32);
}

}  // namespace

struct Table::Packed {
  struct HashId {
    const Packed* owner;
    std::uint64_t operator()(std::uint32_t entry) const { return hash_id(owner->at(entry).id); }
  };
  struct HashPlc {
    const Packed* owner;
    std::uint64_t operator()(std::uint32_t entry) const { return hash_plc(owner->at(entry).plc); }
  };

  static constexpr std::uint32_t kNone = SlotIndex<HashId>::kNone;

  std::vector<std::unique_ptr<Chunk>> chunks;
  std::uint32_t used = 0;  // entries ever used; those given back are in `free`
  std::vector<std::uint32_t> free;
  SlotIndex<HashId> by_id{HashId{this}};
  SlotIndex<HashPlc> by_plc{HashPlc{this}};
  std::unordered_map<std::string, std::uint32_t> others;           // DIDs that are no did:plc
  std::unordered_map<std::uint32_t, const std::string*> other_of;  // entry to its key in `others`
  std::array<std::size_t, 5> states{};
  std::size_t size = 0;
  std::uint64_t records = 0;
  std::uint64_t last_id = 0;

  [[nodiscard]] Entry& at(std::uint32_t entry) { return (*chunks[entry / kChunk])[entry % kChunk]; }
  [[nodiscard]] const Entry& at(std::uint32_t entry) const { return (*chunks[entry / kChunk])[entry % kChunk]; }

  [[nodiscard]] std::uint32_t find(const PackedPlc& plc) const {
    return by_plc.find(hash_plc(plc), [&](std::uint32_t entry) { return at(entry).plc == plc; });
  }
  [[nodiscard]] std::uint32_t find_other(std::string_view did) const {
    if (others.empty()) return kNone;
    const auto found = others.find(std::string(did));
    return found == others.end() ? kNone : found->second;
  }
  [[nodiscard]] std::uint32_t find(std::string_view did) const {
    const auto plc = pack_plc(did);
    return plc ? find(*plc) : find_other(did);
  }
  [[nodiscard]] std::uint32_t find(RepoId id) const {
    return by_id.find(hash_id(id), [&](std::uint32_t entry) { return at(entry).id == id; });
  }
  [[nodiscard]] Entry* entry_of(RepoId id) {
    const std::uint32_t entry = find(id);
    return entry == kNone ? nullptr : &at(entry);
  }

  std::uint32_t take_entry() {
    if (!free.empty()) {
      const std::uint32_t entry = free.back();
      free.pop_back();
      return entry;
    }
    if (used / kChunk == chunks.size()) chunks.push_back(std::make_unique<Chunk>());
    return used++;
  }
};

namespace {

Repo unpack(const Entry& entry) {
  Repo repo{static_cast<State>(entry.state), static_cast<Account>(entry.account), {}};
  if (entry.has_head) {
    repo.head = Head{atproto::Tid(entry.rev), atproto::Cid(atproto::Cid::Codec::dag_cbor, entry.data), entry.records};
  }
  return repo;
}

void pack_head(Entry& entry, const Head& head) {
  entry.rev = head.rev.value();
  entry.data = head.data.digest();
  entry.records = head.records;
  entry.has_head = true;
}

}  // namespace

Table::Table() : packed_(std::make_unique<Packed>()) {}
Table::~Table() = default;

std::optional<RepoId> Table::find(std::string_view did) const {
  const std::uint32_t entry = packed_->find(did);
  if (entry == Packed::kNone) return std::nullopt;
  return packed_->at(entry).id;
}

bool Table::contains(RepoId id) const { return packed_->entry_of(id) != nullptr; }

std::optional<Repo> Table::get(RepoId id) const {
  const Entry* entry = packed_->entry_of(id);
  if (entry == nullptr) return std::nullopt;
  return unpack(*entry);
}

std::optional<atproto::Did> Table::did(RepoId id) const {
  const std::uint32_t number = packed_->find(id);
  if (number == Packed::kNone) return std::nullopt;
  const Entry& entry = packed_->at(number);
  return *atproto::Did::parse(entry.is_plc ? unpack_plc(entry.plc) : *packed_->other_of.at(number));
}

RepoId Table::allocate() { return RepoId{++packed_->last_id}; }
void Table::reserve(RepoId up_to) { packed_->last_id = std::max(packed_->last_id, static_cast<std::uint64_t>(up_to)); }

bool Table::add(RepoId id, const atproto::Did& did, const Repo& repo) {
  const auto plc = pack_plc(did.str());
  const std::uint32_t known = plc ? packed_->find(*plc) : packed_->find_other(did.str());
  if (known != Packed::kNone || packed_->find(id) != Packed::kNone) return false;
  const std::uint32_t number = packed_->take_entry();
  Entry& entry = packed_->at(number);
  entry = Entry{};
  entry.id = id;
  entry.state = static_cast<std::uint8_t>(repo.state) & 7U;
  entry.account = static_cast<std::uint8_t>(repo.account) & 7U;
  if (repo.head) pack_head(entry, *repo.head);
  if (plc) {
    entry.plc = *plc;
    entry.is_plc = true;
    packed_->by_plc.insert(hash_plc(*plc), number);
  } else {
    const auto [other, inserted] = packed_->others.emplace(did.str(), number);
    packed_->other_of.emplace(number, &other->first);
  }
  packed_->by_id.insert(hash_id(id), number);
  packed_->last_id = std::max(packed_->last_id, static_cast<std::uint64_t>(id));
  packed_->states[static_cast<std::size_t>(repo.state)] += 1;
  packed_->records += entry.records;
  packed_->size += 1;
  return true;
}

bool Table::remove(RepoId id) {
  const std::uint32_t number = packed_->find(id);
  if (number == Packed::kNone) return false;
  Entry& entry = packed_->at(number);
  packed_->states[entry.state] -= 1;
  packed_->records -= entry.records;
  packed_->size -= 1;
  if (entry.is_plc) {
    packed_->by_plc.erase(hash_plc(entry.plc), number);
  } else {
    const auto other = packed_->other_of.find(number);
    packed_->others.erase(packed_->others.find(*other->second));
    packed_->other_of.erase(other);
  }
  packed_->by_id.erase(hash_id(id), number);
  packed_->free.push_back(number);
  return true;
}

bool Table::set_head(RepoId id, const Head& head) {
  Entry* entry = packed_->entry_of(id);
  if (entry == nullptr) return false;
  packed_->records += head.records - entry->records;
  pack_head(*entry, head);
  return true;
}

bool Table::set_state(RepoId id, State state) {
  Entry* entry = packed_->entry_of(id);
  if (entry == nullptr) return false;
  packed_->states[entry->state] -= 1;
  packed_->states[static_cast<std::size_t>(state)] += 1;
  entry->state = static_cast<std::uint8_t>(state) & 7U;
  return true;
}

bool Table::set_account(RepoId id, Account account) {
  Entry* entry = packed_->entry_of(id);
  if (entry == nullptr) return false;
  entry->account = static_cast<std::uint8_t>(account) & 7U;
  return true;
}

std::size_t Table::size() const { return packed_->size; }
std::size_t Table::count(State state) const { return packed_->states[static_cast<std::size_t>(state)]; }
std::uint64_t Table::records() const { return packed_->records; }

void Table::each(const std::function<void(RepoId, const Repo&)>& visit) const {
  for (std::uint32_t number = 0; number < packed_->used; ++number) {
    const Entry& entry = packed_->at(number);
    if (packed_->find(entry.id) == number) visit(entry.id, unpack(entry));
  }
}

std::size_t Table::memory() const {
  // A DID of another kind stands in two maps: their nodes, buckets, and the text.
  constexpr std::size_t kOther = 200;
  return packed_->chunks.size() * sizeof(Chunk) + packed_->by_id.memory() + packed_->by_plc.memory() +
         packed_->free.capacity() * sizeof(std::uint32_t) + packed_->others.size() * kOther;
}

}  // namespace tap::repos

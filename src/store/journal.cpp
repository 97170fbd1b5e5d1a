// SPDX-License-Identifier: MIT
#include "store/journal.hpp"

#include <algorithm>

namespace tap::store {
namespace {

constexpr std::uint8_t kDeleted = 0;

void put_varint(std::string& out, std::uint64_t value) {
  for (; value >= 0x80; value >>= 7) out += static_cast<char>(value | 0x80);
  out += static_cast<char>(value);
}
void put_fixed(std::string& out, std::uint64_t value) {
  for (int shift = 56; shift >= 0; shift -= 8) out += static_cast<char>(value >> shift);
}
void put_text(std::string& out, std::string_view text) {
  put_varint(out, text.size());
  out += text;
}
void put_cid(std::string& out, const std::optional<atproto::Cid>& cid) {
  out += static_cast<char>(cid ? static_cast<std::uint8_t>(cid->codec()) : kDeleted);
  if (cid) out += as_text(cid->digest());
}

/// Takes pieces off the front. The first bad piece makes everything after it empty and ok() false.
class Cursor {
 public:
  explicit Cursor(ByteView bytes) : rest_(bytes) {}
  [[nodiscard]] bool ok() const { return ok_; }
  [[nodiscard]] bool at_end() const { return rest_.empty(); }
  [[nodiscard]] ByteView rest() const { return rest_; }

  ByteView take(std::uint64_t size) {
    if (size > rest_.size()) {
      ok_ = false;
      rest_ = {};
      return {};
    }
    const ByteView taken = rest_.first(size);
    rest_ = rest_.subspan(size);
    return taken;
  }
  std::uint8_t byte() {
    const ByteView taken = take(1);
    return taken.empty() ? 0 : taken[0];
  }
  std::uint64_t varint() {
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
      const std::uint8_t part = byte();
      value |= static_cast<std::uint64_t>(part & 0x7f) << shift;
      if (part < 0x80) return value;
    }
    ok_ = false;
    return 0;
  }
  std::uint64_t fixed() {
    std::uint64_t value = 0;
    for (const std::uint8_t part : take(8)) value = value << 8 | part;
    return value;
  }
  std::string_view text() { return as_text(take(varint())); }
  std::optional<atproto::Cid> cid() {
    const std::uint8_t codec = byte();
    if (codec == kDeleted) return std::nullopt;
    atproto::Digest digest{};
    const ByteView bytes = take(digest.size());
    std::ranges::copy(bytes, digest.begin());
    if (codec != static_cast<std::uint8_t>(atproto::Cid::Codec::dag_cbor) &&
        codec != static_cast<std::uint8_t>(atproto::Cid::Codec::raw)) {
      ok_ = false;
    }
    return atproto::Cid(static_cast<atproto::Cid::Codec>(codec), digest);
  }

 private:
  ByteView rest_;
  bool ok_ = true;
};

}  // namespace

void JournalWriter::add(const AdvanceHead& change) {
  if (changes_.empty() || changes_.back().size() >= kJournalRowBytes) changes_.emplace_back();
  std::string& out = changes_.back();
  put_varint(out, static_cast<std::uint64_t>(change.id));
  put_fixed(out, change.head.rev.value());
  put_cid(out, change.head.data);
  put_varint(out, change.head.records);
  put_varint(out, change.changes.size());
  for (const RecordChange& record : change.changes) {
    put_text(out, record.collection);
    put_text(out, record.rkey);
    put_cid(out, record.cid);
  }
}

void JournalWriter::add(const outbox::Draft& event) {
  if (events_.empty() || events_.back().body.size() >= kJournalRowBytes) events_.emplace_back();
  std::string& out = events_.back().body;
  put_fixed(out, static_cast<std::uint64_t>(event.lane));
  out += static_cast<char>(event.order);
  put_text(out, event.body);
  ++events_.back().count;
}

Result<void> read_changes(ByteView body, std::vector<AdvanceHead>& out) {
  Cursor in(body);
  while (in.ok() && !in.at_end()) {
    AdvanceHead& change = out.emplace_back();
    change.id = RepoId{in.varint()};
    change.head.rev = atproto::Tid(in.fixed());
    const auto data = in.cid();
    if (!data) return fail(Errc::corrupt, "a head of a journal row without data");
    change.head.data = *data;
    change.head.records = in.varint();
    for (std::uint64_t left = in.varint(); left > 0 && in.ok(); --left) {
      RecordChange& record = change.changes.emplace_back();
      record.collection = in.text();
      record.rkey = in.text();
      record.cid = in.cid();
    }
  }
  if (!in.ok()) return fail(Errc::corrupt, "changes of a journal row");
  return {};
}

Result<std::optional<EventReader::Item>> EventReader::next() {
  if (rest_.empty()) return std::nullopt;
  Cursor in(rest_);
  Item item;
  item.lane = outbox::LaneKey{in.fixed()};
  item.order = outbox::Order{in.byte()};
  item.body = in.text();
  if (!in.ok() || item.order > outbox::Order::barrier) return fail(Errc::corrupt, "events of a journal row");
  rest_ = in.rest();
  return item;
}

bool Marks::set(std::uint64_t index) {
  if (has(index)) return false;
  if (index / 8 >= bytes_.size()) bytes_.resize(index / 8 + 1);
  bytes_[index / 8] = static_cast<std::uint8_t>(bytes_[index / 8] | 1U << (index % 8));
  return true;
}

}  // namespace tap::store

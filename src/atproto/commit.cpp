// SPDX-License-Identifier: MIT
#include "tap/atproto/commit.hpp"

#include "tap/atproto/cbor.hpp"
#include "tap/atproto/error.hpp"

#include <algorithm>
#include <string>

namespace tap::atproto {
namespace {

constexpr std::int64_t kVersion = 3;
constexpr std::size_t kFields = 6;

Result<void> read_did(cbor::Reader& reader, Did& did) {
  auto text = reader.read_text();
  if (!text) return std::unexpected(text.error());
  auto parsed = Did::parse(*text);
  if (!parsed) return std::unexpected(parsed.error());
  did = std::move(*parsed);
  return {};
}

Result<void> read_rev(cbor::Reader& reader, Tid& rev) {
  auto text = reader.read_text();
  if (!text) return std::unexpected(text.error());
  auto parsed = Tid::parse(*text);
  if (!parsed) return std::unexpected(parsed.error());
  rev = *parsed;
  return {};
}

/// A link to a node or commit, which are dag-cbor.
Result<void> check_codec(const Cid& cid) {
  if (cid.codec() != Cid::Codec::dag_cbor) return fail(Errc::bad_cid, "not dag-cbor");
  return {};
}

Result<void> read_data(cbor::Reader& reader, Cid& data) {
  auto cid = reader.read_cid();
  if (!cid) return std::unexpected(cid.error());
  data = *cid;
  return check_codec(data);
}

Result<void> read_prev(cbor::Reader& reader, std::optional<Cid>& prev) {
  auto cid = reader.read_cid_or_null();
  if (!cid) return std::unexpected(cid.error());
  prev = *cid;
  return prev ? check_codec(*prev) : Result<void>();
}

Result<void> read_version(cbor::Reader& reader) {
  auto version = reader.read_int();
  if (!version) return std::unexpected(version.error());
  if (*version != kVersion) return fail(Errc::commit_malformed, "not version 3");
  return {};
}

/// The six fields; `sig` is handed out to be judged last.
Result<void> read_fields(cbor::Reader& reader, Commit& commit, ByteView& sig) {
  auto map = cbor::MapReader::open(reader);
  if (!map) return std::unexpected(map.error());
  std::size_t known = 0;
  while (map->more()) {
    auto key = map->next();
    if (!key) return std::unexpected(key.error());
    Result<void> read;
    if (*key == "did") {
      read = read_did(reader, commit.did);
    } else if (*key == "rev") {
      read = read_rev(reader, commit.rev);
    } else if (*key == "data") {
      read = read_data(reader, commit.data);
    } else if (*key == "prev") {
      read = read_prev(reader, commit.prev);
    } else if (*key == "version") {
      read = read_version(reader);
    } else if (*key == "sig") {
      auto bytes = reader.read_bytes();
      if (!bytes) return std::unexpected(bytes.error());
      sig = *bytes;
    } else {
      return fail(Errc::commit_malformed, "unknown field");
    }
    if (!read) return fail(Errc::commit_malformed, std::string(*key) + ": " + read.error().message());
    ++known;
  }
  // Keys are sorted, so none stands twice.
  if (known != kFields) return fail(Errc::commit_malformed, "a field is missing");
  return reader.expect_end();
}

void write(const Commit& commit, bool with_sig, Bytes& out) {
  cbor::Writer writer(out);
  writer.map(with_sig ? kFields : kFields - 1);
  writer.text("did");
  writer.text(commit.did.str());
  writer.text("rev");
  writer.text(commit.rev.str());
  if (with_sig) {
    writer.text("sig");
    writer.bytes(commit.sig);
  }
  writer.text("data");
  writer.link(commit.data);
  writer.text("prev");
  if (commit.prev) {
    writer.link(*commit.prev);
  } else {
    writer.null();
  }
  writer.text("version");
  writer.integer(kVersion);
}

}  // namespace

Result<Commit> Commit::decode(ByteView block) {
  Commit commit;
  ByteView sig;
  cbor::Reader reader(block);
  auto read = read_fields(reader, commit, sig);
  if (!read) {
    if (read.error() == Errc::commit_malformed) return std::unexpected(read.error());
    return fail(Errc::commit_malformed, read.error().message());
  }
  if (sig.size() != commit.sig.size()) return fail(Errc::signature_length);
  std::ranges::copy(sig, commit.sig.begin());
  return commit;
}

Bytes Commit::unsigned_bytes() const {
  Bytes out;
  write(*this, false, out);
  return out;
}

Bytes Commit::encode() const {
  Bytes out;
  write(*this, true, out);
  return out;
}

Result<void> Commit::verify(const PublicKey& key) const { return key.verify(sha256(unsigned_bytes()), sig); }

}  // namespace tap::atproto

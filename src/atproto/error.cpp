// SPDX-License-Identifier: MIT
#include "tap/atproto/error.hpp"

#include "tap/base/error_category.hpp"

namespace tap::atproto {
namespace {

const char* text_of(Errc code) {
  switch (code) {
    case Errc::bad_did:
      return "not a DID";
    case Errc::bad_handle:
      return "not a handle";
    case Errc::bad_nsid:
      return "not an NSID";
    case Errc::bad_rkey:
      return "not a record key";
    case Errc::bad_tid:
      return "not a TID";
    case Errc::bad_path:
      return "not a repo path";
    case Errc::bad_datetime:
      return "not a datetime";
    case Errc::bad_cid:
      return "not a CID of the blessed form";
    case Errc::cbor_truncated:
      return "CBOR ends too early";
    case Errc::cbor_not_canonical:
      return "CBOR is not canonical";
    case Errc::cbor_limit:
      return "CBOR exceeds a limit";
    case Errc::cbor_type:
      return "CBOR item of another type";
    case Errc::cbor_trailing:
      return "bytes after the CBOR item";
    case Errc::data_model:
      return "record breaks the data model";
    case Errc::car_bad_header:
      return "CAR header is malformed";
    case Errc::car_bad_section:
      return "CAR section is malformed";
    case Errc::car_hash_mismatch:
      return "CAR block does not match its CID";
    case Errc::car_truncated:
      return "CAR ends too early";
    case Errc::car_too_large:
      return "CAR is too large";
    case Errc::block_missing:
      return "block is missing";
    case Errc::mst_malformed:
      return "MST is malformed";
    case Errc::mst_partial:
      return "MST lacks a needed node";
    case Errc::mst_conflict:
      return "operation does not fit the MST";
    case Errc::commit_malformed:
      return "commit is malformed";
    case Errc::key_unsupported:
      return "key type is not supported";
    case Errc::key_malformed:
      return "key is malformed";
    case Errc::signature_length:
      return "signature is not 64 bytes";
    case Errc::signature_high_s:
      return "signature is not in low-S form";
    case Errc::signature_mismatch:
      return "signature does not verify";
    case Errc::frame_malformed:
      return "frame is malformed";
    case Errc::event_malformed:
      return "event is malformed";
  }
  return "unknown error";
}

}  // namespace

std::error_code make_error_code(Errc code) {
  static const ErrorCategory<Errc> category("atproto", text_of);
  return {static_cast<int>(code), category};
}

}  // namespace tap::atproto

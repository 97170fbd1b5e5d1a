// SPDX-License-Identifier: MIT
#pragma once

#include <system_error>

namespace tap::atproto {

/// Why input was refused. Details name the place.
enum class Errc {
  bad_did = 1,         ///< not a DID (protocol 1.1)
  bad_handle,          ///< not a handle (1.2)
  bad_nsid,            ///< not an NSID (1.3)
  bad_rkey,            ///< not a record key (1.4)
  bad_tid,             ///< not a TID (1.5)
  bad_path,            ///< not collection/rkey (1.6)
  bad_datetime,        ///< not a datetime (1.8)
  bad_cid,             ///< not a 36-byte sha2-256 CID of codec dag-cbor or raw (3)
  cbor_truncated,      ///< input ends inside an item
  cbor_not_canonical,  ///< non-minimal argument, indefinite length, unsorted or repeated key, float, tag, ... (2.1)
  cbor_limit,          ///< nesting, size or count above the limit (2.1)
  cbor_type,           ///< an item of another type than the schema wants
  cbor_trailing,       ///< bytes after the item
  data_model,          ///< $link, $bytes or blob of a wrong form (2.2)
  car_bad_header,      ///< no CAR v1 header with a root (4.3)
  car_bad_section,     ///< zero length, non-minimal varint, bad CID, or above the limit (4.3)
  car_hash_mismatch,   ///< a block does not have the digest that its CID names
  car_truncated,       ///< input ends inside a section
  car_too_large,       ///< the byte budget is used up
  block_missing,       ///< a block that must be there is not
  mst_malformed,       ///< a node breaks a rule of 5.4
  mst_partial,         ///< the answer lies in a subtree that was not given (5.5)
  mst_conflict,        ///< an operation does not fit the tree (8.1 step 8)
  commit_malformed,    ///< not a commit of version 3 (6.1)
  key_unsupported,     ///< a key of another type or curve (6.2)
  key_malformed,       ///< a key that cannot be parsed
  signature_length,    ///< not 64 bytes (6.3)
  signature_high_s,    ///< s above n/2, or r, s out of range (6.3)
  signature_mismatch,  ///< the signature is not of this key over these bytes
  frame_malformed,     ///< a frame that is no header and payload (7.2)
  event_malformed,     ///< a payload that misses or mistypes a required field (7.5)
};

[[nodiscard]] std::error_code make_error_code(Errc code);

}  // namespace tap::atproto

template <>
struct std::is_error_code_enum<tap::atproto::Errc> : std::true_type {};

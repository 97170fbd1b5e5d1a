// SPDX-License-Identifier: MIT
#include "support/atproto/did_document.hpp"

#include <fmt/format.h>

namespace tap::test {
namespace {

std::string_view legacy_type(atproto::Curve curve) {
  return curve == atproto::Curve::k256 ? "EcdsaSecp256k1VerificationKey2019" : "EcdsaSecp256r1VerificationKey2019";
}

}  // namespace

std::string did_document(const Account& account, std::string_view pds_url, KeyForm form) {
  const atproto::PublicKey& key = account.key().public_key();
  const bool legacy = form == KeyForm::legacy;
  return fmt::format(
      R"({{"@context":["https://www.w3.org/ns/did/v1"],"id":"{0}","alsoKnownAs":["at://{1}"],)"
      R"("verificationMethod":[{{"id":"{2}#atproto","type":"{3}","controller":"{0}","publicKeyMultibase":"{4}"}}],)"
      R"("service":[{{"id":"#atproto_pds","type":"AtprotoPersonalDataServer","serviceEndpoint":"{5}"}}]}})",
      account.did().str(), account.handle(), legacy ? "" : account.did().str(),
      legacy ? legacy_type(key.curve()) : "Multikey", legacy ? account.key().legacy_multibase() : key.multikey(),
      pds_url);
}

std::string did_document_without_handle(const Account& account, std::string_view pds_url) {
  std::string document = did_document(account, pds_url);
  const std::string handle = "at://" + account.handle();
  return document.replace(document.find(handle), handle.size(), "at://handle.invalid");
}

}  // namespace tap::test

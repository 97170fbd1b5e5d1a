// SPDX-License-Identifier: MIT
#include "tap/atproto/error.hpp"
#include "tap/base/json.hpp"
#include "tap/identity/directory.hpp"

#include <simdjson.h>

#include <algorithm>
#include <vector>

namespace tap::identity {
namespace {

namespace dom = simdjson::dom;

constexpr std::string_view kHandleScheme = "at://";
constexpr std::string_view kPdsType = "AtprotoPersonalDataServer";

/// The parts of a document that are reconstructed (9.7); views into the document or the identity.
struct Method {
  std::string_view fragment, type, multibase;
};
struct Service {
  std::string_view fragment, type, endpoint;
};
struct Parts {
  std::vector<std::string_view> also_known_as;
  std::vector<Method> methods;
  std::vector<Service> services;
};

/// A text field; empty when absent or of another type.
std::string_view text_of(const dom::element& object, std::string_view key) {
  std::string_view text;
  if (object[key].get(text) != simdjson::SUCCESS) return {};
  return text;
}

template <class F>
void each_of(const dom::element& document, std::string_view key, F&& visit) {
  dom::array items;
  if (document[key].get(items) != simdjson::SUCCESS) return;
  for (const dom::element item : items) visit(item);
}

/// What stands behind the '#' of an id of this document; empty for a foreign one, or one without a fragment.
std::string_view own_fragment(std::string_view id, std::string_view did) {
  const std::size_t hash = id.find('#');
  if (hash == std::string_view::npos || (hash > 0 && id.substr(0, hash) != did)) return {};
  return id.substr(hash + 1);
}

Parts read_parts(const dom::element& document, std::string_view did) {
  Parts parts;
  each_of(document, "alsoKnownAs", [&](const dom::element& item) {
    std::string_view name;
    if (item.get(name) == simdjson::SUCCESS) parts.also_known_as.push_back(name);
  });
  each_of(document, "verificationMethod", [&](const dom::element& item) {
    const Method method{own_fragment(text_of(item, "id"), did), text_of(item, "type"),
                        text_of(item, "publicKeyMultibase")};
    if (!method.fragment.empty() && text_of(item, "controller") == did) parts.methods.push_back(method);
  });
  each_of(document, "service", [&](const dom::element& item) {
    const Service service{own_fragment(text_of(item, "id"), did), text_of(item, "type"),
                          text_of(item, "serviceEndpoint")};
    // An endpoint may be an object or an array; then the service is none that anybody here could use.
    if (!service.fragment.empty() && !service.endpoint.empty()) parts.services.push_back(service);
  });
  return parts;
}

/// The first valid one counts.
void choose_key(const Parts& parts, Identity& identity) {
  identity.key_error = "no signing key is declared";
  bool declared = false;
  for (const Method& method : parts.methods) {
    if (method.fragment != "atproto") continue;
    auto key = atproto::PublicKey::parse_method(method.type, method.multibase);
    if (key) {
      identity.key = std::move(*key);
      identity.key_error.clear();
      return;
    }
    if (!std::exchange(declared, true)) identity.key_error = key.error().message();
  }
}

/// Only scheme, host and port; empty for anything else.
std::string origin_of(std::string_view endpoint) {
  const auto url = net::Url::parse(endpoint);
  const bool web = url && (url->scheme == "http" || url->scheme == "https");
  return web && url->userinfo.empty() && url->target == "/" ? url->origin() : std::string();
}

void choose_pds(const Parts& parts, Identity& identity) {
  for (const Service& service : parts.services) {
    if (service.fragment != "atproto_pds" || service.type != kPdsType) continue;
    identity.pds = origin_of(service.endpoint);
    if (!identity.pds.empty()) return;
  }
}

void choose_handle(const Parts& parts, Identity& identity) {
  for (std::string_view name : parts.also_known_as) {
    if (!name.starts_with(kHandleScheme)) continue;
    name.remove_prefix(kHandleScheme.size());
    if (!atproto::is_handle(name)) continue;
    identity.declared_handle = atproto::normalize_handle(name);
    return;
  }
}

void append_field(std::string& out, std::string_view key, std::string_view value) {
  out += '"';
  out += key;
  out += "\":";
  append_json_string(out, value);
}

template <class Item, class F>
void append_list(std::string& out, std::string_view key, const std::vector<Item>& items, F&& append_item) {
  if (items.empty()) return;
  out += ",\"";
  out += key;
  out += "\":[";
  for (const Item& item : items) {
    append_item(item);
    out += ',';
  }
  out.back() = ']';
}

std::string render(std::string_view did, const Parts& parts) {
  std::string out = "{";
  append_field(out, "id", did);
  append_list(out, "alsoKnownAs", parts.also_known_as, [&](std::string_view name) { append_json_string(out, name); });
  append_list(out, "verificationMethod", parts.methods, [&](const Method& method) {
    out += '{';
    append_field(out, "id", std::string(did) + "#" + std::string(method.fragment));
    append_field(out += ',', "type", method.type);
    append_field(out += ',', "controller", did);
    append_field(out += ',', "publicKeyMultibase", method.multibase);
    out += '}';
  });
  append_list(out, "service", parts.services, [&](const Service& service) {
    out += '{';
    append_field(out, "id", "#" + std::string(service.fragment));
    append_field(out += ',', "type", service.type);
    append_field(out += ',', "serviceEndpoint", service.endpoint);
    out += '}';
  });
  return out += '}';
}

/// The document that says just what the identity says.
std::string render_usual(const Identity& identity) {
  const std::string name = std::string(kHandleScheme) + identity.declared_handle;
  Parts parts;
  if (!identity.declared_handle.empty()) parts.also_known_as.push_back(name);
  if (identity.key) parts.methods.push_back({"atproto", "Multikey", identity.key->multikey()});
  if (!identity.pds.empty()) parts.services.push_back({"atproto_pds", kPdsType, identity.pds});
  return render(identity.did.str(), parts);
}

}  // namespace

Result<Identity> parse_document(const atproto::Did& did, std::string_view json) {
  dom::parser parser;
  dom::element document;
  const auto error = parser.parse(json.data(), json.size()).get(document);
  if (error != simdjson::SUCCESS) return fail(Errc::bad_document, simdjson::error_message(error));
  if (text_of(document, "id") != did.str()) return fail(Errc::bad_document, "id is not the DID");
  const Parts parts = read_parts(document, did.str());
  Identity identity;
  identity.did = did;
  choose_key(parts, identity);
  choose_pds(parts, identity);
  choose_handle(parts, identity);
  auto rendered = render(did.str(), parts);
  if (rendered != render_usual(identity)) identity.unusual_document = std::move(rendered);
  return identity;
}

std::string render_document(const Identity& identity) {
  return identity.unusual_document.empty() ? render_usual(identity) : identity.unusual_document;
}

}  // namespace tap::identity

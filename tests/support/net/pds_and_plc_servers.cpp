// SPDX-License-Identifier: MIT
#include "support/net/pds_and_plc_servers.hpp"

#include <utility>

namespace tap::test {
namespace {

std::string well_known_key(const std::string& host) { return "well-known " + host; }

}  // namespace

Reply Script::take(const std::string& key, const std::function<Reply()>& otherwise) {
  ++asked_[key];
  if (auto& queue = once_[key]; !queue.empty()) {
    Reply reply = std::move(queue.front());
    queue.pop_front();
    return reply;
  }
  const auto standing = always_.find(key);
  return standing == always_.end() ? otherwise() : standing->second;
}

std::size_t Script::asked(const std::string& key) const {
  const auto found = asked_.find(key);
  return found == asked_.end() ? 0 : found->second;
}

PdsServer::PdsServer() : server_([this](const HttpRequest& request) { return on_request(request); }) {}

void PdsServer::set_repo(const std::string& did, ByteView car, bool gzip) {
  server_.thread().call([&] {
    script_.always(did, {.headers = {{"Content-Type", "application/vnd.ipld.car"}},
                         .body = std::string(as_text(car)),
                         .framing = Framing::chunked,
                         .gzip = gzip});
  });
}

void PdsServer::set_repo_source(const std::string& did, std::function<std::function<std::string()>()> make_source) {
  server_.thread().call([&] { sources_.insert_or_assign(did, std::move(make_source)); });
}

void PdsServer::set_answer(const std::string& did, Reply reply) {
  server_.thread().call([&] { script_.always(did, std::move(reply)); });
}

void PdsServer::answer(const std::string& did, Reply reply, std::size_t times) {
  server_.thread().call([&] { script_.once(did, std::move(reply), times); });
}

void PdsServer::answer_any(Reply reply, std::size_t times) {
  server_.thread().call([&] { for_any_.insert(for_any_.end(), times, reply); });
}

void PdsServer::set_well_known(const std::string& host, const std::string& body) {
  server_.thread().call([&] { script_.always(well_known_key(host), {.body = body}); });
}

std::size_t PdsServer::requests(const std::string& did) {
  return server_.thread().call([&] { return script_.asked(did); });
}

Reply PdsServer::on_request(const HttpRequest& request) {
  if (request.path == "/.well-known/atproto-did") {
    return script_.take(well_known_key(request.header("host")), [] { return Reply{.status = 404}; });
  }
  if (request.path != "/xrpc/com.atproto.sync.getRepo") return xrpc_error(404, "MethodNotImplemented");
  const auto given = request.query.find("did");
  if (given == request.query.end()) return xrpc_error(400, "InvalidRequest", "did is missing");
  const std::string& did = given->second;
  Reply reply = script_.take(did, [&]() -> Reply {
    const auto source = sources_.find(did);
    if (source == sources_.end()) return xrpc_error(400, "RepoNotFound", "Could not find repo for DID: " + did);
    return {.headers = {{"Content-Type", "application/vnd.ipld.car"}}, .source = source->second()};
  });
  if (for_any_.empty()) return reply;
  reply = std::move(for_any_.front());
  for_any_.pop_front();
  return reply;
}

PlcServer::PlcServer() : server_([this](const HttpRequest& request) { return on_request(request); }) {}

void PlcServer::set_document(const std::string& did, const std::string& json) {
  server_.thread().call(
      [&] { script_.always(did, {.headers = {{"Content-Type", "application/did+ld+json"}}, .body = json}); });
}

void PlcServer::answer(const std::string& did, Reply reply, std::size_t times) {
  server_.thread().call([&] { script_.once(did, std::move(reply), times); });
}

void PlcServer::answer_all(std::optional<Reply> reply) {
  server_.thread().call([&] { for_all_ = std::move(reply); });
}

std::size_t PlcServer::requests(const std::string& did) {
  return server_.thread().call([&] { return script_.asked(did); });
}

Reply PlcServer::on_request(const HttpRequest& request) {
  const std::string did = request.path.substr(1);
  Reply reply = script_.take(
      did, [&]() -> Reply { return {.status = 404, .body = R"({"message":"DID not registered: )" + did + R"("})"}; });
  return for_all_ ? *for_all_ : reply;
}

}  // namespace tap::test

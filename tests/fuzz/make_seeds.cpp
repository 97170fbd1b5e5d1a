// SPDX-License-Identifier: MIT
// Writes the seeds of every fuzz target into a folder: fuzz_make_seeds tests/fuzz/seeds
#include "tap/atproto/mst.hpp"
#include "tap/net/ws_frames.hpp"

#include "support/atproto/account.hpp"
#include "support/atproto/dice.hpp"

#include <filesystem>
#include <fstream>
#include <iostream>

using namespace tap;

namespace {

class Seeds {
 public:
  Seeds(std::filesystem::path root, std::string_view target) : folder_(std::move(root) / target) {
    std::filesystem::create_directories(folder_);
  }
  void add(std::string_view name, ByteView bytes) {
    std::ofstream out(folder_ / name, std::ios::binary);
    out << as_text(bytes);
  }
  void add(std::string_view name, std::string_view text) { add(name, as_bytes(text)); }

 private:
  std::filesystem::path folder_;
};

void write_data(const std::filesystem::path& root) {
  Seeds cbor(root, "cbor"), json(root, "cbor_json");
  test::Dice dice(1);
  for (int i = 0; i < 12; ++i) {
    const std::string name = "random" + std::to_string(i);
    cbor.add(name, test::slow::encode(test::random_value(dice, 4)));
    json.add(name, test::slow::encode(test::random_record(dice)));
  }
  json.add("post", test::post_record(1));
  json.add("like", test::like_record(1, atproto::Cid::of(atproto::Cid::Codec::dag_cbor, {})));
}

void write_repo(const std::filesystem::path& root) {
  test::Account account(1);
  account.fill(20);
  const auto message = account.post();
  Seeds event(root, "event"), commit(root, "commit"), car(root, "car"), node(root, "mst_node");
  event.add("commit", message.frame());
  event.add("sync", account.sync().frame());
  event.add("identity", account.identity().frame());
  event.add("account", account.status(false, "takendown").frame());
  event.add("info", test::info_frame("OutdatedCursor", "gone"));
  event.add("error", test::error_frame("FutureCursor", "no"));
  commit.add("commit", account.commit_block());
  for (const test::Block& block : message.blocks) {
    if (atproto::mst::Node::decode(block.bytes)) node.add(block.cid.str().substr(50), block.bytes);
  }
  Bytes chunked{7};  // the size of the chunks
  const Bytes slice = test::make_car(message.commit, message.blocks);
  chunked.insert(chunked.end(), slice.begin(), slice.end());
  car.add("slice", chunked);
}

void write_recipes(const std::filesystem::path& root) {
  Seeds tree(root, "mst_tree"), check(root, "check_commit");
  test::Dice dice(2);
  for (int i = 0; i < 8; ++i) {
    tree.add("recipe" + std::to_string(i), dice.bytes(30 + dice.below(300)));
    check.add("edits" + std::to_string(i), dice.bytes(1 + dice.below(12)));
  }
}

void write_texts(const std::filesystem::path& root) {
  Seeds texts(root, "identifiers"), keys(root, "keys");
  texts.add("did_plc", "did:plc:aaaaaaaaaaaaaaaaaaaaaaaa");
  texts.add("did_web", "did:web:host.example%3A80");
  texts.add("handle", "alice.example-host.TEST");
  texts.add("path", "app.bsky.feed.post/3jzfcijpj2z2a");
  texts.add("tid", "3jzfcijpj2z2a");
  texts.add("datetime", "2024-02-29T23:59:59.123+01:00");
  texts.add("cid", atproto::Cid::of(atproto::Cid::Codec::raw, {}).str());
  for (const auto curve : {atproto::Curve::k256, atproto::Curve::p256}) {
    const test::SigningKey key(curve, 1);
    const std::string name = curve == atproto::Curve::k256 ? "k256" : "p256";
    keys.add(name + "_did_key", key.did_key());
    keys.add(name + "_multikey", key.public_key().multikey());
    keys.add(name + "_legacy", key.legacy_multibase());
    keys.add(name + "_point", atproto::decode_base58(key.legacy_multibase().substr(1)).value());
  }
}

/// A byte of flags (client, append, short messages) and one for the size of the pieces; then frames.
void write_frames(const std::filesystem::path& root) {
  using net::Opcode;
  const std::string medium(200, 'm'), large(1'500, 'l');
  std::string server, client;
  for (const auto& [opcode, payload] : {std::pair<Opcode, std::string_view>{Opcode::binary, "first"},
                                        {Opcode::ping, "are you there"},
                                        {Opcode::text, medium},
                                        {Opcode::binary, large},
                                        {Opcode::pong, ""},
                                        {Opcode::close, "\x03\xe8 over"}}) {
    net::append_frame(server, opcode, as_bytes(payload));
    net::append_masked_frame(client, opcode, as_bytes(payload), 0x11223344);
  }
  const std::string fragments("\x01\x02xy\x89\x01p\x00\x00\x80\x02zz", 13);
  const std::string padded("\x81\xfe\x00\x01KEYS!\x81\xff\0\0\0\0\0\0\0\x01KEYS?", 24);
  Seeds frames(root, "ws_frames");
  for (char flags = 0; flags < 8; ++flags) {
    const std::string start = {flags, '0'};
    const bool masked = (flags & 1) != 0;
    frames.add("whole" + std::to_string(flags), start + (masked ? client : server));
    frames.add("parts" + std::to_string(flags), start + (masked ? padded : fragments));
  }
}

void write_json(const std::filesystem::path& root) {
  Seeds json(root, "json_scanner");
  json.add("ack", R"({"type":"ack","id":18446744073709551615})");
  json.add("dids", R"( {"dids" : ["did:plc:aaaaaaaaaaaaaaaaaaaaaaaa", "did:web:host.example"]} )");
  json.add("numbers", R"([0,-0,-1.5e+3,2E-2,1e999,123456789012345678901234567890])");
  json.add("escapes", R"({"\u0041\ud83d\ude00":"\"\\\/\b\f\n\r\t","\ud83d":null})");
  json.add("words", "[true,false,null,[],{},[[{}]]] behind");
  json.add("texts", "\"a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\xff\"");
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "usage: fuzz_make_seeds FOLDER\n";
    return 1;
  }
  write_data(argv[1]);
  write_repo(argv[1]);
  write_recipes(argv[1]);
  write_texts(argv[1]);
  write_frames(argv[1]);
  write_json(argv[1]);
  return 0;
}

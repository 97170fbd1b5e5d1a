// SPDX-License-Identifier: MIT
// Writes the seeds of every fuzz target into a folder: fuzz_make_seeds tests/fuzz/seeds
#include "tap/atproto/commit.hpp"
#include "tap/atproto/mst.hpp"
#include "tap/net/ws_frames.hpp"

#include "store/journal.hpp"
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

Bytes chunked(std::uint8_t size, const Bytes& car) {
  Bytes out{size};
  out.insert(out.end(), car.begin(), car.end());
  return out;
}

void write_repo(const std::filesystem::path& root) {
  test::Account account(1);
  account.fill(20);
  const auto message = account.post();
  Seeds event(root, "event"), commit(root, "commit"), car(root, "car"), node(root, "mst_node"), frame(root, "frame");
  event.add("commit", message.frame());
  event.add("sync", account.sync().frame());
  event.add("identity", account.identity().frame());
  frame.add("commit", message.frame());
  frame.add("sync", account.sync().frame());
  frame.add("identity", account.identity().frame());
  event.add("account", account.status(false, "takendown").frame());
  event.add("info", test::info_frame("OutdatedCursor", "gone"));
  event.add("error", test::error_frame("FutureCursor", "no"));
  commit.add("commit", account.commit_block());
  commit.add("with_prev", atproto::Commit{account.did(), atproto::Tid{1}, message.commit, message.commit, {}}.encode());
  for (const test::Block& block : message.blocks) {
    if (atproto::mst::Node::decode(block.bytes)) node.add(block.cid.str().substr(50), block.bytes);
  }
  node.add("empty", atproto::mst::Node{}.encode());
  // The first byte is the size of the chunks.
  car.add("slice", chunked(7, test::make_car(message.commit, message.blocks)));
  car.add("one_block", chunked(200, test::make_car(message.commit, {message.blocks.back()})));
  car.add("head_only", chunked(1, test::make_car(message.commit, {})));
}

void write_recipes(const std::filesystem::path& root) {
  Seeds tree(root, "mst_tree"), check(root, "check_commit");
  test::Dice dice(2);
  for (int i = 0; i < 8; ++i) {
    tree.add("recipe" + std::to_string(i), dice.bytes(30 + dice.below(300)));
    check.add("edits" + std::to_string(i), dice.bytes(1 + dice.below(12)));
  }
}

/// So many operations, each: path, how, no record of its own. Then lies, but for the first ones.
void write_signed(const std::filesystem::path& root) {
  Seeds commit(root, "signed_commit");
  test::Dice dice(3);
  for (std::uint8_t i = 0; i < 8; ++i) {
    Bytes recipe{i};
    for (int op = 0; op < i; ++op) recipe.insert(recipe.end(), {dice.byte(), dice.byte(), 0});
    const Bytes lies = dice.bytes(i < 4 ? 0 : dice.below(8));
    recipe.insert(recipe.end(), lies.begin(), lies.end());
    commit.add("recipe" + std::to_string(i), recipe);
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

/// Answers about an account and a handle.
void write_answers(const std::filesystem::path& root) {
  Seeds status(root, "account_status"), handle(root, "handle_answer");
  status.add("active", R"({"did":"did:plc:aaaaaaaaaaaaaaaaaaaaaaaa","active":true,"rev":"3jzfcijpj2z2a"})");
  status.add("gone", R"({"did":"did:plc:aaaaaaaaaaaaaaaaaaaaaaaa","active":false,"status":"takendown"})");
  handle.add("one", "did=did:plc:aaaaaaaaaaaaaaaaaaaaaaaa\nv=spf1 -all");
  handle.add("two", "did=did:plc:aaaaaaaaaaaaaaaaaaaaaaaa\ndid=did:web:host.example");
  handle.add("well_known", " did:web:host.example\r\n");
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

/// The key behind its length, then lines of headers; an @ stands for the proof of the key.
void write_upgrades(const std::filesystem::path& root) {
  const std::string key =
                        "\x18"
                        "dGhlIHNhbXBsZSBub25jZQ==",
                    upgrade = "upgrade:websocket\n", proof = "sec-websocket-accept:@";
  Seeds upgrades(root, "ws_upgrade");
  upgrades.add("plain", key + upgrade + "connection:Upgrade\n" + proof);
  upgrades.add("list", key + upgrade + "connection:keep-alive, upgrade\n" + proof);
  upgrades.add("unproved", key + upgrade + "connection:Upgrade\n" + proof + "=");
  upgrades.add("extension",
               key + upgrade + "connection:Upgrade\nsec-websocket-extensions:permessage-deflate\n" + proof);
  upgrades.add("subprotocol", key + upgrade + "connection:Upgrade\nsec-websocket-protocol:chat\n" + proof);
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

/// How many events and which are marked, then the row.
void write_rows(const std::filesystem::path& root) {
  const auto cid = atproto::Cid::of(atproto::Cid::Codec::raw, {});
  store::JournalWriter writer;
  writer.add(store::AdvanceHead{store::RepoId{300},
                                {atproto::Tid(1'234'567), cid, 7},
                                {{"app.bsky.feed.post", "3jzfcijpj2z2a", cid}, {"a.b.c", "self", std::nullopt}}});
  writer.add(store::AdvanceHead{store::RepoId{1}, {atproto::Tid(~std::uint64_t{0}), {}, 0}, {}});
  for (unsigned i = 0; i < 5; ++i) {
    writer.add(outbox::Draft{outbox::LaneKey{~std::uint64_t{0} >> i},
                             i % 2 == 0 ? outbox::Order::historical : outbox::Order::barrier,
                             R"(,"type":"record"})" + std::string(std::size_t{i} * 50, ' ')});
  }
  Seeds rows(root, "stored_rows");
  rows.add("changes", std::string("\0\0", 2) + writer.take_changes()[0]);
  rows.add("events", "\5\x12" + writer.take_events()[0].body);
  rows.add("commit", std::string("\0\0\1", 3) + "payload");
  rows.add("cid", "\1\1\x55" + std::string(32, 'd'));
  rows.add("rkey", "\1\1" + std::string("3jzfcijpj2z2a"));
  rows.add("end", "\1\1" + std::string("bzzzzzzzzzzzz"));
}

void write_original(const std::filesystem::path& root) {
  const std::string now("\x00\x06\x0a\x24\x18\x1e\x40\x00", 8), one("\0\0\0\0\0\0\0\1", 8);
  const std::string did = "did:plc:aaaaaaaaaaaaaaaaaaaaaaaa",
                    cid = atproto::Cid::of(atproto::Cid::Codec::dag_cbor, {}).str();
  const auto row = [&](std::initializer_list<std::string> texts, const std::string& rest) {
    std::string seed = now + one + one;
    for (const std::string& text : texts) seed += static_cast<char>(text.size()) + text;
    return seed + rest;
  };
  const std::string event = R"({"id":1,"type":"record","record":{"live":true,"did":")" + did +
                            R"(","rev":"3jzfcijpj2z2a","collection":"a.b.c","rkey":"self","action":"delete"}})";
  const std::string identity = R"({"id":1,"type":"identity","identity":{"did":")" + did +
                               R"(","handle":"","is_active":true,"status":"active"}})";
  Seeds rows(root, "original_rows");
  rows.add("active", row({did, "active", "active", "alice.test", "3jzfcijpj2z2a", cid}, ""));
  rows.add("error", row({did, "error", "takendown", "handle.invalid", "", ""}, std::string(999, 'e') + "\xc3\xa9"));
  rows.add("resyncing", row({did, "resyncing", "", "", "zzzzzzzzzzzzz", cid}, "{\"did\":\"x\",\"rev\":\"3jzf"));
  rows.add("record", row({did, "a.b.c", "self", cid, "", ""}, event));
  rows.add("identity", row({did, "a.b.c", "self", "no cid", "", ""}, identity));
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
  write_signed(argv[1]);
  write_texts(argv[1]);
  write_answers(argv[1]);
  write_frames(argv[1]);
  write_upgrades(argv[1]);
  write_json(argv[1]);
  write_rows(argv[1]);
  write_original(argv[1]);
  return 0;
}

// SPDX-License-Identifier: MIT
// A recorded network of twenty accounts: what its servers sent, and what they hold in the end.
#include "tap/atproto/car.hpp"
#include "tap/atproto/error.hpp"
#include "tap/verify/commit.hpp"
#include "tap/verify/error.hpp"
#include "tap/verify/sync.hpp"

#include "support/atproto/files.hpp"
#include "support/atproto/shared_dir.hpp"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <map>

namespace tap::verify {
namespace {

using atproto::Cid;
using atproto::EventKind;
using nlohmann::json;

using Records = std::map<std::string, std::string>;

std::string file_name(std::string did) {
  std::ranges::replace(did, ':', '_');
  return did;
}

/// The keys that an account had, oldest first.
std::vector<atproto::PublicKey> keys_of(const std::filesystem::path& root, const std::string& did) {
  std::vector<atproto::PublicKey> keys;
  for (const json& entry : test::read_json(root / "plc" / (file_name(did) + ".log.json"))) {
    const json& operation = entry["operation"];
    if (!operation.contains("verificationMethods")) continue;  // a tombstone
    keys.push_back(
        atproto::PublicKey::parse_did_key(operation["verificationMethods"]["atproto"].get<std::string>()).value());
  }
  return keys;
}

struct Repo {
  std::vector<atproto::PublicKey> keys;
  std::size_t current = 0;  ///< of `keys`
  std::optional<atproto::Tid> rev;
  Cid data;
  Records records;
  int refused_syncs = 0;
};

bool is_signature_error(const Error& error) { return error == atproto::Errc::signature_mismatch; }

class Replay {
 public:
  explicit Replay(std::filesystem::path root) : root_(std::move(root)) {}

  void frame(ByteView bytes) {
    const auto head = atproto::read_frame_head(bytes);
    ASSERT_TRUE(head) << head.error().message();
    EXPECT_GT(head->seq, last_seq_);
    last_seq_ = head->seq;
    ++seen[head->kind];
    if (head->kind == EventKind::commit) on_commit(*head);
    if (head->kind == EventKind::sync) on_sync(*head);
    if (head->kind == EventKind::identity) EXPECT_TRUE(atproto::decode_identity(head->body));
    if (head->kind == EventKind::account) EXPECT_TRUE(atproto::decode_account(head->body));
  }

  std::map<std::string, Repo> repos;
  std::map<EventKind, int> seen;

 private:
  Repo& repo_of(std::string_view did) {
    auto [it, fresh] = repos.try_emplace(std::string(did));
    if (fresh) it->second.keys = keys_of(root_, it->first);
    return it->second;
  }

  /// With the current key; when that one does not fit, with the next that the account took.
  template <class Check>
  auto with_key(Repo& repo, Check check) {
    auto checked = check(repo.keys.at(repo.current));
    while (!checked && is_signature_error(checked.error()) && repo.current + 1 < repo.keys.size()) {
      checked = check(repo.keys.at(++repo.current));
    }
    return checked;
  }

  void on_commit(const atproto::FrameHead& head) {
    const auto event = atproto::decode_commit(head.body);
    ASSERT_TRUE(event) << event.error().message();
    Repo& repo = repo_of(head.did);
    const auto verified =
        with_key(repo, [&](const atproto::PublicKey& key) { return check_commit(*event, key, Filter()); });
    ASSERT_TRUE(verified) << head.seq << ": " << verified.error().message();
    EXPECT_EQ(verified->since, repo.rev) << head.seq;
    if (repo.rev) {
      EXPECT_EQ(verified->prev_data, repo.data) << head.seq;
    }
    repo.rev = verified->rev;
    repo.data = verified->data;
    for (const RecordOp& op : verified->ops) {
      const std::string path = op.collection + "/" + op.rkey;
      if (!op.cid) {
        EXPECT_EQ(repo.records.erase(path), 1U);
        continue;
      }
      EXPECT_TRUE(json::accept(op.record_json)) << path << " " << op.record_json.substr(0, 200);
      EXPECT_EQ(repo.records.insert_or_assign(path, op.cid->str()).second, op.action == atproto::Action::create);
    }
  }

  void on_sync(const atproto::FrameHead& head) {
    const auto event = atproto::decode_sync(head.body);
    ASSERT_TRUE(event) << event.error().message();
    Repo& repo = repo_of(head.did);
    const auto commit = with_key(repo, [&](const atproto::PublicKey& key) { return check_sync(*event, key); });
    if (!commit) {
      EXPECT_EQ(commit.error(), Errc::mismatch) << head.seq << ": " << commit.error().message();
      ++repo.refused_syncs;
      return;
    }
    if (repo.rev) {
      EXPECT_EQ(repo.data, commit->data) << head.seq;
    }
    repo.rev = commit->rev;
    repo.data = commit->data;
  }

  std::filesystem::path root_;
  std::int64_t last_seq_ = 0;
};

Records records_in(const json& account, const char* key) {
  return account.contains(key) && !account[key].is_null() ? account[key].get<Records>() : Records{};
}

void expect_replay(const std::filesystem::path& root, const char* file, const char* summary) {
  const json manifest = test::read_json(root / "manifest.json");
  Replay replay(root);
  const auto frames = test::read_frames(root / file);
  for (const Bytes& frame : frames) replay.frame(frame);
  const json& expected = manifest[summary];
  EXPECT_EQ(frames.size(), expected["frames"].get<std::size_t>());
  EXPECT_EQ(replay.seen[EventKind::commit], expected["byType"]["#commit"].get<int>());
  EXPECT_EQ(replay.seen[EventKind::sync], expected["byType"]["#sync"].get<int>());

  int compared = 0;
  for (const json& account : manifest["accounts"]) {
    const std::string did = account["did"];
    if (!replay.repos.contains(did)) continue;
    const Repo& repo = replay.repos.at(did);
    Records held = records_in(account, "records");
    if (held.empty()) held = records_in(account, "recordsFromFrames");
    if (did == manifest["notes"]["imported"].get<std::string>()) {
      // Its content was replaced. The #sync that says so names a newer rev than its commit has (the server keeps the
      // commit of an imported repo): refused, so that the repo is fetched again, which is what is needed.
      EXPECT_EQ(repo.refused_syncs, 1);
      continue;
    }
    if (did == manifest["notes"]["deleted"].get<std::string>()) continue;
    EXPECT_EQ(repo.refused_syncs, 0) << did;
    EXPECT_EQ(repo.records, held) << did;
    ++compared;
  }
  EXPECT_GE(compared, 17);
}

TEST(Capture, EverythingFromTheStartVerifiesAndChains) {
  TAP_SHARED_OR_SKIP(root, "capture");
  expect_replay(root, "firehose.bin", "firehose");
}

TEST(Capture, EverythingAsItWasBroadcastVerifiesAndChains) {
  TAP_SHARED_OR_SKIP(root, "capture");
  expect_replay(root, "firehose.live.bin", "firehoseLive");
}

/// A whole repo: header, signature, tree, every record.
void expect_repo(const std::filesystem::path& root, const json& account) {
  const Bytes bytes = test::read_file(root / account["car"].get<std::string>());
  const auto car = atproto::car::parse(bytes);
  ASSERT_TRUE(car) << car.error().message();
  EXPECT_EQ(car->root.str(), account["head"].get<std::string>());
  const auto did = atproto::Did::parse(account["did"].get<std::string>()).value();
  const auto key = atproto::PublicKey::parse_did_key(account["didKey"].get<std::string>()).value();
  const WallTime now{std::chrono::microseconds(atproto::Tid::parse(account["rev"].get<std::string>())->micros())};
  const auto commit = check_snapshot(car->blocks.at(car->root), did, key, {}, now);
  ASSERT_TRUE(commit) << commit.error().message();
  EXPECT_EQ(commit->data.str(), account["data"].get<std::string>());
  const auto walked = test::walk_records(commit->data, car->blocks);
  ASSERT_TRUE(walked) << walked.error().message();
  Records records;
  for (const auto& [path, cid] : *walked) {
    EXPECT_TRUE(atproto::parse_path(path)) << path;
    EXPECT_TRUE(car->blocks.contains(cid)) << path;
    records.emplace(path, cid.str());
  }
  EXPECT_EQ(records, records_in(account, "records"));
}

TEST(Capture, EveryRepoIsWholeAndSigned) {
  TAP_SHARED_OR_SKIP(root, "capture");
  int repos = 0;
  for (const json& account : test::read_json(root / "manifest.json")["accounts"]) {
    if (!account.contains("car") || account["car"].is_null()) continue;
    expect_repo(root, account);
    ++repos;
  }
  EXPECT_EQ(repos, 17);
}

TEST(Capture, BothFormsOfEveryDocumentHoldTheKeyOfTheLog) {
  TAP_SHARED_OR_SKIP(root, "capture");
  for (const json& account : test::read_json(root / "manifest.json")["accounts"]) {
    const std::string did = account["did"];
    for (const char* form : {".json", ".multikey.json"}) {
      const auto file = root / "plc" / (file_name(did) + form);
      const json document = std::filesystem::exists(file) ? test::read_json(file) : json();
      if (!document.contains("verificationMethod")) continue;  // a tombstone
      const json& method = document["verificationMethod"][0];
      const auto key = atproto::PublicKey::parse_method(method["type"].get<std::string>(),
                                                        method["publicKeyMultibase"].get<std::string>());
      ASSERT_TRUE(key) << key.error().message();
      EXPECT_EQ(*key, keys_of(root, did).back());
    }
  }
}

}  // namespace
}  // namespace tap::verify

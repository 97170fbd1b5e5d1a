// SPDX-License-Identifier: MIT
// What a PDS of the reference implementation said, replayed.
#include "tap/atproto/event.hpp"

#include "integration/tap_test.hpp"
#include "support/atproto/files.hpp"
#include "support/atproto/shared_dir.hpp"

#include <algorithm>
#include <filesystem>
#include <map>

namespace tap::test {
namespace {

class Capture : public TapTest {
 protected:
  void load(const std::filesystem::path& folder) {
    manifest_ = read_json(folder / "manifest.json");
    for (Bytes& frame : read_frames(folder / "firehose.bin")) {
      const auto head = atproto::read_frame_head(frame).value();
      if (head.kind == atproto::EventKind::commit) remember_birth(std::string(head.did), head.body);
      const std::int64_t seq = head.seq;
      frames_.emplace_back(seq, std::move(frame));
    }
    for (const auto& account : manifest_.at("accounts")) {
      const std::string did = account.at("did");
      publish_account(folder, did, account);
      dids_.push_back(did);
    }
  }

  [[nodiscard]] const nlohmann::json& accounts() const { return manifest_.at("accounts"); }
  /// What its consumers have been told is what the manifest says.
  [[nodiscard]] bool is_told(const nlohmann::json& account, const Events& events) const {
    const std::string did = account.at("did");
    return records_of(of_did(events, did), did) == account.at("records").get<RecordCids>();
  }

  nlohmann::json manifest_;
  std::vector<std::pair<std::int64_t, Bytes>> frames_;
  std::vector<std::string> dids_;

 private:
  /// The blocks of an account's first commit are all of its repo.
  void remember_birth(const std::string& did, ByteView body) {
    if (births_.contains(did)) return;
    const auto commit = atproto::decode_commit(body).value();
    births_[did] = Bytes(commit.blocks.begin(), commit.blocks.end());
  }

  /// The directory knows its last key. Its repo is given as it was at its birth, and later as it was in the end.
  void publish_account(const std::filesystem::path& folder, const std::string& did, const nlohmann::json& account) {
    std::string name = did;
    std::ranges::replace(name, ':', '_');
    std::string document(as_text(read_file(folder / "plc" / (name + ".json"))));
    replace_all(document, manifest_.at("pds"), pds_.url());
    replace_all(document, "at://" + account.at("handle").get<std::string>(), "at://handle.invalid");
    plc_.set_document(did, document);
    if (account.contains("car")) pds_.set_repo(did, read_file(folder / account.at("car").get<std::string>()));
    if (const auto birth = births_.find(did); birth != births_.end()) {
      pds_.answer(did, {.body = std::string(as_text(birth->second))});
    }
  }

  static void replace_all(std::string& text, const std::string& what, const std::string& by) {
    for (std::size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + by.size())) {
      text.replace(at, what.size(), by);
    }
  }

  std::map<std::string, Bytes> births_;
};

TEST_F(Capture, ReplayedFromTheBirthOfEachAccountEndsAsTheManifestSays) {
  TAP_SHARED_OR_SKIP(folder, "capture");
  load(folder);
  start();
  consume();
  track(dids_);
  // A rotated key does not fit the oldest commit: such a repo is fetched a second time, as it was in the end.
  for (const std::string& did : dids_) {
    wait_for(did, [&] { return pds_.requests(did) > 0 && get("/info/" + did).at("state") != "resyncing"; });
  }
  relay_.push_all(frames_);

  for (const auto& account : accounts()) {
    if (!account.at("active").get<bool>()) continue;
    log_.wait_until(account.at("did").get<std::string>(),
                    [&](const Events& events) { return is_told(account, events); });
  }
  const Events events = first_arrivals(log_.all());
  EXPECT_GT(std::ranges::count_if(events, [](const Event& event) { return event.is_live(); }), 1'000);
  for (const auto& account : accounts()) {
    const std::string did = account.at("did");
    if (account.at("active").get<bool>()) {
      wait_for(did + " is active", [&] { return get("/info/" + did).at("state") == "active"; });
      EXPECT_EQ(get("/info/" + did).at("records"), account.at("recordCount")) << did;
      continue;
    }
    const Events own = of_did(events, did);
    const auto last =
        std::ranges::find_if(own.rbegin(), own.rend(), [](const Event& event) { return !event.is_record; });
    ASSERT_NE(last, own.rend()) << did;
    EXPECT_EQ(last->body.at("status"), account.at("status")) << did;
  }
}

}  // namespace
}  // namespace tap::test

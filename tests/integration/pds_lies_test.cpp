// SPDX-License-Identifier: MIT
// What a PDS may answer in place of an honest repo, kind by kind: nobody is told, /info says why the repo is not
// followed, and it is right as soon as its PDS is honest.
#include "tap/atproto/mst.hpp"

#include "integration/tap_test.hpp"
#include "support/net/deaf_host.hpp"
#include "support/net/tls_front.hpp"

namespace tap::test {
namespace {

using atproto::Cid;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr std::size_t kPosts = 50;
constexpr std::size_t kLimit = 1 << 20;  // of a repo's bytes

Cid cid_of(ByteView block) { return Cid::of(Cid::Codec::dag_cbor, block); }
Block block_of(Bytes bytes) {
  const Cid cid = cid_of(bytes);
  return {cid, std::move(bytes)};
}

Reply car(ByteView bytes) {
  return {.headers = {{"Content-Type", "application/vnd.ipld.car"}},
          .body = std::string(as_text(bytes)),
          .framing = Framing::chunked};
}
/// Goes wrong behind so many bytes of the body.
Reply faulty_car(Account& account, Fault fault, std::size_t at) {
  Reply reply = car(account.full_car());
  reply.fault = fault;
  reply.fault_at = at;
  return reply;
}
/// The blocks of the whole repo, in their order: the commit first, the last record last.
std::vector<Block> blocks_of(Account& account) {
  std::vector<Block> blocks;
  atproto::car::Parser parser({}, [&](const Cid& cid, ByteView data) -> Result<void> {
    blocks.push_back({cid, Bytes(data.begin(), data.end())});
    return {};
  });
  if (!parser.feed(account.full_car())) throw std::logic_error("an account's own CAR");
  return blocks;
}
/// The whole repo, its blocks edited.
template <class Edit>
Reply edited(Account& account, Edit edit) {
  auto blocks = blocks_of(account);
  edit(blocks);
  return car(make_car(account.head()->commit, blocks));
}
/// A tree of these blocks, the first its root, properly signed.
Reply signed_tree(Account& account, std::vector<Block> blocks) {
  (void)account.commit({}, {.data = blocks.front().cid});
  blocks.insert(blocks.begin(), {account.head()->commit, account.commit_block()});
  return car(make_car(account.head()->commit, blocks));
}
/// A repo whose last commit was signed like this.
Reply signed_as(Account& account, const SignedLies& lies) {
  (void)account.commit({}, lies);
  return car(account.full_car());
}
Bytes node_of(std::optional<Cid> left, const std::vector<std::string>& keys) {
  atproto::mst::Node node{.left = left, .entries = {}, .layer = {}};
  for (const std::string& key : keys) node.entries.push_back({key, cid_of(post_record(1)), {}});
  return node.encode();
}
/// One block over and over: a CAR may repeat itself.
std::function<std::string()> endless(Account& account) {
  const std::string head(as_text(make_car(account.head()->commit, {})));
  const Block block = block_of(Bytes(60'000, 0));
  const std::string whole(as_text(make_car(account.head()->commit, {block})));
  return [head, piece = whole.substr(head.size()), began = false]() mutable {
    return std::exchange(began, true) ? piece : head;
  };
}

/// `answer` is given an account that has only just begun to lie: the honest one is its twin.
struct Lie {
  const char* row;
  const char* reason;  ///< a part of what /info says
  Reply (*answer)(Account& twin);
};

constexpr const char* kOutOfTime = "timed out";

const std::vector<Lie> kLies = {
    // What the server says.
    {"NotFound", "(HTTP 400): RepoNotFound: no such repo",
     [](Account&) { return xrpc_error(400, "RepoNotFound", "no such repo"); }},
    {"Takendown", "RepoTakendown", [](Account&) { return xrpc_error(400, "RepoTakendown"); }},
    {"Status403", "(HTTP 403)", [](Account&) { return Reply{.status = 403}; }},
    {"Status500", "(HTTP 500)", [](Account&) { return Reply{.status = 500, .body = "<html>oops</html>"}; }},
    {"Status503", "(HTTP 503)", [](Account&) { return Reply{.status = 503}; }},
    {"EndlessErrorPage", "(HTTP 500)", [](Account& twin) { return Reply{.status = 500, .source = endless(twin)}; }},
    {"RedirectLoop", "too many redirects",
     [](Account& twin) {
       return Reply{.status = 302, .headers = {{"Location", "/xrpc/com.atproto.sync.getRepo?did=" + twin.did().str()}}};
     }},
    {"RedirectElsewhere", "failed to get repo",
     [](Account&) { return Reply{.status = 302, .headers = {{"Location", "ftp://127.0.0.1/repo"}}}; }},
    {"NoHttp", "malformed response", [](Account&) { return Reply{.raw = "220 mail.example.com ESMTP\r\n\r\n"}; }},
    // What the network does.
    {"CutBeforeTheHead", "the connection broke", [](Account&) { return Reply{.fault = Fault::cut}; }},
    {"CutInTheBody", "the connection broke", [](Account& twin) { return faulty_car(twin, Fault::cut_in_body, 5'000); }},
    {"HangBeforeTheHead", kOutOfTime, [](Account&) { return Reply{.fault = Fault::hang}; }},
    {"HangBeforeTheBody", kOutOfTime, [](Account& twin) { return faulty_car(twin, Fault::hang_in_body, 0); }},
    {"HangInTheBody", kOutOfTime, [](Account& twin) { return faulty_car(twin, Fault::hang_in_body, 5'000); }},
    {"Trickle", kOutOfTime,
     [](Account& twin) {
       Reply reply = car(Bytes(kLimit, 0));
       reply.body = std::string(as_text(make_car(twin.head()->commit, {block_of(Bytes(kLimit - 1'000, 0))})));
       reply.pause = std::chrono::milliseconds(100);
       return reply;
     }},
    // The bytes.
    {"EndlessBody", "too large", [](Account& twin) { return Reply{.source = endless(twin)}; }},
    {"GzipBomb", "too large",
     [](Account& twin) {
       Reply reply{.gzip = true};
       const auto piece = endless(twin);
       while (reply.body.size() < 8 * kLimit) reply.body += piece();
       return reply;
     }},
    {"NoBytes", "CAR header is malformed", [](Account&) { return car({}); }},
    {"WebPage", "CAR", [](Account&) { return Reply{.body = "<html>welcome</html>"}; }},
    {"CutInABlock", "CAR ends too early",
     [](Account& twin) {
       Bytes bytes = twin.full_car();
       bytes.resize(bytes.size() - 7);
       return car(bytes);
     }},
    {"WrongHash", "CAR block does not match its CID",
     [](Account& twin) { return edited(twin, [](auto& blocks) { blocks.back().bytes[9] ^= 1; }); }},
    {"DigestOfNoLength", "CAR section is malformed",
     [](Account& twin) {
       Bytes bytes = twin.full_car();
       const Bytes section = {5, 0x01, 0x71, 0x12, 0x00, 0xa0};
       bytes.insert(bytes.end(), section.begin(), section.end());
       return car(bytes);
     }},
    {"AbsurdLength", "CAR section is malformed",
     [](Account& twin) {
       Bytes bytes = twin.full_car();
       bytes.insert(bytes.end(), 9, 0xff);
       bytes.push_back(1);
       return car(bytes);
     }},
    // The commit.
    {"CommitMissing", "incomplete",
     [](Account& twin) { return edited(twin, [](auto& blocks) { blocks.erase(blocks.begin()); }); }},
    {"CommitIsNone", "commit is malformed",
     [](Account&) { return car(make_car(cid_of(post_record(1)), {block_of(post_record(1))})); }},
    {"AnotherAccount", "event, commit and repo do not agree",
     [](Account&) {
       Account other(2);
       other.fill(kPosts);
       return car(other.full_car());
     }},
    {"AnotherAccountOfTheSameKey", "event, commit and repo do not agree",
     [](Account& twin) { return signed_as(twin, {.did = Account(2).did()}); }},
    {"AnotherKey", "signature does not verify",
     [](Account& twin) { return signed_as(twin, {.key = SigningKey(atproto::Curve::k256, 666)}); }},
    {"HighS", "signature is not in low-S form", [](Account& twin) { return signed_as(twin, {.high_s = true}); }},
    {"FarFuture", "rev lies in the future",
     [](Account& twin) {
       twin.set_next_rev(atproto::Tid::parse("bzzzzzzzzzzzz").value());
       return signed_as(twin, {});
     }},
    {"DataIsNowhere", "incomplete",
     [](Account& twin) { return signed_as(twin, {.data = cid_of(as_bytes("nothing"))}); }},
    // The tree.
    {"NodeMissing", "incomplete",
     [](Account& twin) {
       return edited(twin, [&](auto& blocks) {
         std::erase_if(blocks, [&](const Block& block) { return block.cid == twin.head()->data; });
       });
     }},
    {"RecordMissing", "incomplete",
     [](Account& twin) { return edited(twin, [](auto& blocks) { blocks.pop_back(); }); }},
    {"NodeIsNone", "MST is malformed", [](Account& twin) { return signed_tree(twin, {block_of(post_record(1))}); }},
    {"LinkOfNoLength", "MST is malformed",
     [](Account& twin) {
       // {"e": [], "l": <a CID without a digest, that fits whatever one likes, this node too>}
       return signed_tree(twin,
                          {block_of({0xa2, 0x61, 'e', 0x80, 0x61, 'l', 0xd8, 0x2a, 0x45, 0, 0x01, 0x71, 0x12, 0})});
     }},
    {"ChainWithoutEnd", "MST is malformed",
     [](Account& twin) {
       std::vector<Block> chain = {block_of(node_of({}, {"a.b.c/1"}))};
       while (chain.size() < 2'000) chain.push_back(block_of(node_of(chain.back().cid, {})));
       chain.push_back(block_of(node_of(chain.back().cid, {"a.b.c/2"})));
       std::ranges::reverse(chain);
       return signed_tree(twin, std::move(chain));
     }},
    {"WrongLayer", "MST is malformed",
     [](Account& twin) {
       const Block leaf = block_of(node_of({}, {"a.b.c/1"}));
       return signed_tree(twin, {block_of(node_of(leaf.cid, {"a.b.c/2"})), leaf, block_of(post_record(1))});
     }},
    {"KeysOutOfOrder", "MST is malformed",
     [](Account& twin) {
       return signed_tree(twin, {block_of(node_of({}, {"a.b.c/2", "a.b.c/1"})), block_of(post_record(1))});
     }},
};

class PdsLies : public TapTest, public ::testing::WithParamInterface<Lie> {
 protected:
  /// Only who hangs is to run out of time, however slow this machine.
  void start_with_time(const std::string& time) {
    start({"--repo-fetch-timeout", time, "--repo-max-bytes", std::to_string(kLimit)});
    consume();
  }
  void start_impatiently() { start_with_time("1s"); }
  void start_patiently() { start_with_time("1m"); }
  [[nodiscard]] std::string error(const Account& account) const {
    return get("/info/" + account.did().str()).at("error");
  }
  /// Its document names another PDS than ours, which is no good.
  void expect_failure(Account& account, const std::string& pds, const std::string& reason) {
    account.fill(kPosts);
    plc_.set_document(account.did().str(), document_of(account, pds));
    track(account);
    await_state(account, "error");
    EXPECT_THAT(error(account), AllOf(HasSubstr("failed to get repo"), HasSubstr(reason)));
    publish(account);
    track(account);  // it is tried at once
    await_records(account);
    await_state(account, "active");
  }
};

TEST_P(PdsLies, AreToldToNobodyNamedByInfoAndForgotten) {
  Account alice(1);
  Account twin(1);
  alice.fill(kPosts);
  twin.fill(kPosts);
  (void)alice.post();
  publish_document(alice, pds_);
  pds_.set_answer(alice.did().str(), GetParam().answer(twin));
  std::string_view(GetParam().reason) == kOutOfTime ? start_impatiently() : start_patiently();
  track(alice);
  await_state(alice, "error");
  EXPECT_THAT(error(alice), HasSubstr(GetParam().reason));
  EXPECT_THAT(actions_of(told(alice)), IsEmpty());

  publish_repo(alice);
  track(alice);  // it is tried at once
  await_records(alice);
  await_state(alice, "active");
  EXPECT_EQ(error(alice), "");
}

INSTANTIATE_TEST_SUITE_P(Of, PdsLies, ::testing::ValuesIn(kLies),
                         [](const auto& info) { return std::string(info.param.row); });

TEST_F(PdsLies, BlocksThatComeTwiceOrForNothingAreNoHarm) {
  Account alice(1);
  alice.fill(kPosts);
  publish_document(alice, pds_);
  pds_.set_answer(alice.did().str(), edited(alice, [](auto& blocks) {
                    const auto copy = blocks;
                    blocks.insert(blocks.end(), copy.begin(), copy.end());
                    blocks.push_back(block_of(post_record(9'999)));
                  }));
  start_patiently();
  track(alice);
  await_records(alice);
  await_state(alice, "active");
}

TEST_F(PdsLies, HostThatIsNotThereIsNamed) {
  start_patiently();
  Account alice(1);
  std::string url;
  {
    const PdsServer gone;
    url = gone.url();
  }
  expect_failure(alice, url, "cannot connect");
}

TEST_F(PdsLies, HostThatHangsAtTheConnectIsNamed) {
  start_impatiently();
  Account alice(1);
  const DeafHost deaf(DeafHost::At::connect);
  expect_failure(alice, "http://" + deaf.authority(), kOutOfTime);
}

TEST_F(PdsLies, HostThatHangsInTheHandshakeOfTlsIsNamed) {
  start_impatiently();
  Account alice(1);
  const DeafHost deaf(DeafHost::At::first_byte);
  expect_failure(alice, "https://" + deaf.authority(), kOutOfTime);
}

TEST_F(PdsLies, CertificateThatNobodySignedIsNamed) {
  start_patiently();
  Account alice(1);
  const TlsFront front(make_certificate("IP:127.0.0.1"), pds_.server().port());
  expect_failure(alice, "https://127.0.0.1:" + std::to_string(front.port()), "TLS failed");
}

}  // namespace
}  // namespace tap::test

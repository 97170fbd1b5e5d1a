// SPDX-License-Identifier: MIT
// Which records a filter lets through; the repo's state goes on with all of them (protocol 11.9).
#include "contract/contract.hpp"

namespace tap::test {
namespace {

using ::testing::UnorderedElementsAreArray;

struct Filter {
  std::string row;
  std::vector<std::string> filters;
  std::vector<std::string> collections;  ///< that come through
};

class FilterOf : public TapTest, public ::testing::WithParamInterface<Filter> {
 protected:
  static std::vector<std::string> collections_of(const Events& events) {
    std::vector<std::string> all;
    for (const Event& event : events) {
      if (event.is_record) all.push_back(event.body.at("collection"));
    }
    return all;
  }
  /// A record in each of these, all in one commit.
  static std::vector<Write> one_of_each(const std::string& rkey) {
    std::vector<Write> writes;
    for (const char* collection :
         {"app.bsky.feed.post", "app.bsky.feed.postgate", "app.bsky.graph.follow", "com.example.thing"}) {
      writes.push_back(create(std::string(collection) + "/" + rkey, post_record(1)));
    }
    return writes;
  }
};

TEST_P(FilterOf, CollectionsLetsThroughWhatItNames) {
  std::vector<std::string> arguments;
  for (const std::string& filter : GetParam().filters)
    arguments.insert(arguments.end(), {"--collection-filters", filter});
  start(arguments);
  consume();
  Account alice(1);
  alice.commit(one_of_each("3kaaaaaaaaa2a"));
  publish(alice);
  track(alice);
  await_state(alice, "active");
  const auto message = alice.commit(one_of_each("3kaaaaaaaaa2b"));
  send(message);
  wait_for("the commit", [&] { return get("/info/" + alice.did().str()).at("rev") == message.rev; });
  await_undelivered(0);

  std::vector<std::string> expected = GetParam().collections;
  expected.insert(expected.end(), GetParam().collections.begin(), GetParam().collections.end());
  EXPECT_THAT(collections_of(log_.all()), UnorderedElementsAreArray(expected)) << "historical and live";
  EXPECT_EQ(get("/stats/record-count").at("record_count"), expected.size());
}
INSTANTIATE_TEST_SUITE_P(
    Of, FilterOf,
    ::testing::Values(
        Filter{
            "none", {}, {"app.bsky.feed.post", "app.bsky.feed.postgate", "app.bsky.graph.follow", "com.example.thing"}},
        Filter{"exact", {"app.bsky.feed.post"}, {"app.bsky.feed.post"}},
        Filter{"prefix at a point", {"app.bsky.feed.*"}, {"app.bsky.feed.post", "app.bsky.feed.postgate"}},
        Filter{"prefix anywhere", {"app.bsky.feed.postg*"}, {"app.bsky.feed.postgate"}},
        Filter{"asterisk alone",
               {"*"},
               {"app.bsky.feed.post", "app.bsky.feed.postgate", "app.bsky.graph.follow", "com.example.thing"}},
        Filter{"several with commas",
               {"app.bsky.graph.*,com.example.thing"},
               {"app.bsky.graph.follow", "com.example.thing"}},
        Filter{
            "several flags", {"app.bsky.graph.*", "com.example.thing"}, {"app.bsky.graph.follow", "com.example.thing"}},
        Filter{"nothing that is there", {"org.example.*"}, {}}),
    RowName());

}  // namespace
}  // namespace tap::test

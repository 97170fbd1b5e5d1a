// SPDX-License-Identifier: MIT
#include "tap/atproto/cbor.hpp"
#include "tap/atproto/commit.hpp"
#include "tap/outbox/event.hpp"
#include "tap/verify/commit.hpp"

#include "bench/calibrator.hpp"
#include "bench/scenario.hpp"

#include <stdexcept>

namespace tap::bench {
namespace {

/// A #commit taken apart: what each of the functions on its way is given.
struct Sample {
  Bytes frame;
  Bytes car;  // what the pieces below point into
  atproto::car::View view;
  atproto::Commit commit;
  ByteView record;
  std::string path;
};

atproto::CommitEvent decode(ByteView frame) {
  return atproto::decode_commit(atproto::read_frame_head(frame).value().body).value();
}

Sample take_apart(Bytes frame) {
  Sample sample;
  sample.frame = std::move(frame);
  const atproto::CommitEvent event = decode(sample.frame);
  sample.car.assign(event.blocks.begin(), event.blocks.end());
  sample.view = atproto::car::parse(sample.car).value();
  sample.commit = atproto::Commit::decode(sample.view.blocks.at(sample.view.root)).value();
  sample.record = sample.view.blocks.at(event.ops.at(0).cid.value());
  sample.path = event.ops.at(0).path;
  return sample;
}

std::vector<Sample> take_samples(test::Account& account, std::size_t count) {
  std::vector<Sample> samples;
  for (std::size_t i = 0; i < count; ++i) {
    test::CommitMessage message = account.post();
    message.seq = static_cast<std::int64_t>(i + 1);
    samples.push_back(take_apart(message.frame()));
  }
  return samples;
}

/// Microseconds of CPU that one call takes; `work` says whether it succeeded.
template <class Work>
double microseconds(const std::vector<Sample>& samples, std::size_t rounds, Work work) {
  const double begin = thread_cpu_seconds();
  for (std::size_t round = 0; round < rounds; ++round) {
    for (const Sample& sample : samples) {
      if (!work(sample)) throw std::runtime_error("a true commit was refused");
    }
  }
  return (thread_cpu_seconds() - begin) / static_cast<double>(rounds * samples.size()) * 1e6;
}

}  // namespace

void run_pure(const Run& run) {
  const std::size_t rounds = run.scale(run.options.events, 20'000, 50) / 50;
  test::Account account(1);
  account.fill(run.scale(run.options.records, 2'000, 100));
  const std::vector<Sample> samples = take_samples(account, 50);
  const atproto::PublicKey key = account.key().public_key();
  const verify::Filter everything;

  const auto show = [&](const char* name, auto work) {
    run.report.add({name, microseconds(samples, rounds, work), "us"});
  };
  show("head of a frame", [](const Sample& s) { return atproto::read_frame_head(s.frame).has_value(); });
  show("a commit's payload", [](const Sample& s) { return decode(s.frame).seq > 0; });
  show("CAR of a commit", [](const Sample& s) { return atproto::car::parse(s.car).has_value(); });
  show("signature", [&](const Sample& s) { return s.commit.verify(key).has_value(); });
  show("tree of a commit",
       [](const Sample& s) { return atproto::mst::Tree::load(s.commit.data, s.view.blocks).has_value(); });
  show("record to JSON", [](const Sample& s) {
    std::string json;
    return atproto::cbor::append_record_json(s.record, json).has_value();
  });
  show("layer of a key", [](const Sample& s) { return atproto::mst::layer_of(s.path) >= 0; });
  show("a commit, wholly verified",
       [&](const Sample& s) { return verify::check_commit(decode(s.frame), key, everything).has_value(); });
}

}  // namespace tap::bench

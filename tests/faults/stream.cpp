// SPDX-License-Identifier: MIT
#include "faults/stream.hpp"

#include "faults/commit_lies.hpp"
#include "faults/draw.hpp"
#include "support/net/ws_wire.hpp"

#include <algorithm>
#include <tuple>
#include <utility>

namespace tap::faults {
namespace {

using namespace std::chrono_literals;
using test::CommitMessage;

/// A repo that was fetched on demand again and again waits longer each time; so many times it still is a matter of
/// seconds.
constexpr unsigned kMostTroubles = 2;
constexpr std::size_t kRemembered = 200;
constexpr std::size_t kLate = 20;
constexpr std::int64_t kKept = 20'000;  // frames that the relay keeps though Tap has seen them
constexpr std::size_t kFrameLimit = 5 << 20;
constexpr std::size_t kLongestStall = 2'000;  // ms
constexpr unsigned kAwayInCalm = 33;          // percent

}  // namespace

Stream::Stream(std::uint64_t seed, Population& population, Tally& faults)
    : population_(population), faults_(faults), seed_(seed) {
  relay_.set_activity([this](const std::string& did) {
    const std::lock_guard lock(away_mutex_);
    return !away_.contains(did);
  });
}

template <class Message>
void Stream::send(Message message) {
  message.seq = ++seq_;
  send_bytes(message.frame());
}

void Stream::send_bytes(ByteView frame) {
  ++frames_;
  relay_.push(seq_, frame);
}

/// Sometimes a little later than those of other repos, and sometimes twice.
void Stream::send_truth(CommitMessage message) {
  if (dice_.chance(5)) {
    faults_.add("frame behind those of other repos");
    late_.push_back(std::move(message));
    if (late_.size() <= kLate) return;
    message = std::move(late_.front());
    late_.pop_front();
  }
  sent_.push_back(message);
  if (sent_.size() > kRemembered) sent_.pop_front();
  if (dice_.chance(1)) {
    faults_.add("frame twice");
    send(message);
  }
  send(std::move(message));
}

/// Nobody overtakes himself.
void Stream::catch_up(const Member& member) {
  const auto late = std::ranges::find(late_, member.did(), &CommitMessage::repo);
  if (late == late_.end()) return;
  send(std::move(*late));
  late_.erase(late);
}

void Stream::act() {
  dice_ = draw(seed_, "act", ++acts_);
  if (free_at_ && std::chrono::steady_clock::now() >= *free_at_) make_way();
  const std::size_t chance = dice_.below(1'000);
  if (chance < 20) return send_junk();
  if (chance < 40 && !sent_.empty()) {
    faults_.add("old frame again");
    return send(dice_.pick(sent_));
  }
  const auto held = population_.lock();
  if (chance < 90) return lie(*dice_.pick(population_.liars()));
  act_honestly(*dice_.pick(population_.honest()));
}

void Stream::make_way() {
  relay_.hold(false);
  relay_.trickle(0, 0ms);
  free_at_.reset();
}

void Stream::let_the_next_lie() {
  const auto held = population_.lock();
  const auto& liars = population_.liars();
  dice_ = draw(seed_, "lie in a calm", lies_in_calm_);
  lie(*liars[lies_in_calm_++ % liars.size()]);
}

void Stream::lie(Member& liar) {
  catch_up(liar);
  CommitMessage truth = write(liar);
  if (liar.vice != Vice::commits && dice_.chance(50)) return send_truth(std::move(truth));
  lie_about(liar, std::move(truth));
}

void Stream::lie_about(Member& member, CommitMessage truth) {
  const auto lies = commit_lies();
  const CommitLie& lie = lies[dice_.below(lies.size())];
  faults_.add(lie.name);
  send(lie.tell(member.author.account, std::move(truth), dice_));
}

void Stream::act_honestly(Member& member) {
  catch_up(member);
  const std::size_t chance = dice_.below(1'000);
  if (member.author.is_away) {
    if (chance < 300) go_or_come_back(member);
    return;
  }
  if (chance < 20 && member.troubles < kMostTroubles) return trouble(member);
  if (chance < 30) return send(member.author.account.identity());
  if (chance < 40) {
    faults_.add("sync of what is known");
    return send(member.author.account.sync());
  }
  send_truth(write(member));
}

/// Something after which the repo can only be fetched.
void Stream::trouble(Member& member) {
  ++member.troubles;
  switch (dice_.below(5)) {
    case 0:
      faults_.add("frame lost");
      std::ignore = write(member);
      return send_truth(write(member));
    case 1:
      faults_.add("sync instead of a commit");
      std::ignore = write(member);
      return send(member.author.account.sync());
    case 2:
      faults_.add("key changed");
      member.author.account.rotate(test::SigningKey(atproto::Curve::k256, dice_.word()));
      if (dice_.chance(50)) send(member.author.account.identity());
      return send_truth(write(member));
    case 3:
      return go_or_come_back(member);
    default:
      return lie_about(member, write(member));
  }
}

void Stream::go_or_come_back(Member& member) {
  test::Author& author = member.author;
  faults_.add(author.is_away ? "account comes back" : "account goes away");
  author.is_away = !author.is_away;
  if (!author.is_away) std::ignore = write(member);
  {
    const std::lock_guard lock(away_mutex_);
    author.is_away ? (void)away_.insert(member.did()) : (void)away_.erase(member.did());
  }
  tell_status(member);
}

void Stream::tell_status(const Member& member) {
  const test::Author& author = member.author;
  send(author.account.status(!author.is_away,
                             author.is_away ? std::optional<std::string>("deactivated") : std::nullopt));
}

void Stream::send_junk() {
  ++seq_;
  switch (dice_.below(8)) {
    case 0:
      faults_.add("frame of garbage");
      return send_bytes(dice_.bytes(dice_.below(300)));
    case 1:
      faults_.add("frame of nothing");
      return send_bytes({});
    case 2:
      faults_.add("frame of an unknown kind");
      return send_bytes(test::message_frame("#gossip", dice_.bytes(30)));
    case 3:
      faults_.add("frame of an unknown op");
      return send_bytes(test::hex("a1 62 6f 70 07 a0"));
    case 4:
      faults_.add("info of an unknown name");
      return send_bytes(test::info_frame("Weather", "Rain is expected."));
    case 5: {
      faults_.add("frame that is mutated");
      constexpr std::size_t kHead = 15;  // what is behind it has the seq, of which there is no telling a wrong one
      if (sent_.empty()) return;
      CommitMessage message = dice_.pick(sent_);
      message.seq = seq_;
      Bytes frame = message.frame();
      frame[dice_.below(kHead)] = dice_.byte();
      return send_bytes(frame);
    }
    case 6: {
      if (!dice_.chance(5)) return;  // megabytes each
      faults_.add("frame that is too large");
      return send_bytes(test::message_frame("#commit", Bytes(kFrameLimit + 1, 0x61)));
    }
    default: {
      faults_.add("account event of a stranger");
      test::AccountMessage message;
      message.seq = seq_;
      message.did = "did:plc:cccccccccccccccccccccccc";
      return send_bytes(message.frame());
    }
  }
}

void Stream::disturb() {
  make_way();
  const std::uint64_t number = disturbances_++;
  dice_ = draw(seed_, "disturbance", number);
  switch (in_turn(seed_, "disturbances", number, kDisturbances)) {
    case 0:
      faults_.add("connection cut");
      return relay_.cut();
    case 1:
      faults_.add("connection cut in a frame");
      return relay_.cut_in_frame(dice_.bytes(2'000));
    case 2:
      faults_.add("connection closed");
      return relay_.close_all(1001, "going away");
    case 3:
      faults_.add("error frame");
      return relay_.send_error("ConsumerTooSlow", "Read faster.");
    case 4:
      faults_.add("error frame of an unknown name");
      return relay_.send_error("Mood", "");
    case 5:
      faults_.add("seq that goes back");
      if (sent_.empty()) return;
      return relay_.send_raw(test::server_frame(2, sent_.front().frame()));
    case 6:
      faults_.add("garbage on the connection");
      return relay_.send_raw(std::string(as_text(dice_.bytes(500))));
    case 7: {
      faults_.add("relay that stands still");
      free_at_ = std::chrono::steady_clock::now() + std::chrono::milliseconds(dice_.below(kLongestStall));
      return relay_.hold(true);
    }
    case 8: {
      faults_.add("relay that trickles");
      free_at_ = std::chrono::steady_clock::now() + std::chrono::milliseconds(dice_.below(kLongestStall));
      return relay_.trickle(700, 2ms);
    }
    case 9:
      faults_.add("relay that refuses");
      relay_.refuse(502, {}, 1 + dice_.below(2));
      return relay_.cut();
    default:
      return std::exchange(has_lost_, true) ? relay_.cut() : lose_everything();
  }
}

/// Every repo has to be fetched again: once between two times of calm, or it adds up.
void Stream::lose_everything() {
  faults_.add("outdated cursor");
  const auto held = population_.lock();
  for (const auto& member : population_.honest()) ++member->troubles;
  forgotten_ = seq_;
  relay_.forget(forgotten_);
  relay_.cut();
}

void Stream::send_away() {
  faults_.add("future cursor");
  relay_.send_error("FutureCursor", "Cursor in the future.");
}

void Stream::calm_down() {
  make_way();
  dice_ = draw(seed_, "calm", ++calms_);
  {
    const auto held = population_.lock();
    for (const auto& member : population_.honest()) {
      catch_up(*member);
      if (member->author.is_away != dice_.chance(kAwayInCalm)) {
        ++member->troubles;
        go_or_come_back(*member);
      }
      if (!member->author.is_away) send_truth(write(*member));
    }
    for (CommitMessage& late : std::exchange(late_, {})) send(std::move(late));
  }
  if (std::exchange(has_lost_, false)) say_who_is_away();  // it may have lost that, too
}

void Stream::say_who_is_away() {
  const auto held = population_.lock();
  for (const auto& member : population_.honest()) {
    if (member->author.is_away) tell_status(*member);
  }
}

void Stream::forget_below(std::int64_t seq) {
  if (seq - kKept <= forgotten_) return;
  forgotten_ = seq - kKept;
  relay_.forget(forgotten_);
}

}  // namespace tap::faults

// SPDX-License-Identifier: MIT
#pragma once

#include "unit/store/store_model.hpp"

#include <random>
#include <string>
#include <vector>

namespace tap::store {

/// One thing that a Tap does with its store.
struct Step {
  enum class Kind : std::uint8_t { apply, fold, fold_slice, sweep, checkpoint };
  Kind kind = Kind::apply;
  std::vector<Write> writes = {};
  std::vector<outbox::EventId> acked = {};
  std::size_t max = 0;  ///< of fold_slice
};
[[nodiscard]] Result<outbox::EventId> take(Store& store, const Step& step);

/// Writes such as a Tap makes: repos are added, fetched, followed, lost, removed and added again; revs grow, records
/// are counted right, events are acked, set aside and replayed. Deterministic: the same seed, the same story.
class StoreStory {
 public:
  explicit StoreStory(std::uint64_t seed) : random_(seed) {}

  [[nodiscard]] Step next();
  /// Its answer; from here on the model has the step in it.
  void took(const Step& step, outbox::EventId first);
  [[nodiscard]] const Model& model() const { return model_; }

 private:
  [[nodiscard]] std::uint64_t below(std::uint64_t limit);
  void change(Write& write, Mutation mutation);
  [[nodiscard]] RepoId pick_repo();
  [[nodiscard]] std::vector<RecordChange> some_changes(const Model::Repo& repo);
  [[nodiscard]] repos::Head next_head(RepoId id);

  [[nodiscard]] Write some_write();
  void add(Write& write);
  void fetch(Write& write, RepoId id);
  void commit(Write& write, RepoId id);
  void disturb(Write& write, RepoId id);
  void tell(Write& write, RepoId id, const std::vector<RecordChange>& changes, bool live);
  void set_aside(Write& write);
  void replay(Write& write);

  std::mt19937_64 random_;
  Model model_;
  std::uint64_t next_repo_ = 1;
  std::uint64_t revs_ = 1'000'000;
};

/// All that a database says, as text; the fold is done for it.
[[nodiscard]] std::string read_back(Store& store);
[[nodiscard]] std::string text_of(const Model& model);

}  // namespace tap::store

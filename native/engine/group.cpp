// SPDX-License-Identifier: Apache-2.0
#include "engine/group.hpp"

#include "engine/loop.hpp"

namespace millrace::engine {

bool Group::join(Loop* loop) noexcept {
  const std::lock_guard guard(lock_);
  if (count_ == kMaxLoops) return false;
  loops_[count_++] = loop;
  return true;
}

void Group::leave(Loop* loop) noexcept {
  const std::lock_guard guard(lock_);
  for (unsigned index = 0; index < count_; ++index) {
    if (loops_[index] != loop) continue;
    loops_[index] = loops_[--count_];
    return;
  }
}

bool Group::hand_off(const Loop* self, int fd, const os::Address& peer) noexcept {
  const std::lock_guard guard(lock_);
  Loop* least = nullptr;
  for (unsigned index = 0; index < count_; ++index) {
    Loop* loop = loops_[index];
    if (least == nullptr || loop->load() < least->load()) least = loop;
  }
  if (least == nullptr || least == self) return false;
  if (!least->hand_off().give(fd, peer)) return false;
  least->wake();
  return true;
}

bool Group::empty() noexcept {
  const std::lock_guard guard(lock_);
  return count_ == 0;
}

}  // namespace millrace::engine

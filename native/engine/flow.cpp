// SPDX-License-Identifier: Apache-2.0
//
// How much of a peer is taken, and how long what goes to it is gathered. Who runs on credits, or has a quota, is
// `limited`: each message is charged, and the one that takes the last of something makes the connection `spent`. Who
// batches has frames in the queue that are `kept`: the kernel has not been asked to take them.
#include <algorithm>

#include "engine/loop.hpp"

namespace millrace::engine {

using memory::kNone;

namespace {

constexpr std::int64_t kSecondNs = 1'000'000'000;

/// Nobody is woken for one message after the other.
constexpr std::int64_t kShortestRestNs = 10'000'000;

/// More of anything in a second is no quota; it keeps sums small.
constexpr std::int64_t kHighestRate = INT64_MAX / 4;

void add(std::int64_t* sum, std::uint64_t more, std::int64_t most) noexcept {
  if (more == 0) return;
  more = std::min<std::uint64_t>(more, INT64_MAX);
  const std::int64_t before = *sum == Credit::kUncounted ? 0 : *sum;
  const std::uint64_t room = static_cast<std::uint64_t>(most) - static_cast<std::uint64_t>(before);
  *sum = more >= room ? most : before + static_cast<std::int64_t>(more);
}

void refill(Bucket* bucket, std::int64_t rate, std::int64_t elapsed_ns) noexcept {
  if (rate == 0) return;
  __extension__ using Wide = __int128;
  const Wide grown = static_cast<Wide>(rate) * elapsed_ns + bucket->fraction;
  if (grown / kSecondNs >= rate - bucket->tokens) {
    *bucket = {rate, 0};
    return;
  }
  bucket->tokens += static_cast<std::int64_t>(grown / kSecondNs);
  bucket->fraction = static_cast<std::int64_t>(grown % kSecondNs);
}

/// Until there is a token in it.
std::int64_t empty_for_ns(const Bucket& bucket, std::int64_t rate) noexcept {
  if (rate == 0 || bucket.tokens > 0) return 0;
  __extension__ using Wide = __int128;
  const Wide missing = static_cast<Wide>(1 - bucket.tokens) * kSecondNs - bucket.fraction;
  return static_cast<std::int64_t>(std::min<Wide>((missing + rate - 1) / rate, kHighestRate));
}

bool is_empty(const Bucket& bucket, std::int64_t rate) noexcept { return rate > 0 && bucket.tokens <= 0; }

}  // namespace

int Loop::open_flow(std::uint32_t connections) noexcept {
  options_.messages_per_second = std::min(options_.messages_per_second, kHighestRate);
  options_.bytes_per_second = std::min(options_.bytes_per_second, kHighestRate);
  if (options_.max_credit_bytes == 0) options_.max_credit_bytes = INT64_MAX;
  if (const int result = memory::map_array(connections, &credits_, &credits_length_); result < 0) return result;
  if (const int result = memory::map_array(connections, &batches_, &batches_length_); result < 0) return result;
  if (options_.messages_per_second == 0 && options_.bytes_per_second == 0) return 0;
  return memory::map_array(connections, &quotas_, &quotas_length_);
}

void Loop::close_flow() noexcept {
  memory::unmap_array(&credits_, credits_length_);
  memory::unmap_array(&batches_, batches_length_);
  memory::unmap_array(&quotas_, quotas_length_);
}

// ---- credits and quotas

/// The connection is open: its buckets are full.
void Loop::begin_quota(std::uint32_t slot) noexcept {
  if (quotas_ == nullptr) return;
  limit(slot);
  quotas_[slot] = {{options_.messages_per_second, 0}, {options_.bytes_per_second, 0}, now_ns_, kNever};
}

void Loop::limit(std::uint32_t slot) noexcept {
  if (connections_[slot].limited) return;
  connections_[slot].limited = true;
  Credit& credit = credits_[slot];
  credit.messages = credit.bytes = Credit::kUncounted;
  credit.spent = credit.over_quota = false;  // it may still be listed for the connection before
}

void Loop::give_credit(std::uint32_t slot, const ring::Record& command) noexcept {
  Connection& connection = connections_[slot];
  if (!connection.websocket) {
    reject(slot, command);
    return;
  }
  if (connection.phase != Phase::open) return;
  limit(slot);
  Credit& credit = credits_[slot];
  add(&credit.messages, command.auxiliary, INT64_MAX);
  add(&credit.bytes, command.address, options_.max_credit_bytes);
  credit.spent = credit.has_none();
  if (!connection.spent || credit.spent || credit.over_quota) return;
  connection.spent = false;
  unpark_held(connection);
  // Where the poller was not told of the rest, nothing else sets the timer that may have fired meanwhile.
  arm(slot);
}

/// A message was told.
void Loop::charge(std::uint32_t slot, std::uint32_t length) noexcept {
  Credit& credit = credits_[slot];
  if (credit.messages > 0) --credit.messages;
  if (credit.bytes != Credit::kUncounted) credit.bytes -= length;
  credit.spent = credit.has_none();
  if (quotas_ != nullptr) {
    Quota& quota = quotas_[slot];
    refill_quota(&quota);
    --quota.messages.tokens;
    quota.bytes.tokens -= length;
    if (is_over(quota)) {
      credit.over_quota = true;
      quota.due_ns = now_ns_ + std::max({empty_for_ns(quota.messages, options_.messages_per_second),
                                         empty_for_ns(quota.bytes, options_.bytes_per_second), kShortestRestNs});
    }
  }
  if (!credit.spent && !credit.over_quota) return;
  connections_[slot].spent = true;
  if (credit.listed) return;
  credit.listed = true;
  credit.next = spent_first_;
  spent_first_ = slot;
}

void Loop::refill_quota(Quota* quota) const noexcept {
  if (quota->refilled_ns == now_ns_) return;
  refill(&quota->messages, options_.messages_per_second, now_ns_ - quota->refilled_ns);
  refill(&quota->bytes, options_.bytes_per_second, now_ns_ - quota->refilled_ns);
  quota->refilled_ns = now_ns_;
}

bool Loop::is_over(const Quota& quota) const noexcept {
  return is_empty(quota.messages, options_.messages_per_second) || is_empty(quota.bytes, options_.bytes_per_second);
}

/// Handlers have had their say about what the last turn told: who is still spent is not read from.
void Loop::rest_spent() noexcept {
  while (spent_first_ != kNone) {
    const std::uint32_t slot = spent_first_;
    Credit& credit = credits_[slot];
    spent_first_ = credit.next;
    credit.listed = false;
    const Connection& connection = connections_[slot];
    if (connection.phase != Phase::open || !connection.spent) continue;
    if (credit.spent) count(ring::kCreditStops);
    if (credit.over_quota) count(ring::kQuotaStops);
    park_held(connection);
    update_interest(slot);
    if (!has_ended(connection)) arm(slot);
  }
}

/// The wheel says that the buckets have something.
void Loop::look_at_quota(std::uint32_t slot) noexcept {
  Connection& connection = connections_[slot];
  if (!connection.spent || quotas_ == nullptr || now_ns_ < quotas_[slot].due_ns) return;
  Credit& credit = credits_[slot];
  quotas_[slot].due_ns = kNever;
  credit.over_quota = false;
  connection.spent = credit.spent;
  if (!connection.spent) unpark_held(connection);
  update_interest(slot);
}

/// Nobody waits for messages any more.
void Loop::end_limits(Connection& connection) noexcept {
  connection.limited = connection.spent = false;
  unpark_held(connection);
}

// ---- batches

void Loop::set_batch(std::uint32_t slot, const ring::Record& command) noexcept {
  Connection& connection = connections_[slot];
  if (!connection.websocket || command.opcode > ring::kFlushBatch) {
    reject(slot, command);
    return;
  }
  if (connection.phase != Phase::open || connection.eof) return;
  send_kept(slot);
  chain_sent_before_ = counters_[ring::kMessagesSent];
  if (has_ended(connection) || command.opcode == ring::kFlushBatch) return;
  connection.batching = command.length > 1;
  if (!connection.batching) return;
  const auto delay_ns = static_cast<std::int64_t>(std::min<std::uint64_t>(command.auxiliary, kLongestDelayNs));
  const auto low = static_cast<std::uint64_t>(low_water()) + 1;  // there reads would stop, and later sends
  batches_[slot] = {std::min(command.address, low), delay_ns, kNever, 0, command.length, 0};
}

/// The end of a chain of commands that has put `messages`; `urgent`: something else, too, that cannot wait.
void Loop::gather_batch(std::uint32_t slot, std::int64_t messages, bool urgent) noexcept {
  Connection& connection = connections_[slot];
  Batch& batch = batches_[slot];
  const bool stuck = connection.queue_head != kNone && !connection.keeping;
  if (has_ended(connection) || stuck) {
    send_gathered(slot);
    return;
  }
  batch.messages += static_cast<std::uint32_t>(messages);
  const std::uint64_t bytes = connection.buffered + gather_.bytes();
  if (urgent || bytes == 0 || batch.messages >= batch.most_messages || bytes >= batch.most_bytes ||
      batch.due_ns <= now_ns_) {
    send_kept(slot);
    return;
  }
  keep_gathered(slot);
  if (has_ended(connection)) return;
  if (messages > 0) {
    count(ring::kMessagesBatched, messages);
    if (batch.kept_bytes > 0) count(ring::kSendsSaved);
  }
  batch.kept_bytes = connection.buffered;
  queue_changed(slot);
  if (!has_ended(connection)) arm_at(slot, batch.due_ns);
}

/// What was gathered joins the queue without having been offered to the kernel.
void Loop::keep_gathered(std::uint32_t slot) noexcept {
  Connection& connection = connections_[slot];
  Batch& batch = batches_[slot];
  if (batch.due_ns == kNever) batch.due_ns = now_ns_ + batch.delay_ns;
  connection.keeping = true;
  for (int index = 0; index < gather_.count(); ++index) {
    const iovec& piece = gather_.pieces()[index];
    enqueue(slot, static_cast<std::uint8_t*>(piece.iov_base), piece.iov_len, gather_.piece(index));
  }
  gather_.clear();
  end_temporary();
}

/// Everything leaves: what a batch keeps, or what was gathered, which there is only while nothing is queued.
void Loop::send_kept(std::uint32_t slot) noexcept {
  Connection& connection = connections_[slot];
  if (connection.keeping) flush_queue(slot);
  if (connection.batching) forget_batch(slot);
  send_gathered(slot);
}

/// From here on the kernel is asked to take what was kept. What this turn has put to it would have been a send of its
/// own.
void Loop::forget_batch(std::uint32_t slot) noexcept {
  Batch& batch = batches_[slot];
  if (batch.kept_bytes > 0 && connections_[slot].buffered > batch.kept_bytes) count(ring::kSendsSaved);
  batch.kept_bytes = 0;
  batch.messages = 0;
  batch.due_ns = kNever;
}

/// A ping has to leave with the chain that put it.
void Loop::hurry_batch(std::uint32_t slot) noexcept {
  if (connections_[slot].batching) batches_[slot].due_ns = now_ns_;
}

}  // namespace millrace::engine

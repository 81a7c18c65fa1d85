// SPDX-License-Identifier: Apache-2.0
#include "scene.hpp"

#include <algorithm>
#include <cstring>
#include <iterator>

#include "engine/engine.hpp"
#include "memory/region.hpp"

namespace millrace::scene {

using sim::check;

namespace {

// More turns than any scene has bytes for one by one: who needs them goes round in circles.
constexpr int kManyTurns = 8 << 20;

}  // namespace

ring::LoopOptions Scene::small_options() {
  ring::LoopOptions options{};
  options.region_bytes = 16 << 20;
  options.max_message_bytes = 1 << 20;
  options.high_water_bytes = 64 << 10;
  options.handshake_timeout_ns = 5 * kSecond;
  options.close_timeout_ns = 5 * kSecond;
  options.max_connections = 16;
  options.max_fragments = 64;
  options.max_header_bytes = 4096;
  options.max_request_line = 1024;
  return options;
}

int Scene::open(const ring::LoopOptions& options) {
  options_ = options;
  group_ = engine::create_group();
  check(group_ >= 0, "there is room for a group");
  loop_ = engine::create(group_, options);
  if (loop_ < 0) {
    check(engine::destroy_group(group_) == 0, "a loop that was not made has not joined its group");
    check(sim::open_descriptors() == 0 && sim::mappings() == 0, "a loop that was not made leaves nothing behind");
    return loop_;
  }
  control_ = static_cast<std::uint8_t*>(engine::control(loop_).start);
  region_ = static_cast<std::uint8_t*>(engine::region(loop_).start);
  region_id_ = static_cast<std::uint16_t>(engine::region_id(loop_));
  return 0;
}

std::int64_t Scene::counter(ring::Counter counter) const {
  std::int64_t value;
  std::memcpy(&value, control_ + ring::kCountersOffset + counter * sizeof value, sizeof value);
  return value;
}

std::uint32_t Scene::connect(std::uint32_t listener) {
  if (clients_.size() == max_clients || !is_listening(listener)) return kNoClient;
  if (is_client()) return dial(listener);
  const sim::Peer peer = sim::connect(listeners_[listener]);
  if (peer == sim::kNoPeer) return kNoClient;
  clients_.emplace_back(peer);
  if (deflate != 0) clients_.back().deflate(deflate);
  return client_count() - 1;
}

/// A turn, and how much came of it: events, what the poller had to report, and a long message that goes on.
std::size_t Scene::work_of_turn() {
  const std::int64_t slices = counter(ring::kInflatedSlices);
  const auto events = static_cast<std::size_t>(turn());
  return events + sim::reports() + static_cast<std::size_t>(counter(ring::kInflatedSlices) - slices);
}

void Scene::settle() {
  for (int turns = 0; work_of_turn() > 0; ++turns) check(turns < kManyTurns, "a loop that nobody feeds comes to rest");
  // Nothing to do: the next turn waits, but for timers, which may be due or have to be sorted.
  const std::int64_t before = os::clock_ns();
  const int events = turn(20 * kMilli);
  check(events > 0 || os::clock_ns() - before >= 20 * kMilli, "a turn with nothing to do waits");
  check(sim::waits() <= 64 + 8 * (clients_.size() + alarms_.size()), "a turn with nothing to do does not spin");
}

void Scene::pump() {
  for (int turns = 0; turns < kManyTurns; ++turns) {
    std::size_t moved = 0;
    for (Client& client : clients_) moved += client.write() + client.read();
    moved += work_of_turn();
    for (Client& client : clients_) {
      moved += client.read();
      if (!client.may_close()) continue;
      client.close();
      ++moved;
    }
    if (moved == 0) return;
  }
  check(false, "clients and loop come to rest");
}

/// After every turn, before its events are handled.
void Scene::check_turn() {
  std::uint64_t bound = 0;
  check_pinned();
  for (auto& [id, link] : links_) {
    const std::int64_t now = buffered(id);
    // What can be queued is what was queued, what Java has sent since, and a pong, a Close and a response of the
    // core's.
    check(now >= 0 && now <= link.buffered + link.commanded + 1024, "a turn queues what Java sent, and no more");
    link.buffered = now;
    link.commanded = 0;
  }
  for (const Client& client : clients_) {
    if (!sim::is_open(client.peer())) continue;
    // A block for a message is as large as what came of it, once more for doubling, and 1 MiB that is only set aside;
    // what is held, and a head in pieces, are bounded by what came as well.
    const std::uint64_t came =
        std::min<std::uint64_t>(sim::received(client.peer()), static_cast<std::uint64_t>(options_.max_message_bytes));
    bound += 2 * ((1 << 20) + 2 * came) + 4 * static_cast<std::uint64_t>(options_.max_header_bytes) + (512 << 10);
  }
  for (const auto& [id, link] : links_) bound += 4 * static_cast<std::uint64_t>(link.buffered);
  for (const Kept& kept : kept_)
    bound += static_cast<std::uint64_t>(engine::capacity(static_cast<std::int64_t>(kept.address)));
  // The counter tells of the turn before: what that turn delivered, and what Java put in blocks, comes on top.
  bound += 8 << 20;
  check(static_cast<std::uint64_t>(counter(ring::kBlockBytesInUse)) <= bound, "memory in use is bounded by what came");
  check(counter(ring::kConnections) <= options_.max_connections, "connections keep their limit");
}

/// The words by slot and their sum, before Java has looked at anything.
void Scene::check_pinned() const {
  const std::size_t table = ring::pinned_offset(static_cast<std::size_t>(options_.max_connections));
  std::int64_t sum = 0;
  for (std::uint32_t slot = 0; slot < static_cast<std::uint32_t>(options_.max_connections); ++slot) {
    check(word(table, slot) >= 0, "nobody pins less than nothing");
    sum += word(table, slot);
  }
  check(counter(ring::kInboundBytesPinned) == sum, "the counter of what input pins is the sum of its words");
}

/// Everybody may send, and what was gathered leaves; quotas have the time they need.
void Scene::end_flow() {
  const auto give = [this] {
    for (std::uint32_t index = 0; index < client_count(); ++index) credit(index, UINT64_MAX, UINT64_MAX);
  };
  const auto unheard = [this] {
    std::size_t sum = 0;
    for (const Client& client : clients_) sum += client.unheard() + client.unwritten();
    return sum;
  };
  for (std::uint32_t index = 0; index < client_count(); ++index) batch(index, 1, 0, 0);
  give();
  pump();
  const bool has_quota = options_.messages_per_second > 0 || options_.bytes_per_second > 0;
  if (!has_quota && options_.max_credit_bytes == 0) return;
  // What is owed for one message may take many rounds; who has broken a rule, or has left, is not heard to the end.
  int quiet = 0;
  for (std::size_t before = unheard(); before > 0 && quiet < 50;) {
    give();
    (void)turn(kSecond);
    pump();
    const std::size_t now = unheard();
    quiet = now == before ? quiet + 1 : 0;
    before = now;
  }
  // A Close would stand behind what is owed for the last.
  for (int rounds = 0; rounds < 50; ++rounds) {
    give();
    if (has_quota) sim::advance(kSecond);
    pump();
  }
}

/// With everybody reading, and nobody paused, everything has arrived.
void Scene::check_delivered() {
  for (const auto& [id, link] : links_) {
    if (link.client == kNoClient || !link.accepted || link.closed_by_us || link.told_closing) continue;
    const Client& client = clients_[link.client];
    if (client.has_left() || client.closes() > 0)
      continue;  // whom the loop closes for want of memory Java hears of last
    // A send has failed, and the rest was dropped.
    if (takes_no_sends(id)) continue;
    check(client.awaited() == 0, "everything that Java sent has come");
    check(buffered(id) == 0, "what the kernel has taken is queued no more");
    if (!client.is_clean() || client.said_close()) continue;
    check(client.unheard() == 0, "everything that was sent to Java has come");
  }
}

void Scene::end_in_order() {
  sim::no_more_faults();
  decision = Decision::accept;
  answers_closing = true;
  decide_later_ones(Decision::accept);
  release_kept();
  for (std::uint32_t index = 0; index < client_count(); ++index) {
    sim::set_buffers(clients_[index].peer(), {});
    answers_[index] = Answer::staged;
    resume(index);
  }
  end_flow();
  check_delivered();
  settle();

  // Half of those that are left are closed by Java, half by themselves.
  std::vector<std::uint32_t> closing;
  for (std::uint32_t index = 0; index < client_count(); ++index) {
    if (!is_open(index)) continue;
    Client& client = clients_[index];
    Id id;
    const Link* const link = live(index, &id);
    // Where CLOSING was told, for idleness perhaps, and is not answered yet, nothing more is read.
    const bool answers = link != nullptr && !link->told_closing && !takes_no_sends(id);
    const bool by_itself = index % 2 == 0 && answers && client.is_clean() && !client.said_close() && !client.has_left();
    if (by_itself) {
      client.say_close(1000, "");
      closing.push_back(index);
    } else {
      close(index, 1001, "the end");
    }
  }
  pump();
  for (const std::uint32_t index : closing) check(clients_[index].closes() == 1, "a Close is answered by one Close");
  for (Client& client : clients_) {
    if (sim::at_end(client.peer()) && !client.is_gone()) client.close();
  }
  pump();
  // Who still waits to be accepted is, as far as descriptors go.
  for (std::uint32_t index = 0; index < std::size(listeners_); ++index) {
    if (is_listening(index) && !is_client()) unlisten(index);
  }
  pump();
  // Who says nothing is gone when the deadlines are: handshake, and twice close.
  const std::int64_t step = std::max(options_.handshake_timeout_ns, options_.close_timeout_ns) + kSecond;
  for (int deadlines = 0; deadlines < 3; ++deadlines) {
    (void)turn(step);
    pump();
    // One event ends a turn: the others' deadlines pass in the next.
    sim::advance(step);
    pump();
    release_kept();
  }
  // Open connections of hostile clients that never finished a frame stay: nothing is due from them.
  for (std::uint32_t index = 0; index < client_count(); ++index) abort(index);
  pump();
  check(std::none_of(links_.begin(), links_.end(), [](const auto& entry) { return !entry.second.responded; }),
        "every connection that was announced is told CLOSED");
  check(counter(ring::kConnections) == 0, "no connection is left");
  release_kept();
  pump();
  (void)turn();
  check(counter(ring::kBlocksInUse) == 0, "no block is left");
  check(counter(ring::kInboundBytesPinned) == 0, "nothing is pinned");
  check(tokens_.empty(), "every token was told SENT");
  check(dialing_.empty(), "every CONNECT is answered by DIALED");
  check(sim::open_descriptors() == 2, "no descriptor is left but the poller and the one that wakes");
  for (const Client& client : clients_) check(!sim::is_open(client.peer()), "no socket is left");
  tear_down();
}

void Scene::end_at_once() {
  release_kept();
  flush();
  tear_down();
}

void Scene::tear_down() {
  check(engine::destroy(loop_) == 0, "a loop is destroyed");
  check(sim::open_descriptors() == 1, "a loop that is gone has no descriptor but the one that wakes");
  memory::Region* const region = memory::Region::find(region_id_);
  region->take_back();
  check(region->blocks().in_use() == 0, "no block is leaked");
  check(engine::release_mappings(loop_) == 0, "mappings can be given up");
  check(engine::destroy_group(group_) == 0, "a group without loops can go");
  check(sim::open_descriptors() == 0, "no descriptor is leaked");
  check(sim::mappings() == 0, "no mapping is leaked");
}

}  // namespace millrace::scene

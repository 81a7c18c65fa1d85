// SPDX-License-Identifier: Apache-2.0
#include "java_half.hpp"

#include <doctest/doctest.h>
#include <stdlib.h>
#include <sys/resource.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <utility>

#include "memory/region.hpp"

namespace millrace::engine::test {

ring::LoopOptions test_options() {
  ring::LoopOptions options{};
  options.region_bytes = 64 << 20;
  options.max_message_bytes = 16 << 20;
  options.high_water_bytes = 1 << 20;
  options.handshake_timeout_ns = 60 * kSecond;
  options.close_timeout_ns = 60 * kSecond;
  options.max_connections = 1024;
  options.max_fragments = 1024;
  options.max_header_bytes = 16384;
  options.max_request_line = 8192;
  const char* const allocator = ::getenv("MILLRACE_TEST_ALLOCATOR");
  options.allocator = allocator != nullptr && std::strcmp(allocator, "general") == 0 ? 1 : 0;
  return options;
}

ring::LoopOptions client_options() {
  ring::LoopOptions options = test_options();
  options.role = ring::kClient;
  return options;
}

JavaHalf::JavaHalf(const ring::LoopOptions& options, std::int64_t group)
    : group_(group), own_group_(group < 0), max_connections_(static_cast<std::uint32_t>(options.max_connections)) {
  if (own_group_) group_ = create_group();
  REQUIRE(group_ >= 0);
  loop_ = create(group_, options);
  REQUIRE(loop_ >= 0);
  control_ = static_cast<std::uint8_t*>(engine::control(loop_).start);
  region_ = static_cast<std::uint8_t*>(engine::region(loop_).start);
  region_id_ = static_cast<std::uint16_t>(engine::region_id(loop_));
}

JavaHalf::~JavaHalf() {
  CHECK(destroy(loop_) == 0);
  memory::Region* const region = memory::Region::find(region_id_);
  region->take_back();
  CHECK_MESSAGE(region->blocks().in_use() == 0, "blocks leaked");
  CHECK(release_mappings(loop_) == 0);
  if (own_group_) CHECK(destroy_group(group_) == 0);
}

void JavaHalf::put(const ring::Record& command) {
  if (commands_ == static_cast<std::int32_t>(ring::kRecords)) flush();
  std::memcpy(control_ + ring::kCommandsOffset + static_cast<std::size_t>(commands_) * sizeof command, &command,
              sizeof command);
  ++commands_;
}

ring::Record JavaHalf::connection_command(std::uint8_t type, Id id) const {
  ring::Record command{};
  command.type = type;
  command.slot = id.slot;
  command.generation = id.generation;
  return command;
}

void JavaHalf::accept(Id id, const std::string& lines) {
  ring::Record command = connection_command(ring::kAcceptUpgrade, id);
  command.flags = ring::kBody;
  command.address = body(lines);
  command.length = static_cast<std::uint32_t>(lines.size());
  command.auxiliary = deflate;
  put(command);
}

void JavaHalf::respond(Id id, const std::string& response) {
  ring::Record command = connection_command(ring::kRespond, id);
  command.flags = ring::kStaged;
  command.address = stage(response);
  command.length = static_cast<std::uint32_t>(response.size());
  put(command);
}

void JavaHalf::forget(Id id) { open_.erase(id); }

void JavaHalf::send(Id id, std::uint8_t opcode, const std::string& payload, Echo how, std::uint64_t token) {
  const bool fits = payload.size() + ring::kHeadroom <= ring::kSendAreaLength;
  if (how == Echo::owned || how == Echo::shared || !fits) {
    send_block(id, opcode, block_with(payload, how == Echo::shared), static_cast<std::uint32_t>(payload.size()), token);
    return;
  }
  ring::Record command = connection_command(ring::kSend, id);
  command.opcode = opcode;
  command.flags = ring::kStaged;
  command.address = stage(payload);
  command.length = static_cast<std::uint32_t>(payload.size());
  command.auxiliary = token;
  put(command);
}

void JavaHalf::send_block(Id id, std::uint8_t opcode, std::uint64_t address, std::uint32_t length,
                          std::uint64_t token) {
  ring::Record command = connection_command(ring::kSend, id);
  command.opcode = opcode;
  command.flags = ring::kOwned;
  command.address = address;
  command.length = length;
  command.auxiliary = token;
  put(command);
}

void JavaHalf::close(Id id, std::uint16_t code, const std::string& reason) {
  ring::Record command = connection_command(ring::kClose, id);
  command.auxiliary = code;
  if (!reason.empty()) {
    command.flags = ring::kStaged;
    command.address = stage(reason);
    command.length = static_cast<std::uint32_t>(reason.size());
  }
  put(command);
}

void JavaHalf::abort(Id id) {
  ring::Record command = connection_command(ring::kClose, id);
  command.flags = ring::kAbort;
  put(command);
}

void JavaHalf::pause(Id id) { put(connection_command(ring::kPauseReads, id)); }

void JavaHalf::resume(Id id) { put(connection_command(ring::kResumeReads, id)); }

void JavaHalf::release(std::uint64_t address) {
  ring::Record command{};
  command.type = ring::kRelease;
  command.address = address;
  put(command);
}

void JavaHalf::set_timer(std::uint32_t token, std::uint32_t generation, std::int64_t delay_ns) {
  ring::Record command = connection_command(ring::kSetTimer, {token, generation});
  command.auxiliary = static_cast<std::uint64_t>(delay_ns);
  put(command);
}

void JavaHalf::cancel_timer(std::uint32_t token, std::uint32_t generation) {
  put(connection_command(ring::kCancelTimer, {token, generation}));
}

std::uint64_t JavaHalf::stage(const std::string& bytes) {
  const std::size_t needed = ring::kHeadroom + bytes.size();
  REQUIRE(needed <= ring::kSendAreaLength);
  if (needed > ring::kSendAreaLength - send_position_) flush();
  const std::size_t offset = ring::kSendAreaOffset + send_position_ + ring::kHeadroom;
  std::memcpy(region_ + offset, bytes.data(), bytes.size());
  send_position_ += needed;
  return ring::make_address(region_id_, offset);
}

std::uint64_t JavaHalf::block_with(const std::string& bytes, bool shared) {
  const auto length = static_cast<std::int64_t>(bytes.size());
  const std::int64_t address = shared ? acquire_shared(length) : acquire(loop_, length);
  REQUIRE(address >= 0);
  std::memcpy(at(static_cast<std::uint64_t>(address)), bytes.data(), bytes.size());
  return static_cast<std::uint64_t>(address);
}

std::uint64_t JavaHalf::body(const std::string& bytes) {
  if (bytes.size() > ring::kBodiesLength - body_position_) flush();
  const std::size_t offset = body_position_;
  std::memcpy(control_ + ring::kBodiesOffset + offset, bytes.data(), bytes.size());
  body_position_ += bytes.size();
  return offset;
}

void JavaHalf::connect(std::uint16_t port, std::uint64_t token, std::int64_t timeout_ns) {
  ring::ConnectBody to{};
  to.to = loopback_body();
  to.to.backlog = 0;
  to.to.port = port;
  to.timeout_ns = timeout_ns;
  connect(to, {}, token);
}

void JavaHalf::connect(const ring::ConnectBody& to, const std::string& path, std::uint64_t token) {
  ring::Record command{};
  command.type = ring::kConnect;
  command.flags = ring::kBody;
  command.address = body(std::string(reinterpret_cast<const char*>(&to), sizeof to) + path);
  command.length = static_cast<std::uint32_t>(sizeof to + path.size());
  command.auxiliary = token;
  put(command);
}

void JavaHalf::ask(Id id, const std::string& asked) {
  ring::Record command = connection_command(ring::kAsk, id);
  command.flags = ring::kStaged;
  command.address = stage(asked);
  command.length = static_cast<std::uint32_t>(asked.size());
  put(command);
}

void JavaHalf::open(Id id) {
  ring::Record command = connection_command(ring::kOpen, id);
  command.auxiliary = deflate;
  put(command);
}

ring::ListenBody loopback_body() {
  ring::ListenBody listen{};
  listen.family = 4;
  listen.backlog = 1024;
  listen.ip[0] = 127;
  listen.ip[3] = 1;
  return listen;
}

std::uint16_t JavaHalf::listen(std::uint32_t index) { return listen(loopback_body(), {}, index); }

void JavaHalf::listen_local(const std::string& path, std::uint32_t index) {
  ring::ListenBody local{};
  local.family = 1;
  local.backlog = 1024;
  local.mode = 0600;
  local.path_length = static_cast<std::uint32_t>(path.size());
  listen(local, path, index);
}

std::uint16_t JavaHalf::listen(const ring::ListenBody& listen, const std::string& path, std::uint32_t index) {
  ring::Record command{};
  command.type = ring::kListen;
  command.slot = index;
  command.flags = ring::kBody;
  command.address = body(std::string(reinterpret_cast<const char*>(&listen), sizeof listen) + path);
  command.length = static_cast<std::uint32_t>(sizeof listen + path.size());
  put(command);
  turn();
  const Event* event = first(ring::kListening);
  REQUIRE(event != nullptr);
  REQUIRE(event->record.flags == 0);
  const std::uint16_t port = event->code();
  std::erase_if(events, [](const Event& kept) { return kept.record.type == ring::kListening; });
  return port;
}

void JavaHalf::unlisten(std::uint32_t index) {
  ring::Record command{};
  command.type = ring::kUnlisten;
  command.slot = index;
  put(command);
}

/// Tells the core how much is written; all of it is free again afterwards.
std::int32_t JavaHalf::hand_over() {
  const auto send_position = static_cast<std::int64_t>(send_position_);
  const auto body_position = static_cast<std::int64_t>(body_position_);
  std::memcpy(control_ + ring::kSendPositionOffset, &send_position, sizeof send_position);
  std::memcpy(control_ + ring::kBodyPositionOffset, &body_position, sizeof body_position);
  send_position_ = body_position_ = 0;
  return std::exchange(commands_, 0);
}

int JavaHalf::turn(std::int64_t timeout_ns) {
  const std::int32_t commands = hand_over();
  const int written = tick(loop_, commands, timeout_ns);
  REQUIRE(written >= 0);
  REQUIRE(written <= static_cast<int>(ring::kRecords));
  for (int index = 0; index < written; ++index) {
    ring::Record record;
    std::memcpy(&record, control_ + ring::kEventsOffset + static_cast<std::size_t>(index) * sizeof record,
                sizeof record);
    handle_event(record);
  }
  return written;
}

void JavaHalf::flush() {
  const std::int32_t commands = hand_over();
  REQUIRE(engine::flush(loop_, commands) == 0);
}

std::int64_t JavaHalf::counter(ring::Counter counter) const {
  std::int64_t value;
  std::memcpy(&value, control_ + ring::kCountersOffset + counter * sizeof value, sizeof value);
  return value;
}

std::int64_t JavaHalf::buffered(Id id) const {
  std::int64_t value;
  std::memcpy(&value, control_ + ring::kBufferedOffset + id.slot * sizeof value, sizeof value);
  return ring::buffered_bytes(value);
}

std::int64_t JavaHalf::round_trip(Id id) const {
  std::int64_t value;
  std::memcpy(&value, control_ + ring::round_trips_offset(max_connections_) + id.slot * sizeof value, sizeof value);
  return value;
}

std::size_t JavaHalf::count(std::uint8_t type) const {
  return static_cast<std::size_t>(
      std::count_if(events.begin(), events.end(), [type](const Event& event) { return event.record.type == type; }));
}

const Event* JavaHalf::first(std::uint8_t type) const {
  const auto found =
      std::find_if(events.begin(), events.end(), [type](const Event& event) { return event.record.type == type; });
  return found != events.end() ? &*found : nullptr;
}

const Event* JavaHalf::closed(Id id) const {
  const auto found = std::find_if(events.begin(), events.end(), [id](const Event& event) {
    return event.record.type == ring::kClosed && event.id() == id;
  });
  return found != events.end() ? &*found : nullptr;
}

std::uint8_t* JavaHalf::at(std::uint64_t address) const {
  const std::uint64_t offset = ring::offset_of(address);
  if (ring::region_of(address) == region_id_) return region_ + offset;
  REQUIRE(ring::region_of(address) == memory::Region::kShared);
  return static_cast<std::uint8_t*>(shared_region().start) + offset;
}

void JavaHalf::handle_event(const ring::Record& record) {
  Event event{record, {}};
  const bool has_bytes = record.type == ring::kMessage || record.type == ring::kRequest ||
                         record.type == ring::kResponse || record.type == ring::kClosing;
  if (has_bytes && record.length > 0) {
    REQUIRE(ring::region_of(record.address) == region_id_);
    event.bytes.assign(reinterpret_cast<const char*>(at(record.address)), record.length);
  }
  check_life(event);
  if (record.type == ring::kRequest) {
    last_request_ = event.id();
    const bool upgrade = record.opcode == 1;
    if (upgrade && accept_upgrades) accept(event.id());
  }
  if (record.type == ring::kConnected && !request.empty()) ask(event.id(), request);
  if (record.type == ring::kResponse && !request.empty() && record.auxiliary == 101) open(event.id());
  if (record.type == ring::kMessage && echo != Echo::none) echo_message(event);
  if (record.type == ring::kFinished && answer_finished) put(connection_command(ring::kFinish, event.id()));
  if (record.type == ring::kClosing && answer_closing) close(event.id(), event.code());
  if (on_event) on_event(event);
  if (keep_events) events.push_back(std::move(event));
}

void JavaHalf::check_life(const Event& event) {
  const std::uint8_t type = event.record.type;
  if (type == ring::kProxied) {  // between the two
    CHECK(peer_due_);
    return;
  }
  CHECK(peer_due_ == (type == ring::kPeer));
  peer_due_ = type == ring::kRequest;
  if (type == ring::kListening || type == ring::kTimer || type == ring::kSent) return;
  const Id id = event.id();
  const bool dialed = type == ring::kDialed;
  if (dialed && (event.record.flags & ring::kFailed) != 0) return;
  REQUIRE(id.slot < max_connections_);
  if (dialed) last_dialed_ = id;
  if (type == ring::kRequest || dialed) {
    const auto before = last_generation_.find(id.slot);
    const bool fresh = before == last_generation_.end() || before->second != id.generation;
    CHECK_MESSAGE(fresh, "a slot and generation named two connections");
    last_generation_[id.slot] = id.generation;
    CHECK(open_.emplace(id, true).second);
    return;
  }
  if (type == ring::kPeer) {
    CHECK(id == last_request_);
    return;
  }
  CHECK_MESSAGE(open_.contains(id), "event ", int{type}, " of a connection that is not open");
  if (type == ring::kClosed) open_.erase(id);
}

void JavaHalf::echo_message(const Event& event) {
  const ring::Record& record = event.record;
  ring::Record command = connection_command(ring::kSend, event.id());
  command.opcode = record.opcode;
  command.length = record.length;
  command.address = record.address;
  switch (echo) {
    case Echo::none:
      return;
    case Echo::staged:
    case Echo::owned:
    case Echo::shared:
      send(event.id(), record.opcode, event.bytes, echo);
      return;
    case Echo::retained:
      if ((record.flags & ring::kInBlock) != 0) {
        REQUIRE(retain(static_cast<std::int64_t>(record.address)) == 0);
        command.flags = ring::kOwned;
        break;
      }
      [[fallthrough]];
    case Echo::borrowed:
      command.flags = ring::kBorrowed;
      break;
  }
  put(command);
}

bool pump(std::initializer_list<JavaHalf*> halves, const std::vector<Client*>& clients,
          const std::function<bool()>& done, int seconds) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(seconds);
  // A wait only where nothing moved: the kernel may still carry bytes from one side to the other.
  bool moved = true;
  for (;;) {
    for (JavaHalf* java : halves) moved |= java->turn(moved ? 0 : kMilli / 4) > 0;
    moved = false;
    for (Client* client : clients) moved |= client->work();
    if (done()) return true;
    if (std::chrono::steady_clock::now() > deadline) return false;
  }
}

std::string upgrade_request(const std::string& path) {
  return "GET " + path +
         " HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
         "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
}

Id open_connection(JavaHalf& java, Client& client) {
  client.write(upgrade_request());
  std::optional<std::string> head;
  REQUIRE(pump(java, {&client}, [&] { return (head = client.take_head()).has_value(); }));
  REQUIRE(head->starts_with("HTTP/1.1 101 "));
  REQUIRE(head->find("Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n") != std::string::npos);
  return java.last_request();
}

Frame next_frame(JavaHalf& java, Client& client) {
  std::optional<Frame> frame;
  REQUIRE(pump(java, {&client}, [&] { return (frame = client.take_frame()).has_value() || client.ended(); }));
  REQUIRE(frame.has_value());
  return *frame;
}

void settle(JavaHalf& java) {
  for (int turns = 0; turns < 64; ++turns) {
    if (java.turn() == 0) return;
  }
}

void expect_idle(JavaHalf& java, const std::vector<Client*>& clients) {
  const bool idle = pump(java, clients, [&] {
    return java.counter(ring::kConnections) == 0 && java.counter(ring::kBlocksInUse) == 0 && java.open_count() == 0;
  });
  CHECK(idle);
  if (!idle) {
    MESSAGE("connections ", java.counter(ring::kConnections), ", blocks ", java.counter(ring::kBlocksInUse), ", open ",
            java.open_count());
  }
}

std::size_t open_descriptors() {
  std::size_t count = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) ++count;
  return count;
}

long thread_waits() {
  rusage usage{};
  getrusage(RUSAGE_THREAD, &usage);
  return usage.ru_nvcsw;
}

void expect_no_spin(JavaHalf& java) {
  const long waits = thread_waits();
  for (int turns = 0; turns < 4; ++turns) java.turn(20 * kMilli);
  CHECK_MESSAGE(thread_waits() - waits >= 4, "a turn came to its end without ever blocking");
}

Folder::Folder() {
  char name[] = "/tmp/millrace-engine-XXXXXX";
  REQUIRE(mkdtemp(name) != nullptr);
  path_ = name;
}

Folder::~Folder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

}  // namespace millrace::engine::test

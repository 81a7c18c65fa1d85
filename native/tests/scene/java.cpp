// SPDX-License-Identifier: Apache-2.0
//
// The Java half: commands written, events read and judged.
#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "engine/engine.hpp"
#include "engine/frames.hpp"
#include "scene.hpp"

namespace millrace::scene {

using sim::check;

namespace {

Id id_of(const ring::Record& record) { return {record.slot, record.generation}; }

}  // namespace

/// A frame at its longest: where windows live on, what cannot be compressed becomes longer, most in the smallest.
std::int64_t Scene::framed(std::size_t length) const {
  return static_cast<std::int64_t>(length + (deflate != 0 ? length / 8 : 0) + ring::kHeadroom);
}

// ---- commands

void Scene::put(const ring::Record& command) {
  if (commands_ == static_cast<std::int32_t>(ring::kRecords)) flush();
  std::memcpy(control_ + ring::kCommandsOffset + static_cast<std::size_t>(commands_) * sizeof command, &command,
              sizeof command);
  ++commands_;
}

std::int32_t Scene::hand_over() {
  const auto send_position = static_cast<std::int64_t>(send_position_);
  const auto body_position = static_cast<std::int64_t>(body_position_);
  std::memcpy(control_ + ring::kSendPositionOffset, &send_position, sizeof send_position);
  std::memcpy(control_ + ring::kBodyPositionOffset, &body_position, sizeof body_position);
  send_position_ = body_position_ = 0;
  return std::exchange(commands_, 0);
}

void Scene::flush() { check(engine::flush(loop_, hand_over()) == 0, "a flush succeeds"); }

ring::Record Scene::command_for(std::uint8_t type, Id id) {
  ring::Record command{};
  command.type = type;
  command.slot = id.slot;
  command.generation = id.generation;
  return command;
}

std::uint64_t Scene::stage(const std::string& bytes) {
  const std::size_t needed = ring::kHeadroom + bytes.size();
  check(needed <= ring::kSendAreaLength, "what is staged fits the send area");
  if (needed > ring::kSendAreaLength - send_position_) flush();
  const std::size_t offset = ring::kSendAreaOffset + send_position_ + ring::kHeadroom;
  std::memcpy(region_ + offset, bytes.data(), bytes.size());
  send_position_ += needed;
  return ring::make_address(region_id_, offset);
}

std::uint64_t Scene::body(const std::string& bytes) {
  if (bytes.size() > ring::kBodiesLength - body_position_) flush();
  const std::size_t offset = body_position_;
  std::memcpy(control_ + ring::kBodiesOffset + offset, bytes.data(), bytes.size());
  body_position_ += bytes.size();
  return offset;
}

std::int64_t Scene::block_with(const std::string& bytes, bool shared) {
  const auto length = static_cast<std::int64_t>(bytes.size());
  const std::int64_t address = shared ? engine::acquire_shared(length) : engine::acquire(loop_, length);
  if (address >= 0) std::memcpy(at(static_cast<std::uint64_t>(address)), bytes.data(), bytes.size());
  return address;
}

std::uint8_t* Scene::at(std::uint64_t address) const {
  const std::uint64_t offset = ring::offset_of(address);
  if (ring::region_of(address) == region_id_) return region_ + offset;
  check(ring::region_of(address) == 0, "an address lies in the loop's region or the shared one");
  return static_cast<std::uint8_t*>(engine::shared_region().start) + offset;
}

void Scene::listen(const os::Address& address, std::uint32_t index) {
  ring::ListenBody listen{};
  listen.family = static_cast<std::uint8_t>(address.family);
  listen.port = address.port;
  listen.backlog = 64;
  listen.mode = 0600;
  listen.path_length = address.path_length;
  std::memcpy(listen.ip, address.ip, sizeof listen.ip);
  const std::string bytes = std::string(reinterpret_cast<const char*>(&listen), sizeof listen) +
                            std::string(address.path, address.path_length);
  ring::Record command{};
  command.type = ring::kListen;
  command.slot = index;
  command.flags = ring::kBody;
  command.address = body(bytes);
  command.length = static_cast<std::uint32_t>(bytes.size());
  asked_[index] = address;
  put(command);
}

void Scene::unlisten(std::uint32_t index) {
  ring::Record command{};
  command.type = ring::kUnlisten;
  command.slot = index;
  put(command);
  listeners_[index].family = os::Family::none;
}

void Scene::serve(const os::Address& address, sim::Answers answers, std::uint32_t index) {
  sim::serve(address, answers);
  listeners_[index] = address;
}

/// The command is executed at once, so that its server has a name before it can be spoken of.
std::uint32_t Scene::dial(std::uint32_t index) {
  const os::Address& address = listeners_[index];
  ring::ConnectBody to{};
  to.to.family = static_cast<std::uint8_t>(address.family);
  to.to.port = address.port;
  to.to.path_length = address.path_length;
  to.timeout_ns = options_.handshake_timeout_ns;
  const std::string bytes =
      std::string(reinterpret_cast<const char*>(&to), sizeof to) + std::string(address.path, address.path_length);
  ring::Record command{};
  command.type = ring::kConnect;
  command.flags = ring::kBody;
  command.address = body(bytes);
  command.length = static_cast<std::uint32_t>(bytes.size());
  command.auxiliary = next_dial_++;
  put(command);
  flush();
  const sim::Peer peer = sim::accept();
  dialing_[command.auxiliary] = peer == sim::kNoPeer ? kNoClient : client_count();
  if (peer == sim::kNoPeer) return kNoClient;
  clients_.emplace_back(peer, true);
  if (deflate != 0) clients_.back().deflate(deflate);
  return client_count() - 1;
}

void Scene::put_send(Id id, ring::Record command, const Message& message) {
  command.opcode = message.opcode;
  command.length = static_cast<std::uint32_t>(message.payload.size());
  command.auxiliary = next_token_++;
  tokens_[command.auxiliary] = true;
  Link& link = links_.at(id);
  if (!link.closed_by_us) {
    clients_[link.client].await(message);
    link.commanded += framed(message.payload.size());
  }
  put(command);
}

void Scene::send_to(Id id, const Message& message, Answer how) {
  ring::Record command = command_for(ring::kSend, id);
  const bool fits = message.payload.size() + ring::kHeadroom <= ring::kSendAreaLength;
  if (how == Answer::owned || how == Answer::shared || !fits) {
    const std::int64_t address = block_with(message.payload, how == Answer::shared);
    if (address < 0) return;  // no memory: what Java's caller hears at once
    command.flags = ring::kOwned;
    command.address = static_cast<std::uint64_t>(address);
  } else {
    command.flags = ring::kStaged;
    command.address = stage(message.payload);
  }
  put_send(id, command, message);
}

Link* Scene::live(std::uint32_t client, Id* id) {
  for (auto& [key, link] : links_) {
    if (link.client != client || link.responded) continue;
    *id = key;
    return &link;
  }
  return nullptr;
}

bool Scene::is_open(std::uint32_t client) const {
  return std::any_of(links_.begin(), links_.end(), [client](const auto& entry) {
    const Link& link = entry.second;
    return link.client == client && link.accepted && !link.closed_by_us && !link.aborted;
  });
}

/// Of one of the tables by slot.
std::int64_t Scene::word(std::size_t table, std::uint32_t slot) const {
  std::int64_t value;
  std::memcpy(&value, control_ + table + slot * sizeof value, sizeof value);
  return value;
}

std::int64_t Scene::buffered(Id id) const { return ring::buffered_bytes(word(ring::kBufferedOffset, id.slot)); }

bool Scene::takes_no_sends(Id id) const { return word(ring::kBufferedOffset, id.slot) == ring::kNoMoreSends; }

void Scene::send(std::uint32_t client, std::uint8_t opcode, const std::string& payload, Answer how) {
  Id id;
  const Link* const link = live(client, &id);
  if (link == nullptr || !link->accepted) return;
  // As the API does: too much is queued already.
  if (buffered(id) + link->commanded > options_.high_water_bytes) return;
  send_to(id, {opcode, payload}, how);
}

void Scene::ping(std::uint32_t client) {
  Id id;
  Link* const link = live(client, &id);
  if (link == nullptr || !link->accepted) return;
  ring::Record command = command_for(ring::kSend, id);
  command.opcode = 9;
  link->commanded += framed(sizeof(std::int64_t));
  put(command);
}

std::int64_t Scene::round_trip(std::uint32_t client) {
  Id id;
  if (live(client, &id) == nullptr) return 0;
  return word(ring::round_trips_offset(static_cast<std::size_t>(options_.max_connections)), id.slot);
}

std::int64_t Scene::queued(std::uint32_t client) {
  Id id;
  return live(client, &id) == nullptr ? 0 : buffered(id);
}

std::int64_t Scene::pinned(std::uint32_t client) {
  Id id;
  if (live(client, &id) == nullptr) return 0;
  return word(ring::pinned_offset(static_cast<std::size_t>(options_.max_connections)), id.slot);
}

std::int64_t Scene::heard(std::uint32_t client) {
  Id id;
  const Link* const link = live(client, &id);
  return link == nullptr ? 0 : link->heard_messages;
}

void Scene::credit(std::uint32_t client, std::uint64_t messages, std::uint64_t bytes) {
  Id id;
  Link* const link = live(client, &id);
  if (link == nullptr || !link->accepted) return;
  ring::Record command = command_for(ring::kCredit, id);
  command.auxiliary = messages;
  command.address = bytes;
  put(command);
  const auto add = [](std::int64_t* sum, std::uint64_t more, std::int64_t most) {
    if (more == 0) return;
    if (*sum == Link::kUncounted) *sum = 0;
    more = std::min<std::uint64_t>(more, INT64_MAX);
    const auto room = static_cast<std::uint64_t>(most) - static_cast<std::uint64_t>(*sum);
    *sum = more > room ? most : *sum + static_cast<std::int64_t>(more);
  };
  add(&link->messages_left, messages, INT64_MAX);
  add(&link->bytes_left, bytes, options_.max_credit_bytes > 0 ? options_.max_credit_bytes : INT64_MAX);
}

void Scene::batch(std::uint32_t client, std::uint32_t messages, std::uint64_t bytes, std::int64_t delay_ns) {
  Id id;
  const Link* const link = live(client, &id);
  if (link == nullptr || !link->accepted) return;
  ring::Record command = command_for(ring::kBatch, id);
  command.length = messages;
  command.address = bytes;
  command.auxiliary = static_cast<std::uint64_t>(delay_ns);
  put(command);
}

void Scene::flush_batch(std::uint32_t client) {
  Id id;
  const Link* const link = live(client, &id);
  if (link == nullptr || !link->accepted) return;
  ring::Record command = command_for(ring::kBatch, id);
  command.opcode = ring::kFlushBatch;
  put(command);
}

void Scene::hold(std::uint32_t client) {
  Id id;
  Link* const link = live(client, &id);
  if (link == nullptr || !link->accepted) return;
  put(command_for(ring::kHold, id));
  link->held = true;
}

void Scene::on_finished(const ring::Record& event) {
  Link& link = link_of(event);
  check(link.held && !link.told_closing, "FINISHED is told once, of a connection that Java holds");
  link.held = false;
  for (const std::size_t length : {30, 3000}) {
    send(link.client, 2, engine::test::pattern(length, length), Answer::owned);
  }
  put(command_for(ring::kFinish, id_of(event)));
}

void Scene::close_link(Id id, std::uint16_t code, const std::string& reason) {
  ring::Record command = command_for(ring::kClose, id);
  command.auxiliary = code;
  if (!reason.empty()) {
    command.flags = ring::kStaged;
    command.address = stage(reason);
    command.length = static_cast<std::uint32_t>(reason.size());
  }
  put(command);
  links_.at(id).closed_by_us = true;
}

void Scene::close(std::uint32_t client, std::uint16_t code, const std::string& reason) {
  Id id;
  const Link* const link = live(client, &id);
  if (link != nullptr && link->accepted) close_link(id, code, reason);
}

void Scene::abort(std::uint32_t client) {
  Id id;
  Link* const link = live(client, &id);
  if (link == nullptr) return;
  ring::Record command = command_for(ring::kClose, id);
  command.flags = ring::kAbort;
  put(command);
  link->closed_by_us = link->aborted = true;
}

void Scene::pause(std::uint32_t client) {
  Id id;
  Link* const link = live(client, &id);
  if (link == nullptr || !link->accepted) return;
  put(command_for(ring::kPauseReads, id));
  link->paused = true;
}

void Scene::resume(std::uint32_t client) {
  Id id;
  Link* const link = live(client, &id);
  if (link == nullptr || !link->accepted) return;
  put(command_for(ring::kResumeReads, id));
  link->paused = false;
}

void Scene::set_timer(std::uint32_t token, std::int64_t delay_ns) {
  if (alarms_.contains(token)) return;
  const std::uint32_t generation = next_alarm_++;
  ring::Record command = command_for(ring::kSetTimer, {token, generation});
  command.auxiliary = static_cast<std::uint64_t>(delay_ns);
  put(command);
  alarms_[token] = {generation, os::clock_ns() + delay_ns};
}

void Scene::cancel_timer(std::uint32_t token) {
  const auto alarm = alarms_.find(token);
  if (alarm == alarms_.end()) return;
  put(command_for(ring::kCancelTimer, {token, alarm->second.generation}));
  alarms_.erase(alarm);
}

void Scene::release_kept() {
  for (const Kept& kept : kept_) {
    check(std::memcmp(at(kept.address), kept.content.data(), kept.content.size()) == 0,
          "a block that is kept stays as it is");
    ring::Record command{};
    command.type = ring::kRelease;
    command.address = kept.address;
    put(command);
  }
  kept_.clear();
}

void Scene::lease_everything() {
  for (std::int64_t length = options_.region_bytes; length >= 128; length /= 2) {
    for (std::int64_t address = 0; (address = engine::acquire(loop_, length)) >= 0;) {
      kept_.push_back({static_cast<std::uint64_t>(address), std::string()});
    }
  }
}

void Scene::send_stale(std::uint32_t client) {
  Id id;
  if (live(client, &id) == nullptr) return;
  const std::int64_t address = block_with("of another life", false);
  if (address < 0) return;
  ring::Record command = command_for(ring::kSend, {id.slot, id.generation - 1});
  command.opcode = 1;
  command.flags = ring::kOwned;
  command.address = static_cast<std::uint64_t>(address);
  command.length = 15;
  put(command);
}

void Scene::send_from_nowhere(std::uint32_t client) {
  Id id;
  Link* const link = live(client, &id);
  if (link == nullptr) return;
  ring::Record command = command_for(ring::kSend, id);
  command.opcode = 2;
  command.flags = (client & 1) != 0 ? ring::kStaged : ring::kBorrowed;
  command.address = ring::make_address(region_id_, ring::kBlocksOffset - 1);
  command.length = 0xffffffff;
  put(command);
  link->closed_by_us = link->aborted = true;
}

void Scene::wake() { check(engine::wake(loop_) == 0, "a loop can be woken"); }

void Scene::decide(Id id, Decision how) {
  Link& link = links_.at(id);
  if (link.dialed && !link.connected) return;
  link.decided = true;
  if (link.dialed) {
    if (link.aborted) return;
    ring::Record command = command_for(how == Decision::accept ? ring::kAsk : ring::kClose, id);
    command.flags = ring::kAbort;
    link.aborted = link.closed_by_us = how != Decision::accept;
    if (how == Decision::accept) {
      command.flags = ring::kStaged;
      command.address = stage(kRequest);
      command.length = sizeof kRequest - 1;
    }
    put(command);
    return;
  }
  if (how == Decision::accept && link.upgrade) {
    const std::string lines = link.client % 2 == 0 ? "" : "X-Scene: simulated\r\n";
    ring::Record command = command_for(ring::kAcceptUpgrade, id);
    command.flags = ring::kBody;
    command.address = body(lines);
    command.length = static_cast<std::uint32_t>(lines.size());
    command.auxiliary = deflate;
    put(command);
    link.accepted = true;
    link.accepted_ns = os::clock_ns();
    return;
  }
  const std::string response = "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
  ring::Record command = command_for(ring::kRespond, id);
  const std::int64_t block = link.client % 2 == 0 ? -ENOMEM : block_with(response, true);
  command.flags = block < 0 ? ring::kStaged : ring::kOwned;
  command.address = block < 0 ? stage(response) : static_cast<std::uint64_t>(block);
  command.length = static_cast<std::uint32_t>(response.size());
  put(command);
  link.responded = true;
}

void Scene::decide_later_ones(Decision how) {
  std::vector<Id> open;
  for (const auto& [id, link] : links_) {
    if (!link.decided) open.push_back(id);
  }
  for (const Id id : open) decide(id, how);
}

// ---- events

int Scene::turn(std::int64_t timeout_ns) {
  sim::turn_begins();
  const int written = engine::tick(loop_, hand_over(), timeout_ns);
  check(written >= 0 && written <= static_cast<int>(ring::kRecords), "a turn tells how many events it wrote");
  check_turn();
  for (int index = 0; index < written; ++index) {
    ring::Record event;
    std::memcpy(&event, control_ + ring::kEventsOffset + static_cast<std::size_t>(index) * sizeof event, sizeof event);
    handle(event);
  }
  return written;
}

void Scene::handle(const ring::Record& event) {
  if (event.type == ring::kProxied) {
    check(peer_due_, "PROXIED stands between REQUEST and PEER");
    return;
  }
  check(peer_due_ == (event.type == ring::kPeer), "PEER stands behind REQUEST, and nowhere else");
  switch (event.type) {
    case ring::kListening:
      on_listening(event);
      return;
    case ring::kRequest:
      on_request(event);
      return;
    case ring::kPeer:
      on_peer(event);
      return;
    case ring::kDialed:
      on_dialed(event);
      return;
    case ring::kConnected:
      on_connected(event);
      return;
    case ring::kResponse:
      on_response(event);
      return;
    case ring::kMessage:
      on_message(event);
      return;
    case ring::kDrained:
      check(link_of(event).accepted || link_of(event).dialed, "DRAINED is of an open connection");
      return;
    case ring::kFinished:
      on_finished(event);
      return;
    case ring::kClosing:
      on_closing(event);
      return;
    case ring::kClosed:
      on_closed(event);
      return;
    case ring::kTimer:
      on_timer(event);
      return;
    case ring::kSent:
      on_sent(event);
      return;
    default:
      check(false, "an event has a type");
  }
}

std::string Scene::bytes_of(const ring::Record& event) const {
  if (event.length == 0) return {};
  check(ring::region_of(event.address) == region_id_, "what is delivered lies in the loop's region");
  check(ring::offset_of(event.address) + event.length <= static_cast<std::uint64_t>(options_.region_bytes),
        "what is delivered lies inside the region");
  return {reinterpret_cast<const char*>(at(event.address)), event.length};
}

Link& Scene::link_of(const ring::Record& event) {
  const auto found = links_.find(id_of(event));
  check(found != links_.end(), "an event names a connection that is open");
  return found->second;
}

void Scene::on_listening(const ring::Record& event) {
  const bool failed = (event.flags & ring::kFailed) != 0;
  listen_error_ = failed ? static_cast<int>(event.auxiliary) : 0;
  check(event.slot < std::size(listeners_), "LISTENING names the listener");
  if (failed) return;
  listeners_[event.slot] = asked_[event.slot];
  listeners_[event.slot].port = static_cast<std::uint16_t>(event.auxiliary);
}

void Scene::begin_life(Id id, const Link& link) {
  check(id.slot < static_cast<std::uint32_t>(options_.max_connections), "a slot is one of max_connections");
  const auto before = last_generation_.find(id.slot);
  check(before == last_generation_.end() || before->second != id.generation,
        "a slot and generation name one connection for ever");
  last_generation_[id.slot] = id.generation;
  check(links_.emplace(id, link).second, "a connection is announced once");
}

void Scene::on_dialed(const ring::Record& event) {
  const auto dialed = dialing_.find(event.auxiliary);
  check(dialed != dialing_.end(), "DIALED comes once for each CONNECT");
  Link link;
  link.client = dialed->second;
  link.dialed = link.upgrade = true;
  dialing_.erase(dialed);
  if ((event.flags & ring::kFailed) != 0) {
    check(event.address != 0, "DIALED says why there is no socket");
    return;
  }
  begin_life(id_of(event), link);
}

void Scene::on_connected(const ring::Record& event) {
  Link& link = link_of(event);
  check(link.dialed && !link.connected, "CONNECTED comes once");
  link.connected = true;
  if (decision != Decision::later && !link.aborted) decide(id_of(event), decision);
}

void Scene::on_response(const ring::Record& event) {
  const Id id = id_of(event);
  Link& link = link_of(event);
  check(link.decided && !link.accepted, "RESPONSE answers ASK");
  const std::string head = bytes_of(event);
  check(head.starts_with("HTTP/1.") && head.ends_with("\r\n\r\n"), "a response head is whole");
  check(head.size() <= static_cast<std::size_t>(options_.max_header_bytes), "a response head keeps its limit");
  check(event.auxiliary == 101 || event.auxiliary >= 200, "interim responses are skipped");
  if (link.aborted) return;
  if (event.auxiliary == 101) {
    ring::Record command = command_for(ring::kOpen, id);
    command.auxiliary = deflate;
    put(command);
    link.accepted = true;
    link.accepted_ns = os::clock_ns();
  } else if (event.auxiliary == 407) {
    decide(id, Decision::accept);  // asks once more
  } else {
    decide(id, Decision::refuse);
  }
}

void Scene::on_request(const ring::Record& event) {
  const Id id = id_of(event);
  const std::string head = bytes_of(event);
  check(head.starts_with(event.opcode == 3 ? "HEAD " : "GET ") && head.ends_with("\r\n\r\n"),
        "a request head is whole");
  check(head.size() <= static_cast<std::size_t>(options_.max_header_bytes), "a request head keeps its limit");
  Link link;
  link.upgrade = event.opcode == 1;
  begin_life(id, link);
  peer_due_ = true;
  peer_of_ = id;
}

void Scene::on_peer(const ring::Record& event) {
  peer_due_ = false;
  check(id_of(event) == peer_of_, "PEER is of the connection that REQUEST named");
  Link& link = links_.at(peer_of_);
  const bool is_local = event.opcode == static_cast<std::uint8_t>(os::Family::local);
  const bool unknown = is_local && (event.flags & ring::kFailed) != 0;
  const auto peer = static_cast<sim::Peer>(is_local ? event.auxiliary : event.length);
  const auto client =
      std::find_if(clients_.begin(), clients_.end(), [peer](const Client& one) { return one.peer() == peer; });
  check(unknown || client != clients_.end(), "PEER names who connected");
  // Whom the kernel does not tell Java lets go: the books would be without a name.
  if (unknown) {
    link.client = kNoClient;
    decide(peer_of_, Decision::refuse);
    return;
  }
  link.client = static_cast<std::uint32_t>(client - clients_.begin());
  if (!link.upgrade) {
    decide(peer_of_, Decision::refuse);
  } else if (decision != Decision::later) {
    decide(peer_of_, decision);
  }
}

void Scene::on_message(const ring::Record& event) {
  Link& link = link_of(event);
  check(link.accepted && !link.told_closing, "a message is of an open connection, before CLOSING");
  check(event.opcode == 1 || event.opcode == 2, "a message is text or binary");
  check(event.length <= static_cast<std::uint64_t>(options_.max_message_bytes), "a message keeps its limit");
  Message message{event.opcode, bytes_of(event)};
  check_credit(link, message);
  clients_[link.client].heard(message);
  answer(id_of(event), event, message);
  if (const std::uint64_t more = credit_each_[link.client]; more > 0) credit(link.client, more, 0);
}

/// A message needs credit, and a token of each bucket; what it takes of the bytes beyond that is owed.
void Scene::check_credit(Link& link, const Message& message) const {
  const auto length = static_cast<std::int64_t>(message.payload.size());
  if (link.messages_left != Link::kUncounted) {
    check(link.messages_left > 0, "no message comes without a credit");
    if (link.messages_left != INT64_MAX) --link.messages_left;
  }
  if (link.bytes_left != Link::kUncounted) {
    check(link.bytes_left > 0, "no message comes without a credit of bytes");
    link.bytes_left -= length;
  }
  // Buckets hold a second's worth.
  const double seconds = 1 + static_cast<double>(os::clock_ns() - link.accepted_ns) / kSecond;
  const auto within = [seconds](std::int64_t rate, std::int64_t taken) {
    return rate == 0 || static_cast<double>(taken) < static_cast<double>(rate) * seconds + 1e-6;
  };
  check(within(options_.messages_per_second, link.heard_messages), "messages keep their quota");
  check(within(options_.bytes_per_second, link.heard_bytes), "bytes keep their quota");
  ++link.heard_messages;
  link.heard_bytes += length;
}

void Scene::answer(Id id, const ring::Record& event, const Message& message) {
  Link& link = links_.at(id);
  ring::Record command = command_for(ring::kSend, id);
  command.address = event.address;
  command.flags = ring::kBorrowed;
  const bool in_block = (event.flags & ring::kInBlock) != 0;
  if (link.closed_by_us) return;
  switch (const Answer how = answers_[link.client]; how) {
    case Answer::nothing:
      return;
    case Answer::borrowed:
      put_send(id, command, message);
      return;
    case Answer::staged:
    case Answer::owned:
    case Answer::shared:
      send_to(id, message, how);
      return;
    case Answer::retained:
      if (in_block) {
        check(engine::retain(static_cast<std::int64_t>(event.address)) == 0, "a message in a block can be retained");
        command.flags = ring::kOwned;
      }
      put_send(id, command, message);
      return;
    case Answer::kept: {
      std::int64_t address = static_cast<std::int64_t>(event.address);
      if (in_block) {
        check(engine::retain(address) == 0, "a message in a block can be retained");
      } else {
        address = block_with(message.payload, false);
      }
      if (address >= 0) kept_.push_back({static_cast<std::uint64_t>(address), message.payload});
      if (kept_.size() > 64) release_kept();
      return;
    }
    case Answer::thrice:
      for (int copies = 0; copies < 3; ++copies) send_to(id, message, Answer::staged);
      return;
    case Answer::close:
      close_link(id, 1000, "enough");
      return;
    case Answer::pause:
      send_to(id, message, Answer::staged);
      put(command_for(ring::kPauseReads, id));
      link.paused = true;
      return;
  }
}

Told Scene::told(const ring::Record& event) {
  return {os::clock_ns(), static_cast<std::uint16_t>(event.auxiliary),
          static_cast<std::uint16_t>(event.auxiliary >> 16), static_cast<int>(event.auxiliary >> 32),
          (event.flags & ring::kTimedOut) != 0};
}

void Scene::on_closing(const ring::Record& event) {
  Link& link = link_of(event);
  check(link.accepted && !link.told_closing, "CLOSING comes once, and only when the connection was open");
  link.told_closing = true;
  link.closing_code = event.auxiliary;
  (void)bytes_of(event);
  closings_[link.client] = told(event);
  const bool by_error = (event.auxiliary >> 16) != 0;
  const bool idle = event.auxiliary >> 16 == 17;
  const Client& client = clients_[link.client];
  check(!by_error || idle || !client.is_clean(), "a client that breaks no rule is not accused");
  check(by_error || client.said_close() || !client.is_clean(), "CLOSING without an error answers a Close");
  if (answers_closing && !link.closed_by_us) close_link(id_of(event), static_cast<std::uint16_t>(event.auxiliary), {});
}

void Scene::on_closed(const ring::Record& event) {
  const Link link = link_of(event);
  links_.erase(id_of(event));  // from here on the name is nobody's
  if (link.client == kNoClient) return;
  ends_[link.client] = told(event);
  const Client& client = clients_[link.client];
  const bool timed_out = (event.flags & ring::kTimedOut) != 0;
  const bool broken = event.auxiliary >> 32 != 0;
  check(!broken || link.aborted || (link.dialed && !link.connected) || client.is_gone() || sim::failures() > 0 ||
            counter(ring::kRegionFull) > 0,
        "CLOSED has an error only when something went wrong");
  if (timed_out || broken || client.closes() == 0) return;
  check(client.awaited_at_close() == 0, "a Close frame stands behind everything that was sent before it");
}

void Scene::on_timer(const ring::Record& event) {
  const auto alarm = alarms_.find(event.slot);
  check(alarm != alarms_.end() && alarm->second.generation == event.generation,
        "a timer fires once, if it was not cancelled");
  check(os::clock_ns() >= alarm->second.due_ns, "a timer does not fire early");
  alarms_.erase(alarm);
}

void Scene::on_sent(const ring::Record& event) {
  check(tokens_.erase(event.auxiliary) == 1, "SENT comes once for each token");
}

}  // namespace millrace::scene

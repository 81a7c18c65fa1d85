// SPDX-License-Identifier: Apache-2.0
#include "worker.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "clock.hpp"
#include "dialer.hpp"
#include "fatal.hpp"

namespace millrace::load {
namespace {

constexpr size_t kMinBuffer = 16384;
constexpr uint32_t kOpenLoopQueue = 4;
constexpr size_t kOpenLoopFanout = 1 << 20;
constexpr uint64_t kTouchTimeoutNs = 10 * kNanosPerSecond;
constexpr uint64_t kTouchesInFlight = 64;

uint64_t nanos(double seconds) { return static_cast<uint64_t>(seconds * static_cast<double>(kNanosPerSecond)); }

}  // namespace

Worker::Worker(const Options& options, const Frames& frames, bool meter)
    : options_(options),
      frames_(frames),
      meter_(meter),
      epoll_fd_(epoll_create1(EPOLL_CLOEXEC)),
      buffer_(std::max(options.receive_capacity, kMinBuffer)) {
  if (epoll_fd_ < 0) fatal("epoll_create1: %s", strerror(errno));
  if (options.fanout) {
    fanout_.reserve(std::max(static_cast<size_t>(options.pipeline), options.open_loop() ? kOpenLoopFanout : 1));
  }
}

void Worker::open(uint32_t first, uint32_t count) {
  Dialer dialer(options_);
  for (uint32_t done = 0; done < count;) {
    uint32_t batch = std::min(static_cast<uint32_t>(options_.connect_batch), count - done);
    dial_batch(dialer, first + done, batch);
    done += batch;
  }
}

void Worker::dial_batch(const Dialer& dialer, uint32_t first, uint32_t count) {
  size_t begin = connections_.size();
  for (uint32_t id = first; id < first + count; id++) {
    auto connection = std::make_unique<Connection>();
    connection->id = id;
    connection->next_frame = static_cast<uint32_t>(id % frames_.distinct());
    connection->unanswered.reserve(options_.open_loop() ? kOpenLoopQueue : static_cast<uint32_t>(options_.pipeline));
    connection->fd = dialer.connect(id);
    if (options_.web_socket()) dialer.send_request(connection->fd);
    connections_.push_back(std::move(connection));
  }
  for (size_t i = begin; i < connections_.size(); i++) {
    Connection& connection = *connections_[i];
    if (options_.web_socket()) finish_handshake(dialer, connection);
    if (connection.dead) continue;
    fcntl(connection.fd, F_SETFL, fcntl(connection.fd, F_GETFL) | O_NONBLOCK);
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.ptr = &connection;
    if (epoll_ctl(epoll_fd_, EPOLL_CTL_ADD, connection.fd, &event)) fatal("epoll_ctl: %s", strerror(errno));
  }
}

void Worker::finish_handshake(const Dialer& dialer, Connection& connection) {
  Dialer::Response response = dialer.read_response(connection.fd, connection.id);
  if (options_.deflate) take_extension(response.extensions(), connection);
  if (!response.rest.empty()) {
    feed(connection, reinterpret_cast<const uint8_t*>(response.rest.data()), response.rest.size(), now_ns());
  }
}

void Worker::take_extension(const std::string& accepted, Connection& connection) {
  if (accepted.find("permessage-deflate") == std::string::npos) fatal("server declined permessage-deflate");
  constexpr char kWindow[] = "client_max_window_bits=";
  size_t window = accepted.find(kWindow);
  // What was compressed before the run refers as far back as its message begins.
  if (window != std::string::npos) {
    int bits = atoi(accepted.c_str() + window + sizeof kWindow - 1);
    if (options_.payload_length > 1ull << bits)
      fatal("server wants a smaller window than --size: %s", accepted.c_str());
  }
  extensions_ = accepted;
  if (options_.verify_every) {
    bool takeover = accepted.find("server_no_context_takeover") == std::string::npos;
    connection.inflater = std::make_unique<Inflater>(takeover);
  }
}

void Worker::watch_writable(Connection& connection, bool on) {
  if (connection.wants_writable == on) return;
  connection.wants_writable = on;
  epoll_event event{};
  event.events = EPOLLIN | (on ? static_cast<uint32_t>(EPOLLOUT) : 0u);
  event.data.ptr = &connection;
  epoll_ctl(epoll_fd_, EPOLL_CTL_MOD, connection.fd, &event);
}

void Worker::close(Connection& connection) {
  if (connection.dead) return;
  connection.dead = true;
  connection.frames_owed = 0;
  counters_.closed++;
  ::close(connection.fd);  // leaves the poller with it
}

void Worker::flush(Connection& connection) {
  while (connection.frames_owed) {
    size_t count = std::min<size_t>(connection.frames_owed, frames_.count() - connection.next_frame);
    size_t length = frames_.length(connection.next_frame, count) - connection.frame_offset;
    const uint8_t* bytes = frames_.at(connection.next_frame) + connection.frame_offset;
    ssize_t sent = send(connection.fd, bytes, length, MSG_NOSIGNAL | MSG_DONTWAIT);
    counters_.sends++;
    if (sent < 0) {
      if (errno == EINTR) continue;
      if (errno == EAGAIN) {
        watch_writable(connection, true);
      } else {
        close(connection);
      }
      return;
    }
    size_t done = connection.frame_offset + static_cast<size_t>(sent);
    size_t whole = 0;
    for (size_t next; whole < count && done >= (next = frames_.length(connection.next_frame + whole, 1)); whole++) {
      done -= next;
    }
    connection.frame_offset = done;
    connection.frames_owed -= static_cast<uint32_t>(whole);
    connection.next_frame = static_cast<uint32_t>((connection.next_frame + whole) % frames_.distinct());
    if (static_cast<size_t>(sent) < length) {
      watch_writable(connection, true);
      return;
    }
  }
  watch_writable(connection, false);
}

void Worker::send_control(Connection& connection, uint8_t opcode, const uint8_t* payload, size_t length) {
  constexpr uint32_t kAnyKey = 0x12345678;
  // A control frame may not stand inside another frame; a pong may be left out (RFC 6455 5.5.3).
  if (connection.frame_offset || connection.dead) return;
  auto frame = build_frame(options_.protocol, static_cast<uint8_t>(kFinal | opcode), payload, length, kAnyKey);
  ssize_t sent = send(connection.fd, frame.data(), frame.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  // Half a control frame would break the stream; a full socket just does without the pong.
  if (sent >= 0 && static_cast<size_t>(sent) < frame.size()) close(connection);
}

void Worker::count(uint64_t length, uint64_t latency_ns) {
  if (!measuring_) return;
  counters_.messages++;
  counters_.payload_bytes += length;
  counters_.latency.record(latency_ns);
}

uint32_t Worker::on_delivery(const Connection& connection, uint64_t sequence, uint64_t now) {
  if (connection.id == 0) return 0;  // the publisher's own copy, if the server sends one
  if (!fanout_.knows(sequence)) {
    counters_.bad++;
    return 0;
  }
  count(connection.message_length, now - fanout_.published_ns(sequence));
  return fanout_.deliver(sequence, connections_.size() - 1) ? 1 : 0;
}

uint32_t Worker::on_message(Connection& connection, uint64_t now) {
  if (options_.deflate && !connection.compressed) counters_.uncompressed++;
  if (connection.inflater) {
    verify_inflated(connection);
  } else if (!connection.compressed && connection.message_length != options_.payload_length) {
    counters_.bad++;
  }
  uint64_t sequence = connection.messages_received++;
  if (options_.fanout) return on_delivery(connection, sequence, now);
  if (!connection.unanswered.size()) {
    counters_.bad++;
    return 0;
  }
  uint64_t sent_ns = connection.unanswered.pop();
  count(connection.message_length, now > sent_ns ? now - sent_ns : 0);
  return 1;
}

const std::vector<uint8_t>& Worker::expected(const Connection& connection) const {
  return frames_.payload((connection.id + connection.messages_received) % frames_.distinct());
}

void Worker::verify_inflated(Connection& connection) {
  const auto& expected = this->expected(connection);
  const std::vector<uint8_t>* message =
      connection.compressed ? connection.inflater->inflate_message(connection.wire, expected.size()) : &connection.wire;
  if (!message || *message != expected) {
    counters_.bad++;
  } else {
    counters_.verified++;
  }
  connection.wire.clear();
}

void Worker::verify(const Connection& connection, const uint8_t* bytes, size_t length) {
  if (connection.messages_received % static_cast<uint64_t>(options_.verify_every)) return;
  const auto& expected = this->expected(connection);
  uint64_t end = connection.message_length + length;
  if (end > expected.size() || !std::equal(bytes, bytes + length, expected.data() + connection.message_length)) {
    counters_.bad++;
  } else if (end == expected.size()) {
    counters_.verified++;
  }
}

// False when the header is not whole yet; what there is of it is kept.
bool Worker::take_header(Connection& connection, const uint8_t*& position, const uint8_t* end) const {
  const uint8_t* header = position;
  auto available = static_cast<size_t>(end - position);
  if (connection.header_length) {
    size_t added = std::min(sizeof connection.header - connection.header_length, available);
    memcpy(connection.header + connection.header_length, position, added);
    header = connection.header;
    available = connection.header_length + added;
  }
  const bool web_socket = options_.web_socket();
  size_t needed = web_socket ? 2 : 4;
  if (web_socket && available >= 2) {
    uint8_t short_length = header[1] & 0x7f;
    needed += (short_length == 126 ? 2 : short_length == 127 ? 8 : 0) + (header[1] & 0x80 ? 4 : 0);
  }
  if (available < needed) {
    if (!connection.header_length) memcpy(connection.header, position, available);
    connection.header_length = static_cast<uint8_t>(available);
    return false;
  }
  size_t length_offset = web_socket ? 2 : 0;
  size_t length_width = web_socket ? 0 : 4;
  uint64_t length = 0;
  if (web_socket) {
    uint8_t short_length = header[1] & 0x7f;
    length_width = short_length == 126 ? 2 : short_length == 127 ? 8 : 0;
    if (!length_width) length = short_length;
    connection.final = header[0] & kFinal;
    connection.opcode = header[0] & kOpcodeMask;
    connection.control_length = 0;
    if (connection.opcode && !is_control(connection.opcode)) connection.compressed = header[0] & kCompressed;
  } else {
    connection.final = true;
    connection.opcode = kBinary;
  }
  for (size_t i = 0; i < length_width; i++) length = length << 8 | header[length_offset + i];
  // Opcode 0 continues the message in progress.
  if (connection.opcode && !is_control(connection.opcode)) connection.message_length = 0;
  position += needed - connection.header_length;
  connection.header_length = 0;
  connection.payload_remaining = length;
  connection.in_payload = true;
  return true;
}

void Worker::take_payload(Connection& connection, const uint8_t* bytes, size_t length) {
  if (is_control(connection.opcode)) {
    size_t kept = std::min(length, sizeof connection.control - connection.control_length);
    memcpy(connection.control + connection.control_length, bytes, kept);
    connection.control_length = static_cast<uint8_t>(connection.control_length + kept);
    return;
  }
  if (connection.inflater) {
    connection.wire.insert(connection.wire.end(), bytes, bytes + length);
  } else if (options_.verify_every && !options_.fanout) {
    verify(connection, bytes, length);
  }
  connection.message_length += length;
}

uint32_t Worker::feed(Connection& connection, const uint8_t* bytes, size_t length, uint64_t now) {
  const uint8_t* end = bytes + length;
  uint32_t replies = 0;
  // An empty payload is complete without another byte.
  while (bytes < end || (connection.in_payload && !connection.payload_remaining)) {
    if (!connection.in_payload && !take_header(connection, bytes, end)) break;
    auto taken = static_cast<size_t>(std::min(connection.payload_remaining, static_cast<uint64_t>(end - bytes)));
    take_payload(connection, bytes, taken);
    bytes += taken;
    connection.payload_remaining -= taken;
    if (connection.payload_remaining) break;
    connection.in_payload = false;
    if (connection.opcode == kClose) {
      close(connection);
      break;
    }
    if (connection.opcode == kPing) {
      send_control(connection, kPong, connection.control, connection.control_length);
    } else if (!is_control(connection.opcode) && connection.final) {
      replies += on_message(connection, now);
      connection.message_length = 0;
    }
  }
  return replies;
}

int Worker::wait(uint64_t until_ns) {
  counters_.waits++;
  if (options_.spin) return epoll_pwait(epoll_fd_, events_.data(), kMaxEvents, 0, nullptr);
  uint64_t now = now_ns();
  uint64_t left = until_ns > now ? until_ns - now : 0;
  timespec timeout{static_cast<time_t>(left / kNanosPerSecond), static_cast<long>(left % kNanosPerSecond)};
  return epoll_pwait2(epoll_fd_, events_.data(), kMaxEvents, &timeout, nullptr);
}

template <class OnReplies>
void Worker::pump(int count, OnReplies&& on_replies) {
  for (int i = 0; i < count; i++) {
    const epoll_event& event = events_[static_cast<size_t>(i)];
    Connection& connection = *static_cast<Connection*>(event.data.ptr);
    if (connection.dead) continue;
    if (event.events & (EPOLLIN | EPOLLHUP | EPOLLERR)) {
      ssize_t received = recv(connection.fd, buffer_.data(), buffer_.size(), MSG_DONTWAIT);
      counters_.receives++;
      if (received > 0) {
        uint64_t now = now_ns();
        uint32_t replies = feed(connection, buffer_.data(), static_cast<size_t>(received), now);
        if (connection.dead) continue;
        if (replies) on_replies(connection, replies, now);
      } else if (received == 0 || (errno != EAGAIN && errno != EINTR)) {
        close(connection);
        continue;
      }
    }
    if (connection.wants_writable && (event.events & EPOLLOUT)) flush(connection);
  }
}

void Worker::pump_by_mode(int count) {
  if (options_.open_loop()) {
    pump(count, [](Connection&, uint32_t, uint64_t) {});
  } else if (options_.fanout) {
    pump(count, [this](Connection&, uint32_t replies, uint64_t now) {
      for (uint32_t i = 0; i < replies; i++) publish(now);
      flush_if_idle(*connections_[0]);
    });
  } else {
    pump(count, [this](Connection& connection, uint32_t replies, uint64_t now) {
      for (uint32_t i = 0; i < replies; i++) connection.unanswered.push(now);
      connection.frames_owed += replies;
      flush_if_idle(connection);
    });
  }
}

void Worker::publish(uint64_t time_ns) {
  fanout_.publish(time_ns);
  connections_[0]->frames_owed++;
}

void Worker::start_closed_loop() {
  if (options_.fanout) {
    uint64_t now = now_ns();
    for (int i = 0; i < options_.pipeline; i++) publish(now);
    flush(*connections_[0]);
    return;
  }
  for (auto& connection : connections_) {
    if (connection->dead) continue;
    uint64_t now = now_ns();
    for (int i = 0; i < options_.pipeline; i++) connection->unanswered.push(now);
    connection->frames_owed = static_cast<uint32_t>(options_.pipeline);
    flush(*connection);
  }
}

bool Worker::send_one(uint64_t intended_ns) {
  if (options_.fanout) {
    if (fanout_.full()) return false;
    publish(intended_ns);
    if (unflushed_.empty()) unflushed_.push_back(connections_[0].get());
    return true;
  }
  for (size_t tries = 0; tries < connections_.size(); tries++) {
    Connection& connection = *connections_[next_sender_];
    next_sender_ = next_sender_ + 1 == connections_.size() ? 0 : next_sender_ + 1;
    if (connection.dead) continue;
    connection.unanswered.push(intended_ns);
    if (!connection.frames_owed++) unflushed_.push_back(&connection);
    return true;
  }
  return true;  // every connection is closed, which the result says already
}

void Worker::send_due(uint64_t now) {
  auto due = static_cast<uint64_t>(static_cast<double>(now - start_ns_) * messages_per_ns_);
  for (; issued_ < due; issued_++) {
    uint64_t intended_ns = start_ns_ + static_cast<uint64_t>(static_cast<double>(issued_) / messages_per_ns_);
    if (!send_one(intended_ns)) counters_.bad++;
  }
  for (Connection* connection : unflushed_) flush_if_idle(*connection);
  unflushed_.clear();
}

void Worker::begin_window() {
  if (meter_) {
    server_start_ = read_cpu(options_.server_pid);
    own_start_ = load::own_cpu_seconds();
  }
  window_start_ns_ = now_ns();
  measuring_ = true;
}

void Worker::end_window() {
  measuring_ = false;
  counters_.window_seconds = seconds_between(window_start_ns_, now_ns());
  if (meter_) {
    server_end_ = read_cpu(options_.server_pid);
    own_end_ = load::own_cpu_seconds();
  }
}

void Worker::run() {
  start_ns_ = now_ns();
  messages_per_ns_ = options_.rate / options_.threads / static_cast<double>(kNanosPerSecond);
  const uint64_t window_begins = start_ns_ + nanos(options_.warmup_seconds);
  const uint64_t window_ends = window_begins + nanos(options_.seconds);
  if (!options_.open_loop()) start_closed_loop();
  while (counters_.closed < connections_.size()) {
    uint64_t now = now_ns();
    if (now >= window_ends) break;
    if (!measuring_ && now >= window_begins) begin_window();
    uint64_t until = measuring_ ? window_ends : window_begins;
    if (options_.open_loop()) {
      send_due(now);
      auto next_due = static_cast<uint64_t>(static_cast<double>(issued_ + 1) / messages_per_ns_);
      until = std::min(until, start_ns_ + next_due);
    }
    int count = wait(until);
    if (count > 0) pump_by_mode(count);
  }
  if (measuring_) end_window();
  count_unanswered();
}

void Worker::count_unanswered() {
  uint64_t now = now_ns();
  for (auto& connection : connections_) {
    const TimestampQueue& unanswered = connection->unanswered;
    if (!unanswered.size()) continue;
    counters_.unanswered += unanswered.size();
    uint64_t age = now - std::min(now, unanswered.front());
    counters_.oldest_unanswered_ns = std::max(counters_.oldest_unanswered_ns, age);
  }
}

void Worker::touch_all() {
  uint64_t waiting = 0;
  for (auto& connection : connections_) {
    connection->unanswered.push(now_ns());
    connection->frames_owed = 1;
    flush(*connection);
    if (++waiting >= kTouchesInFlight) await_touches(waiting);
  }
  await_touches(waiting);
}

void Worker::await_touches(uint64_t& waiting) {
  uint64_t deadline = now_ns() + kTouchTimeoutNs;
  while (waiting) {
    if (now_ns() >= deadline) fatal("--touch: %llu echoes missing", static_cast<unsigned long long>(waiting));
    int count = epoll_wait(epoll_fd_, events_.data(), kMaxEvents, 100);
    if (count > 0) pump(count, [&](Connection&, uint32_t replies, uint64_t) { waiting -= replies; });
  }
}

void Worker::serve(double seconds) {
  constexpr uint64_t kNanosPerMilli = 1'000'000;
  uint64_t end = now_ns() + nanos(seconds);
  for (uint64_t now; (now = now_ns()) < end;) {
    auto timeout_ms = static_cast<int>(std::min<uint64_t>(200, (end - now) / kNanosPerMilli + 1));
    int count = epoll_wait(epoll_fd_, events_.data(), kMaxEvents, timeout_ms);
    if (count > 0) pump(count, [](Connection&, uint32_t, uint64_t) {});
  }
}

}  // namespace millrace::load

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <vector>

#include "client.hpp"
#include "ring/records.hpp"
#include "sim/sim.hpp"

namespace millrace::scene {

inline constexpr std::int64_t kMilli = 1'000'000;
inline constexpr std::int64_t kSecond = 1'000'000'000;

/// What Java does with a message.
enum class Answer : std::uint8_t {
  nothing,
  borrowed,  ///< echoes it from where it lies
  staged,    ///< echoes a copy in the send area
  owned,     ///< echoes a copy in a block of the loop
  shared,    ///< echoes a copy in a block of the shared region
  retained,  ///< echoes the block it lies in, where it lies in one
  kept,      ///< keeps the block, or a copy, and looks at it later
  thrice,    ///< sends three copies
  close,     ///< closes
  pause,     ///< echoes, and reads no more until somebody resumes
};
inline constexpr std::size_t kAnswers = 10;

/// What Java does with a request.
enum class Decision : std::uint8_t { accept, refuse, later };

/// A connection as Java names it.
struct Id {
  std::uint32_t slot = 0;
  std::uint32_t generation = 0;
  auto operator<=>(const Id&) const = default;
};

/// What Java knows of a connection.
struct Link {
  std::uint32_t client = 0;
  bool upgrade = false;  ///< it asked for one
  bool dialed = false;   ///< by Java
  bool connected = false;
  bool decided = false;
  bool responded = false;  ///< its CLOSED is not owed any more
  bool accepted = false;
  bool paused = false;
  bool told_closing = false;
  bool closed_by_us = false;  ///< Java wrote CLOSE
  bool held = false;          ///< by Java, until it was told of a FIN
  bool aborted = false;
  std::uint64_t closing_code = 0;
  std::int64_t buffered = 0;   ///< after the last turn
  std::int64_t commanded = 0;  ///< bytes of frames since then
  static constexpr std::int64_t kUncounted = INT64_MIN;
  std::int64_t messages_left = kUncounted;  ///< credits
  std::int64_t bytes_left = kUncounted;
  std::int64_t accepted_ns = 0;
  std::int64_t heard_messages = 0;  ///< since then
  std::int64_t heard_bytes = 0;
};

/// How Java heard of a connection's end, or of its beginning.
struct Told {
  std::int64_t at_ns = 0;
  std::uint16_t code = 0;
  std::uint16_t error = 0;
  int error_number = 0;
  bool timed_out = false;
};

/// What a client's loop asks for.
inline constexpr char kRequest[] =
    "GET /scene HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";

/// One loop on the simulated kernel, the Java half that drives it, and its clients. After every turn, and at the end,
/// it checks what the core promises: docs/rings.md under "Order", and the limits of memory; what is false ends the
/// program. The same calls give the same run.
class Scene {
 public:
  Scene() = default;
  Scene(const Scene&) = delete;
  Scene& operator=(const Scene&) = delete;

  /// A region of 16 MiB; 16 connections; deadlines of five seconds.
  [[nodiscard]] static ring::LoopOptions small_options();
  /// Makes group and loop. 0, or -errno: then nothing is left behind.
  [[nodiscard]] int open(const ring::LoopOptions& options);
  /// Lets everybody finish, closes what is open, and checks that nothing is left of anything.
  void end_in_order();
  /// Destroys the loop as it is, and checks that nothing is left.
  void end_at_once();

  // ---- Java's ways
  Decision decision = Decision::accept;
  bool answers_closing = true;
  std::uint64_t deflate = 0;  ///< what is agreed on with everybody about compression, as ACCEPT_UPGRADE has it
  void set_answer(std::uint32_t client, Answer answer) { answers_[client] = answer; }

  // ---- Java's commands, executed by the next turn. What names a connection that is gone does nothing.
  /// The result comes with the next turn's events; a port of 0 asks for any.
  void listen(const os::Address& address, std::uint32_t index = 0);
  void unlisten(std::uint32_t index = 0);
  [[nodiscard]] bool is_listening(std::uint32_t index = 0) const {
    return listeners_[index].family != os::Family::none;
  }
  [[nodiscard]] int listen_error() const { return listen_error_; }
  void decide_later_ones(Decision how);
  void send(std::uint32_t client, std::uint8_t opcode, const std::string& payload, Answer how);
  void ping(std::uint32_t client);
  void close(std::uint32_t client, std::uint16_t code, const std::string& reason = {});
  void abort(std::uint32_t client);
  void pause(std::uint32_t client);
  void resume(std::uint32_t client);
  void credit(std::uint32_t client, std::uint64_t messages, std::uint64_t bytes);
  /// Each message from now on gives that many more; 0 for none.
  void credit_each(std::uint32_t client, std::uint64_t messages) { credit_each_[client] = messages; }
  void batch(std::uint32_t client, std::uint32_t messages, std::uint64_t bytes, std::int64_t delay_ns);
  void flush_batch(std::uint32_t client);
  /// Java has more than it sends: told of a FIN, it sends two messages and says that these are the last.
  void hold(std::uint32_t client);
  void set_timer(std::uint32_t token, std::int64_t delay_ns);
  void cancel_timer(std::uint32_t token);
  void release_kept();
  /// Takes all there is of the loop's region, and keeps it.
  void lease_everything();
  /// A command for a connection that is gone, or that never was: nothing may come of it.
  void send_stale(std::uint32_t client);
  /// A SEND whose payload lies nowhere: it ends that connection, and no other.
  void send_from_nowhere(std::uint32_t client);
  void wake();

  // ---- clients
  /// A server that a client's loop may connect to.
  void serve(const os::Address& address, sim::Answers answers = sim::Answers::at_once, std::uint32_t index = 0);
  /// A new client, at most `max_clients` in all; its index, or kNoClient. Of a client's loop: it connects, and who has
  /// an index then is its server.
  [[nodiscard]] std::uint32_t connect(std::uint32_t listener = 0);
  [[nodiscard]] Client& client(std::uint32_t index) { return clients_[index]; }
  [[nodiscard]] std::uint32_t client_count() const { return static_cast<std::uint32_t>(clients_.size()); }
  [[nodiscard]] bool is_open(std::uint32_t client) const;
  /// CLOSING and CLOSED of the client's connection, or nullptr.
  [[nodiscard]] const Told* closing(std::uint32_t client) const { return find(closings_, client); }
  [[nodiscard]] const Told* closed(std::uint32_t client) const { return find(ends_, client); }
  static constexpr std::uint32_t kNoClient = 0xffffffff;
  static constexpr std::uint32_t kMaxClients = 64;
  std::uint32_t max_clients = kMaxClients;

  // ---- turns
  /// One tick and its events; how many there were.
  int turn(std::int64_t timeout_ns = 0);
  /// Turns until the loop has nothing to say; then it must wait.
  void settle();
  [[nodiscard]] std::size_t work_of_turn();
  /// Everybody writes and reads all there is, until nothing moves.
  void pump();

  [[nodiscard]] std::int64_t counter(ring::Counter counter) const;
  /// Of the client's connection, 0 when none was measured.
  [[nodiscard]] std::int64_t round_trip(std::uint32_t client);
  /// Bytes that are queued for the client's connection, and that its input pins; 0 when it is gone.
  [[nodiscard]] std::int64_t queued(std::uint32_t client);
  [[nodiscard]] std::int64_t pinned(std::uint32_t client);
  /// Messages that Java has received of the client's connection.
  [[nodiscard]] std::int64_t heard(std::uint32_t client);
  [[nodiscard]] const ring::LoopOptions& options() const { return options_; }
  [[nodiscard]] bool is_client() const { return options_.role == ring::kClient; }

 private:
  struct Kept {
    std::uint64_t address;
    std::string content;
  };

  // java.cpp
  void put(const ring::Record& command);
  void flush();
  [[nodiscard]] std::int32_t hand_over();
  [[nodiscard]] static ring::Record command_for(std::uint8_t type, Id id);
  [[nodiscard]] std::uint64_t stage(const std::string& bytes);
  [[nodiscard]] std::uint64_t body(const std::string& bytes);
  [[nodiscard]] std::int64_t block_with(const std::string& bytes, bool shared);
  [[nodiscard]] std::uint8_t* at(std::uint64_t address) const;
  void send_to(Id id, const Message& message, Answer how);
  void put_send(Id id, ring::Record command, const Message& message);
  void close_link(Id id, std::uint16_t code, const std::string& reason);
  void decide(Id id, Decision how);
  void handle(const ring::Record& event);
  void on_dialed(const ring::Record& event);
  void on_connected(const ring::Record& event);
  void on_response(const ring::Record& event);
  void on_request(const ring::Record& event);
  [[nodiscard]] std::uint32_t dial(std::uint32_t index);
  void begin_life(Id id, const Link& link);
  void on_peer(const ring::Record& event);
  void on_message(const ring::Record& event);
  void on_finished(const ring::Record& event);
  void on_closing(const ring::Record& event);
  void on_closed(const ring::Record& event);
  void on_timer(const ring::Record& event);
  void on_sent(const ring::Record& event);
  void on_listening(const ring::Record& event);
  void answer(Id id, const ring::Record& event, const Message& message);
  [[nodiscard]] std::string bytes_of(const ring::Record& event) const;
  [[nodiscard]] Link& link_of(const ring::Record& event);
  [[nodiscard]] Link* live(std::uint32_t client, Id* id);
  [[nodiscard]] std::int64_t buffered(Id id) const;
  [[nodiscard]] std::int64_t word(std::size_t table, std::uint32_t slot) const;
  [[nodiscard]] bool takes_no_sends(Id id) const;
  [[nodiscard]] std::int64_t framed(std::size_t length) const;

  // scene.cpp
  void check_turn();
  void check_pinned() const;
  void check_credit(Link& link, const Message& message) const;
  void end_flow();
  void check_delivered();
  void check_empty();
  void tear_down();

  ring::LoopOptions options_{};
  std::int64_t group_ = -1;
  int loop_ = -1;
  std::uint8_t* control_ = nullptr;
  std::uint8_t* region_ = nullptr;
  std::uint16_t region_id_ = 0;
  std::int32_t commands_ = 0;
  std::size_t send_position_ = 0;
  std::size_t body_position_ = 0;

  std::deque<Client> clients_;
  std::map<std::uint32_t, Answer> answers_;
  std::map<std::uint32_t, std::uint64_t> credit_each_;
  std::map<Id, Link> links_;
  std::map<std::uint64_t, std::uint32_t> dialing_;  ///< tokens whose DIALED is to come: of which server
  std::uint64_t next_dial_ = 1;
  std::map<std::uint32_t, std::uint32_t> last_generation_;
  bool peer_due_ = false;
  Id peer_of_;
  [[nodiscard]] static const Told* find(const std::map<std::uint32_t, Told>& all, std::uint32_t client) {
    const auto found = all.find(client);
    return found != all.end() ? &found->second : nullptr;
  }
  [[nodiscard]] static Told told(const ring::Record& event);
  std::map<std::uint32_t, Told> closings_;
  std::map<std::uint32_t, Told> ends_;
  std::vector<Kept> kept_;
  std::map<std::uint64_t, bool> tokens_;  ///< of sends whose SENT is to come
  std::uint64_t next_token_ = 1;
  struct Alarm {
    std::uint32_t generation;
    std::int64_t due_ns;
  };
  std::map<std::uint32_t, Alarm> alarms_;
  std::uint32_t next_alarm_ = 1;
  os::Address listeners_[4] = {};
  os::Address asked_[4] = {};
  int listen_error_ = 0;
};

}  // namespace millrace::scene

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <map>
#include <string>
#include <vector>

#include "client.hpp"
#include "engine/engine.hpp"
#include "ring/records.hpp"

namespace millrace::engine::test {

inline constexpr std::int64_t kMilli = 1'000'000;
inline constexpr std::int64_t kSecond = 1'000'000'000;

/// A region of 64 MiB, messages to 16 MiB, deadlines that no test waits for unless it shortens them. The environment
/// may choose the allocator of blocks (MILLRACE_TEST_ALLOCATOR=general).
[[nodiscard]] ring::LoopOptions test_options();

/// The same of a client's loop.
[[nodiscard]] ring::LoopOptions client_options();

/// A free loopback port, nothing else asked for.
[[nodiscard]] ring::ListenBody loopback_body();

/// A connection as Java names it.
struct Id {
  std::uint32_t slot = 0;
  std::uint32_t generation = 0;
  auto operator<=>(const Id&) const = default;
};

struct Event {
  ring::Record record;
  std::string bytes;  ///< what its address pointed to

  [[nodiscard]] Id id() const { return {record.slot, record.generation}; }
  [[nodiscard]] std::uint16_t code() const { return static_cast<std::uint16_t>(record.auxiliary); }
  [[nodiscard]] std::uint16_t protocol_error() const { return static_cast<std::uint16_t>(record.auxiliary >> 16); }
  [[nodiscard]] int error_number() const { return static_cast<int>(record.auxiliary >> 32); }
};

/// The Java half of one loop, in C++: it writes commands, calls tick and reads events, as docs/rings.md says, and
/// checks what every loop promises: a connection is named by REQUEST or DIALED first, by CLOSED once and by nothing
/// after that, and when the loop is gone all blocks are free.
class JavaHalf {
 public:
  enum class Echo : std::uint8_t {
    none,
    borrowed,  ///< from where it was delivered
    staged,    ///< copied into the send area
    owned,     ///< copied into a block of the loop
    shared,    ///< copied into a block of the shared region
    retained,  ///< the delivered block itself where there is one, else borrowed
  };

  explicit JavaHalf(const ring::LoopOptions& options = test_options(), std::int64_t group = -1);
  ~JavaHalf();
  JavaHalf(const JavaHalf&) = delete;
  JavaHalf& operator=(const JavaHalf&) = delete;

  // ---- what it does by itself with events
  bool accept_upgrades = true;
  std::string request;        ///< what a client asks when it is connected; opens by itself when the answer is 101
  std::uint64_t deflate = 0;  ///< the deflate bits of every connection
  bool answer_closing = true;
  bool answer_finished = true;  ///< there is nothing more to send
  Echo echo = Echo::none;
  bool keep_events = true;
  std::function<void(const Event&)> on_event;

  // ---- commands: written now, executed by the next call
  void put(const ring::Record& command);
  [[nodiscard]] ring::Record connection_command(std::uint8_t type, Id id) const;
  void accept(Id id, const std::string& lines = {});
  void respond(Id id, const std::string& response);
  /// After RESPOND nothing is told of the connection any more.
  void forget(Id id);
  void send(Id id, std::uint8_t opcode, const std::string& payload, Echo how = Echo::staged, std::uint64_t token = 0);
  void send_block(Id id, std::uint8_t opcode, std::uint64_t address, std::uint32_t length, std::uint64_t token = 0);
  void close(Id id, std::uint16_t code, const std::string& reason = {});
  void abort(Id id);
  void pause(Id id);
  void resume(Id id);
  void release(std::uint64_t address);
  /// Of a client's loop; DIALED tells the connection.
  void connect(std::uint16_t port, std::uint64_t token = 1, std::int64_t timeout_ns = 60 * kSecond);
  void connect(const ring::ConnectBody& to, const std::string& path, std::uint64_t token = 1);
  void ask(Id id, const std::string& request);
  void open(Id id);
  void set_timer(std::uint32_t token, std::uint32_t generation, std::int64_t delay_ns);
  void cancel_timer(std::uint32_t token, std::uint32_t generation);
  /// The address of a copy of `bytes` in the send area.
  [[nodiscard]] std::uint64_t stage(const std::string& bytes);
  /// The address of a block with a copy of `bytes`.
  [[nodiscard]] std::uint64_t block_with(const std::string& bytes, bool shared = false);
  /// The offset of a copy of `bytes` in the body area.
  [[nodiscard]] std::uint64_t body(const std::string& bytes);

  /// Listens on a free loopback port and returns it.
  std::uint16_t listen(std::uint32_t index = 0);
  std::uint16_t listen(const ring::ListenBody& listen, const std::string& path = {}, std::uint32_t index = 0);
  void listen_local(const std::string& path, std::uint32_t index = 0);
  void unlisten(std::uint32_t index = 0);

  // ---- turns
  /// One tick; its events are handled. Returns how many there were.
  int turn(std::int64_t timeout_ns = 0);
  void flush();

  // ---- looking
  [[nodiscard]] int handle() const { return loop_; }
  [[nodiscard]] std::int64_t group() const { return group_; }
  [[nodiscard]] std::uint16_t region_id() const { return region_id_; }
  [[nodiscard]] std::uint8_t* region() const { return region_; }
  [[nodiscard]] std::int64_t counter(ring::Counter counter) const;
  [[nodiscard]] std::int64_t buffered(Id id) const;
  [[nodiscard]] std::int64_t round_trip(Id id) const;
  [[nodiscard]] std::size_t count(std::uint8_t type) const;
  /// The first kept event of a type, or nullptr.
  [[nodiscard]] const Event* first(std::uint8_t type) const;
  [[nodiscard]] const Event* closed(Id id) const;
  [[nodiscard]] std::size_t open_count() const { return open_.size(); }
  [[nodiscard]] Id last_request() const { return last_request_; }
  [[nodiscard]] Id last_dialed() const { return last_dialed_; }
  std::vector<Event> events;

 private:
  [[nodiscard]] std::int32_t hand_over();
  void handle_event(const ring::Record& record);
  void check_life(const Event& event);
  void echo_message(const Event& event);
  [[nodiscard]] std::uint8_t* at(std::uint64_t address) const;

  int loop_ = -1;
  std::int64_t group_ = -1;
  bool own_group_ = false;
  std::uint8_t* control_ = nullptr;
  std::uint8_t* region_ = nullptr;
  std::uint16_t region_id_ = 0;
  std::uint32_t max_connections_ = 0;
  std::int32_t commands_ = 0;
  std::size_t send_position_ = 0;
  std::size_t body_position_ = 0;
  std::map<Id, bool> open_;  ///< announced by REQUEST or DIALED, not CLOSED yet
  std::map<std::uint32_t, std::uint32_t> last_generation_;
  Id last_request_;
  Id last_dialed_;
  bool peer_due_ = false;
};

/// Lets both sides work until `done`, at most `seconds`. False when it never was.
bool pump(std::initializer_list<JavaHalf*> halves, const std::vector<Client*>& clients,
          const std::function<bool()>& done, int seconds = 30);
inline bool pump(JavaHalf& java, const std::vector<Client*>& clients, const std::function<bool()>& done,
                 int seconds = 30) {
  return pump({&java}, clients, done, seconds);
}

[[nodiscard]] std::string upgrade_request(const std::string& path = "/");
/// Does the opening handshake and returns the connection's name.
Id open_connection(JavaHalf& java, Client& client);

/// The next whole frame that the server sends; the test fails when none comes.
[[nodiscard]] Frame next_frame(JavaHalf& java, Client& client);

/// Turns until the loop has nothing left to tell at once.
void settle(JavaHalf& java);
/// Turns until the loop holds no block and no connection; the test fails when it never does.
void expect_idle(JavaHalf& java, const std::vector<Client*>& clients = {});

[[nodiscard]] std::size_t open_descriptors();
/// How often this thread gave up the processor by itself. A loop that spins never does, however busy the machine is.
[[nodiscard]] long thread_waits();
/// A few turns with nothing to tell: each must block.
void expect_no_spin(JavaHalf& java);

/// A fresh folder that goes with everything in it.
class Folder {
 public:
  Folder();
  ~Folder();
  [[nodiscard]] std::string file(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

}  // namespace millrace::engine::test

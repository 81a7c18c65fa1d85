// SPDX-License-Identifier: Apache-2.0
//
// What a message costs the core, by counts: no memory taken, one sendmsg for a connection's turn, no payload byte
// copied that need not be. The driver is the Java half of one loop at its barest; it and its client share one thread.
#include <doctest/doctest.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "allocations.hpp"
#include "base/bytes.hpp"
#include "engine/frames.hpp"
#include "engine/java_half.hpp"

namespace millrace::engine::test {

namespace {

using Echo = JavaHalf::Echo;

/// A connected socket whose writes are taken whole: its buffer is larger than what any test has on the way.
int connect_local(const std::string& path) {
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int length = 4 << 20;
  REQUIRE(::setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &length, sizeof length) +
              ::setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &length, sizeof length) >=
          -1);
  sockaddr_un name{};
  name.sun_family = AF_UNIX;
  std::memcpy(name.sun_path, path.c_str(), path.size() + 1);
  REQUIRE(::connect(fd, reinterpret_cast<const sockaddr*>(&name), sizeof name) == 0);
  return fd;
}

/// One loop, one open connection on a Unix socket, and an echo that is counted. The loop is a server's or a client's.
class Driver {
 public:
  explicit Driver(const ring::LoopOptions& options = test_options(), std::uint64_t deflate = 0) : java_(options) {
    java_.deflate = deflate;
    if (options.role == ring::kClient) {
      serve();
    } else {
      ask();
    }
    control_ = static_cast<std::uint8_t*>(control(java_.handle()).start);
    java_.events.clear();
  }
  ~Driver() {
    ::close(fd_);
    expect_idle(java_);
  }
  Driver(const Driver&) = delete;
  Driver& operator=(const Driver&) = delete;

  [[nodiscard]] JavaHalf& java() { return java_; }

  void write(const std::string& bytes) {
    std::size_t at = 0;
    while (at < bytes.size()) {
      const ssize_t sent = ::send(fd_, bytes.data() + at, bytes.size() - at, MSG_NOSIGNAL);
      REQUIRE(sent > 0);
      at += static_cast<std::size_t>(sent);
    }
  }

  void read(std::vector<char>* bytes) {
    std::size_t at = 0;
    while (at < bytes->size()) {
      const ssize_t came = ::recv(fd_, bytes->data() + at, bytes->size() - at, MSG_DONTWAIT);
      if (came < 0) {
        turn(0);  // the loop has more to give
        continue;
      }
      REQUIRE(came > 0);
      at += static_cast<std::size_t>(came);
    }
  }

  /// Writes `burst` frames at once and lets the loop answer each, until all answers are here.
  void round_trip(const std::string& frames, int burst, Echo how, std::vector<char>* answers) {
    how_ = how;
    write(frames);
    messages_ = 0;
    while (messages_ < burst) turn(kSecond);
    turn(0);
    read(answers);
  }

  /// Writes a burst and lets the loop answer it; nothing is read.
  void answer_all(const std::string& frames, int burst, Echo how) {
    how_ = how;
    write(frames);
    messages_ = 0;
    while (messages_ < burst) turn(kSecond);
    turn(0);
  }

  void give(std::uint64_t messages) {
    ring::Record command = java_.connection_command(ring::kCredit, id_);
    command.auxiliary = messages;
    put(command);
  }

  void batch(std::uint32_t messages) {
    ring::Record command = java_.connection_command(ring::kBatch, id_);
    command.length = messages;
    command.address = 1 << 20;
    command.auxiliary = 10 * kSecond;
    put(command);
  }

  /// Each message is given for another.
  bool gives_credit = false;

  /// The same, whatever length the answers have.
  void exchange(const std::string& frames, int burst, Echo how) {
    how_ = how;
    write(frames);
    messages_ = 0;
    while (messages_ < burst) turn(kSecond);
    turn(0);
    char bytes[65536];
    while (::recv(fd_, bytes, sizeof bytes, MSG_DONTWAIT) > 0) {
    }
  }

  /// One turn: executes what the last one led to, and answers what it brings.
  void turn(std::int64_t timeout_ns) {
    int events;
    {
      const counts::Counting counting;
      tell_position();
      events = tick(java_.handle(), commands_, timeout_ns);
    }
    REQUIRE(events >= 0);
    commands_ = 0;
    position_ = 0;
    const auto* records = reinterpret_cast<const ring::Record*>(control_ + ring::kEventsOffset);
    for (int index = 0; index < events; ++index) {
      if (records[index].type == ring::kMessage) answer(records[index]);
      if (records[index].type == ring::kRequest) accept(records[index]);
    }
  }

  /// One connection more, which nothing is sent on: its descriptor. It must be closed before the driver ends.
  [[nodiscard]] int open_silent() {
    const std::int64_t before = java_.counter(ring::kAccepted);
    const int fd = connect_local(folder_.file("s"));
    const std::string request = upgrade_request();
    REQUIRE(::send(fd, request.data(), request.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(request.size()));
    while (java_.counter(ring::kAccepted) == before || commands_ == 0) turn(kSecond);
    turn(0);
    char head[512];
    REQUIRE(::recv(fd, head, sizeof head, 0) > 100);
    return fd;
  }

  [[nodiscard]] std::uint64_t block(std::uint32_t length) {
    const counts::Counting counting;
    const std::int64_t address = acquire(java_.handle(), length);
    REQUIRE(address >= 0);
    return static_cast<std::uint64_t>(address);
  }

  void send_block(std::uint64_t address, std::uint32_t length) {
    ring::Record command = java_.connection_command(ring::kSend, id_);
    command.opcode = kBinary;
    command.flags = ring::kOwned;
    command.address = address;
    command.length = length;
    put(command);
  }

 private:
  void ask() {
    java_.listen_local(folder_.file("s"));
    fd_ = connect_local(folder_.file("s"));
    write(upgrade_request());
    while (java_.first(ring::kRequest) == nullptr) java_.turn(kSecond);
    java_.turn();
    id_ = java_.last_request();
    REQUIRE(read_head().starts_with("HTTP/1.1 101"));
  }

  void serve() {
    const std::string path = folder_.file("s");
    const int listener = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_un name{};
    name.sun_family = AF_UNIX;
    std::memcpy(name.sun_path, path.c_str(), path.size() + 1);
    REQUIRE(::bind(listener, reinterpret_cast<const sockaddr*>(&name), sizeof name) == 0);
    REQUIRE(::listen(listener, 1) == 0);
    java_.request = upgrade_request();
    ring::ConnectBody to{};
    to.to.family = 1;
    to.to.path_length = static_cast<std::uint32_t>(path.size());
    to.timeout_ns = kSecond;
    java_.connect(to, path);
    while (java_.first(ring::kConnected) == nullptr) java_.turn(kSecond);
    java_.turn();
    fd_ = ::accept(listener, nullptr, nullptr);
    REQUIRE(fd_ >= 0);
    ::close(listener);
    REQUIRE(read_head() == java_.request);
    write("HTTP/1.1 101 Switching Protocols\r\n\r\n");
    while (java_.first(ring::kResponse) == nullptr) java_.turn(kSecond);
    java_.turn();
    id_ = java_.last_dialed();
  }

  [[nodiscard]] std::string read_head() {
    std::string head;
    while (head.find("\r\n\r\n") == std::string::npos) {
      char byte;
      REQUIRE(::read(fd_, &byte, 1) == 1);
      head.push_back(byte);
    }
    return head;
  }

  void accept(const ring::Record& request) {
    ring::Record command{};
    command.type = ring::kAcceptUpgrade;
    command.flags = ring::kBody;
    command.slot = request.slot;
    command.generation = request.generation;
    put(command);
  }

  void answer(const ring::Record& message) {
    ++messages_;
    if (gives_credit) give(1);
    const std::uint8_t* const payload = java_.region() + ring::offset_of(message.address);
    ring::Record command = java_.connection_command(ring::kSend, id_);
    command.opcode = message.opcode;
    command.length = message.length;
    switch (how_) {
      case Echo::borrowed:
        command.flags = ring::kBorrowed;
        command.address = message.address;
        break;
      case Echo::staged: {
        if (position_ + ring::kHeadroom + message.length > ring::kSendAreaLength) flush_commands();
        const std::size_t offset = ring::kSendAreaOffset + position_ + ring::kHeadroom;
        std::memcpy(java_.region() + offset, payload, message.length);
        position_ += ring::kHeadroom + message.length;
        command.flags = ring::kStaged;
        command.address = ring::make_address(java_.region_id(), offset);
        break;
      }
      default: {
        const std::uint64_t address = block(message.length);
        std::memcpy(java_.region() + ring::offset_of(address), payload, message.length);
        send_block(address, message.length);
        return;
      }
    }
    put(command);
  }

  void put(const ring::Record& command) {
    std::memcpy(control_ + ring::kCommandsOffset + static_cast<std::size_t>(commands_) * sizeof command, &command,
                sizeof command);
    ++commands_;
  }

  void tell_position() { base::store(control_ + ring::kSendPositionOffset, position_); }

  void flush_commands() {
    const counts::Counting counting;
    tell_position();
    REQUIRE(flush(java_.handle(), commands_) == 0);
    commands_ = 0;
    position_ = 0;
  }

  Folder folder_;
  JavaHalf java_;
  int fd_ = -1;
  Id id_;
  std::uint8_t* control_ = nullptr;
  Echo how_ = Echo::borrowed;
  int messages_ = 0;
  std::int32_t commands_ = 0;
  std::size_t position_ = 0;
};

/// Counters of the core over one measurement.
struct Counts {
  explicit Counts(const JavaHalf& java) : java_(java) {
    counts::reset();
    for (std::uint32_t index = 0; index < ring::kCounters; ++index) before_[index] = value(index);
  }
  [[nodiscard]] std::int64_t of(ring::Counter counter) const { return value(counter) - before_[counter]; }

 private:
  [[nodiscard]] std::int64_t value(std::uint32_t index) const {
    return java_.counter(static_cast<ring::Counter>(index));
  }
  const JavaHalf& java_;
  std::int64_t before_[ring::kCounters];
};

struct Case {
  const char* name;
  std::size_t length;
  int burst;
  int rounds;
};

std::string repeat(const std::string& frame, int times) {
  std::string out;
  for (int index = 0; index < times; ++index) out += frame;
  return out;
}

/// One letter so many times, compressed: a stored block with the letter, and its repetitions 258 at a time, by hand.
std::string run_of(std::size_t length) {
  std::string out;
  unsigned held = 0;
  int bits = 0;
  const auto put = [&](unsigned value, int count) {
    for (int bit = 0; bit < count; ++bit) {
      held |= (value >> bit & 1) << bits;
      if (++bits == 8) {
        out.push_back(static_cast<char>(held));
        held = 0;
        bits = 0;
      }
    }
  };
  const auto put_code = [&](unsigned code, int count) {  // Huffman codes begin with their highest bit
    for (int bit = count - 1; bit >= 0; --bit) put(code >> bit & 1, 1);
  };
  put(0b010, 3);            // not the last block, fixed codes (RFC 1951 3.2.6)
  put_code(0x30 + 'x', 8);  // the letter
  for (std::size_t left = length - 1; left > 0;) {
    if (left >= 258) {
      put_code(0b11000101, 8);  // 285: length 258
      put_code(0, 5);           // distance 1
      left -= 258;
    } else {
      put_code(0x30 + 'x', 8);
      --left;
    }
  }
  put_code(0, 7);  // 256: end of the block
  put(0, 3);       // an empty stored block, without its lengths
  if (bits > 0) put(0, 8 - bits);
  return out;
}

std::size_t server_frame_length(std::size_t payload) {
  return payload + (payload < 126 ? 2 : payload < 65536 ? 4 : 10);
}

}  // namespace

TEST_CASE("what is wrapped is counted: a loop's making is seen") {
  counts::reset();
  {
    const std::int64_t group = create_group();
    const counts::Counting counting;
    const int loop = create(group, test_options());
    REQUIRE(loop >= 0);
    REQUIRE(destroy(loop) == 0);
    REQUIRE(release_mappings(loop) == 0);
    REQUIRE(destroy_group(group) == 0);
  }
  CHECK(counts::allocations() > 0);
  CHECK(counts::frees() > 0);
  CHECK(counts::mappings() > 0);
}

TEST_CASE("an echo takes no memory, whichever way it is sent") {
  for (const bool general : {false, true}) {
    ring::LoopOptions options = test_options();
    options.allocator = general ? 1 : 0;
    for (const Echo how : {Echo::borrowed, Echo::staged, Echo::owned}) {
      for (const auto& [name, length, burst, rounds] :
           {Case{"64 B", 64, 32, 3200}, Case{"16 KiB", 16384, 4, 2500}, Case{"64 KiB", 65536, 1, 10'000}}) {
        CAPTURE(general);
        CAPTURE(static_cast<int>(how));
        CAPTURE(name);
        Driver driver(options);
        const std::string payload = pattern(length);
        const std::string frames = repeat(client_frame(kBinary, payload), burst);
        std::vector<char> answers(server_frame_length(length) * static_cast<std::size_t>(burst));
        for (int round = 0; round < 100; ++round) driver.round_trip(frames, burst, how, &answers);
        const Counts counts(driver.java());
        for (int round = 0; round < rounds; ++round) driver.round_trip(frames, burst, how, &answers);
        const std::int64_t messages = std::int64_t{burst} * rounds;
        CHECK(counts::allocations() == 0);
        CHECK(counts::frees() == 0);
        CHECK(counts::mappings() == 0);
        CHECK(counts.of(ring::kMessagesReceived) == messages);
        CHECK(counts.of(ring::kMessagesSent) == messages);
        // The last answer is the payload.
        CHECK(std::equal(payload.begin(), payload.end(), answers.end() - static_cast<std::ptrdiff_t>(length)));
        // One receive and one send for the whole burst, and nothing waited for the socket.
        CHECK(counts.of(ring::kSends) == rounds);
        CHECK(counts.of(ring::kReceives) == rounds);
        CHECK(counts.of(ring::kPartialSends) == 0);
        CHECK(counts.of(ring::kFlushes) == 0);
        // Each message arrived whole, and goes out from where it lies.
        CHECK(counts.of(ring::kPayloadBytesCopied) == 0);
      }
    }
  }
}

TEST_CASE("credit for each message takes no memory, and a batch copies each but those that fill it once") {
  constexpr int kBurst = 8;
  constexpr int kRounds = 1000;
  const std::string frames = repeat(client_frame(kBinary, pattern(64)), kBurst);
  std::vector<char> answers(66 * kBurst);
  SUBCASE("credits") {
    ring::LoopOptions options = test_options();
    options.messages_per_second = 1 << 30;
    Driver driver(options);
    driver.give(kBurst);
    driver.gives_credit = true;
    for (int round = 0; round < 100; ++round) driver.round_trip(frames, kBurst, Echo::borrowed, &answers);
    const Counts counts(driver.java());
    for (int round = 0; round < kRounds; ++round) driver.round_trip(frames, kBurst, Echo::borrowed, &answers);
    CHECK(counts::allocations() == 0);
    CHECK(counts::mappings() == 0);
    CHECK(counts.of(ring::kSends) == kRounds);
    CHECK(counts.of(ring::kReceives) == kRounds);
    CHECK(counts.of(ring::kCreditStops) == 0);
    CHECK(counts.of(ring::kPayloadBytesCopied) == 0);
  }
  SUBCASE("a batch of four turns") {
    Driver driver;
    driver.batch(4 * kBurst);
    std::vector<char> four(4 * answers.size());
    const auto fill = [&] {
      for (int turn = 0; turn < 4; ++turn) driver.answer_all(frames, kBurst, Echo::borrowed);
      driver.read(&four);
    };
    for (int round = 0; round < 100; ++round) fill();
    const Counts counts(driver.java());
    for (int round = 0; round < kRounds; ++round) fill();
    CHECK(counts::allocations() == 0);
    CHECK(counts::mappings() == 0);
    CHECK(counts.of(ring::kSends) == kRounds);
    CHECK(counts.of(ring::kMessagesSent) == 4 * kBurst * kRounds);
    CHECK(counts.of(ring::kSendsSaved) == 3 * kRounds);
    CHECK(counts.of(ring::kMessagesBatched) == 3 * kBurst * kRounds);
    CHECK(counts.of(ring::kPayloadBytesCopied) == 4 * 66 * kBurst * kRounds);  // with their headers
  }
}

TEST_CASE("a compressed echo takes no memory either, with windows that live on or without") {
  for (const bool takeover : {false, true}) {
    for (const Echo how : {Echo::borrowed, Echo::staged, Echo::owned}) {
      for (const auto& [name, length, burst, rounds] :
           {Case{"100 B", 100, 16, 1000}, Case{"1 KiB", 1024, 4, 1000}, Case{"200 KiB", 200 << 10, 1, 100}}) {
        CAPTURE(takeover);
        CAPTURE(static_cast<int>(how));
        CAPTURE(name);
        ring::LoopOptions options = test_options();
        options.deflate_level = 1;
        options.deflate_memory_level = 8;
        Driver driver(options, ring::kDeflate | (takeover ? 0 : ring::kDeflateOutgoingAlone) |
                                   ring::kDeflateIncomingAlone | 15 << ring::kDeflateOutgoingBits |
                                   15 << ring::kDeflateIncomingBits);
        const std::string frames = repeat(client_frame(kText | 0x40, run_of(length)), burst);
        for (int round = 0; round < 100; ++round) driver.exchange(frames, burst, how);
        const Counts counts(driver.java());
        for (int round = 0; round < rounds; ++round) driver.exchange(frames, burst, how);
        CHECK(counts::allocations() == 0);
        CHECK(counts::frees() == 0);
        CHECK(counts::mappings() == 0);
        CHECK(counts.of(ring::kMessagesReceived) == std::int64_t{burst} * rounds);
        CHECK(counts.of(ring::kMessagesSent) == std::int64_t{burst} * rounds);
        // What came back was compressed as well.
        CHECK(counts.of(ring::kBytesSent) < std::int64_t{burst} * rounds * static_cast<std::int64_t>(length) / 4);
      }
    }
  }
}

TEST_CASE("a client's echo takes no memory either, and is copied once where it cannot be masked in place") {
  for (const Echo how : {Echo::borrowed, Echo::staged, Echo::owned}) {
    for (const auto& [name, length, burst, rounds] :
         {Case{"64 B", 64, 32, 1600}, Case{"16 KiB", 16384, 2, 1200}, Case{"64 KiB", 65536, 1, 2000}}) {
      CAPTURE(static_cast<int>(how));
      CAPTURE(name);
      Driver driver(client_options());
      const std::string payload = pattern(length);
      const std::string frames = repeat(server_frame(kBinary, payload), burst);
      std::vector<char> answers(client_frame(kBinary, payload).size() * static_cast<std::size_t>(burst));
      for (int round = 0; round < 100; ++round) driver.round_trip(frames, burst, how, &answers);
      const Counts counts(driver.java());
      for (int round = 0; round < rounds; ++round) driver.round_trip(frames, burst, how, &answers);
      const std::int64_t messages = std::int64_t{burst} * rounds;
      CHECK(counts::allocations() == 0);
      CHECK(counts::frees() == 0);
      CHECK(counts::mappings() == 0);
      CHECK(counts.of(ring::kMessagesReceived) == messages);
      CHECK(counts.of(ring::kMessagesSent) == messages);
      std::size_t at = answers.size() / static_cast<std::size_t>(burst) * static_cast<std::size_t>(burst - 1);
      const auto last = take_masked_frame({answers.begin(), answers.end()}, &at);
      REQUIRE(last.has_value());
      const bool same = last->frame.payload == payload;
      CHECK(same);
      CHECK(counts.of(ring::kSends) == rounds);
      CHECK(counts.of(ring::kPartialSends) == 0);
      const bool copied = how == Echo::borrowed || (how == Echo::owned && length == 64);
      CHECK(counts.of(ring::kPayloadBytesCopied) == (copied ? messages * static_cast<std::int64_t>(length) : 0));
    }
  }
}

TEST_CASE("a connection takes no memory beside its entry of the slab and its times") {
  constexpr int kConnections = 200;
  Driver driver;
  const Counts counts(driver.java());
  std::vector<int> sockets;
  for (int index = 0; index < kConnections; ++index) sockets.push_back(driver.open_silent());
  driver.turn(0);
  CHECK(counts.of(ring::kAccepted) == kConnections);
  CHECK(counts.of(ring::kConnections) == kConnections);
  CHECK(counts.of(ring::kSlabUse) == kConnections * 160);
  CHECK(counts.of(ring::kBlocksInUse) == 0);
  for (const int socket : sockets) ::close(socket);
  while (counts.of(ring::kConnections) > 0) driver.turn(kSecond);
  CHECK(counts::allocations() == 0);
  CHECK(counts::frees() == 0);
  CHECK(counts::mappings() == 0);
}

TEST_CASE("a message that comes in pieces is copied by one quantum at most") {
  Driver driver;
  // Three quanta and a half: the first piece is copied into the block, the rest is received there.
  const std::size_t length = 448 << 10;
  const std::string frame = client_frame(kBinary, pattern(length));
  std::vector<char> answer(server_frame_length(length));
  const Counts counts(driver.java());
  std::size_t at = 0;
  while (at < frame.size()) {
    const std::size_t here = std::min<std::size_t>(frame.size() - at, 100'000);
    driver.write(frame.substr(at, here));
    at += here;
    driver.turn(kSecond * (at < frame.size() ? 0 : 1));
  }
  while (counts.of(ring::kMessagesReceived) == 0) driver.turn(kSecond);
  driver.read(&answer);
  CHECK(counts.of(ring::kMessagesReceived) == 1);
  CHECK(counts.of(ring::kPayloadBytesCopied) > 0);
  CHECK(counts.of(ring::kPayloadBytesCopied) <= static_cast<std::int64_t>(ring::kQuantum));
  CHECK(counts::allocations() == 0);
}

TEST_CASE("many blocks sent in one turn leave by one system call") {
  Driver driver;
  constexpr int kBlocks = 64;
  constexpr std::uint32_t kLength = 1000;
  for (int round = 0; round < 20; ++round) {
    const Counts counts(driver.java());
    for (int index = 0; index < kBlocks; ++index) {
      const std::uint64_t address = driver.block(kLength);
      std::memset(driver.java().region() + ring::offset_of(address), index, kLength);
      driver.send_block(address, kLength);
    }
    driver.turn(0);
    CHECK(counts.of(ring::kSends) == 1);
    CHECK(counts.of(ring::kTicks) == 1);
    CHECK(counts.of(ring::kPayloadBytesCopied) == 0);
    CHECK(counts::allocations() == 0);
    std::vector<char> answers(kBlocks * server_frame_length(kLength));
    driver.read(&answers);
    CHECK(answers.back() == kBlocks - 1);
  }
}

}  // namespace millrace::engine::test

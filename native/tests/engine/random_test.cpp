// SPDX-License-Identifier: Apache-2.0
//
// Whole loops under random traffic: several connections with legal and hostile streams, cut at random, random commands
// in between. JavaHalf checks the life of every connection; here the bytes are checked, and that nothing is left
// behind.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <deque>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "java_half.hpp"

namespace millrace::engine::test {

namespace {

using Echo = JavaHalf::Echo;
using Random = std::mt19937_64;

std::size_t any_length(Random& random) {
  static constexpr std::size_t kEdges[] = {0, 1, 124, 125, 126, 127, 128, 2048, 2049, 65534, 65535, 65536, 65537};
  if (random() % 3 == 0) return kEdges[random() % std::size(kEdges)];
  return random() % (std::size_t{1} << (random() % 18));
}

/// A peer, what it does, and what it must see.
struct Peer {
  Peer(Client&& made, std::size_t name, bool is_hostile) : client(std::move(made)), number(name), hostile(is_hostile) {}

  Client client;
  std::size_t number;  ///< the path it asked for: so Java knows whom it has
  bool hostile;        ///< sends what it likes; only its end is checked
  bool opened = false;
  bool said_close = false;
  bool gone = false;      ///< closed or reset by itself
  bool finished = false;  ///< sent FIN in the middle of something
  bool cut = false;       ///< Java aborted or closed it: echoes may be missing
  std::deque<std::pair<std::uint8_t, std::string>> awaited;
  std::size_t closes = 0;
  std::string told = "not CLOSED";  ///< what Java heard of its end
};

class Storm {
 public:
  Storm(std::uint64_t seed, Echo echo, const ring::LoopOptions& options) : random_(seed), java_(options) {
    port_ = java_.listen();
    java_.echo = echo;
    java_.keep_events = false;
    java_.on_event = [this](const Event& event) { note(event); };
  }

  void run(int rounds) {
    for (int round = 0; round < rounds; ++round) {
      if (peers_.size() < 10 && random_() % 2 == 0) add_peer();
      for (auto& peer : peers_) act(*peer);
      if (random_() % 3 == 0) command();
      java_.turn(random_() % 8 == 0 ? kMilli / 10 : 0);
      for (auto& peer : peers_) look(*peer);
      retire();
    }
    wind_down();
  }

 private:
  void add_peer() {
    const int buffer = random_() % 4 == 0 ? 4096 : 0;
    peers_.push_back(std::make_unique<Peer>(Client::tcp(port_, buffer), ++names_, random_() % 3 == 0));
    Peer& peer = *peers_.back();
    std::string request = upgrade_request("/" + std::to_string(peer.number) + "/");
    if (peer.hostile && random_() % 4 == 0) {
      for (int flips = 0; flips < 3; ++flips) request[random_() % request.size()] = static_cast<char>(random_());
    }
    peer.client.write(request);
  }

  void act(Peer& peer) {
    peer.client.chunk = 1 + random_() % (std::size_t{1} << (random_() % 18));
    peer.client.appetite = random_() % 4 == 0 ? 0 : random_() % (std::size_t{1} << 18);
    if (!peer.said_close && !peer.finished && peer.client.unwritten() < 300'000) {
      if (peer.hostile) {
        write_hostile(peer);
      } else {
        write_legal(peer);
      }
    }
    peer.client.work();
    if (random_() % 400 != 0 || peer.client.ended()) return;
    switch (random_() % 3) {
      case 0:
        peer.client.reset();
        peer.gone = true;
        return;
      case 1:
        peer.client.close();
        peer.gone = true;
        return;
      default:
        peer.client.drop_unwritten();
        peer.client.finish();
        peer.finished = true;
    }
  }

  void write_legal(Peer& peer) {
    const std::uint8_t opcode = random_() % 2 == 0 ? kText : kBinary;
    const std::size_t length = any_length(random_);
    const std::string payload = opcode == kText ? ascii(length, random_()) : pattern(length, random_());
    std::size_t at = 0;
    std::uint8_t next = opcode;
    for (std::size_t fragments = random_() % 3; fragments > 0; --fragments) {
      const std::size_t part = random_() % (length - at + 1);
      peer.client.write(client_frame(next, payload.substr(at, part), false, static_cast<std::uint32_t>(random_())));
      if (random_() % 2 == 0) peer.client.write(client_frame(kPing, ascii(random_() % 126)));
      next = kContinuation;
      at += part;
    }
    peer.client.write(client_frame(next, payload.substr(at), true, static_cast<std::uint32_t>(random_())));
    peer.awaited.emplace_back(opcode, payload);
    if (random_() % 60 == 0) {
      peer.client.write(client_close(1000));
      peer.said_close = true;
    }
  }

  void write_hostile(Peer& peer) {
    std::string bytes;
    switch (random_() % 6) {
      case 0:
        bytes = pattern(random_() % 300, random_());
        break;
      case 1:
        bytes = client_frame(static_cast<std::uint8_t>(random_() % 16), pattern(random_() % 200, random_()),
                             random_() % 2 == 0);
        break;
      case 2:
        bytes = client_header(kBinary, random_() >> (1 + random_() % 60));
        break;
      case 3:
        bytes = client_frame(kText, pattern(any_length(random_), random_()), random_() % 2 == 0);
        break;
      case 4:
        bytes = client_close(static_cast<std::uint16_t>(random_()), pattern(random_() % 120, random_()));
        break;
      default:
        for (int frame = 0; frame < 500; ++frame) bytes += client_frame(random_() % 2 == 0 ? kPing : kBinary, "ab");
        if (random_() % 2 == 0) bytes[random_() % bytes.size()] = static_cast<char>(random_());
    }
    peer.client.write(bytes);
  }

  /// Something that Java might do on its own.
  void command() {
    if (open_.empty()) return;
    auto at = open_.begin();
    std::advance(at, static_cast<std::ptrdiff_t>(random_() % open_.size()));
    const Id id = at->first;
    switch (random_() % 14) {
      case 0:
      case 1:
      case 2:
        java_.pause(id);
        paused_.push_back(id);
        break;
      case 3:
        java_.abort(id);
        if (at->second != nullptr) at->second->cut = true;
        break;
      case 4:
        java_.close(id, 1001, "enough");
        if (at->second != nullptr) at->second->cut = true;
        break;
      case 5:
        java_.send(id, kPing, {});
        break;
      case 6:
        java_.send({id.slot, id.generation + 1000}, kBinary, "stale", Echo::owned, 1);
        break;
      case 7:
        java_.flush();
        break;
      default:
        resume_all();
    }
  }

  void resume_all() {
    for (const Id id : paused_) java_.resume(id);
    paused_.clear();
  }

  void note(const Event& event) {
    switch (event.record.type) {
      case ring::kRequest: {
        if (event.record.opcode != 1) {
          // What is left of an upgrade that a hostile peer spoiled: a plain GET.
          java_.respond(event.id(), "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
          java_.forget(event.id());
          return;
        }
        ++requests_;
        const std::size_t number = std::strtoull(event.bytes.c_str() + sizeof "GET /" - 1, nullptr, 10);
        Peer* owner = nullptr;
        for (auto& peer : peers_) {
          if (peer->number == number) owner = peer.get();
        }
        open_[event.id()] = owner;
        return;
      }
      case ring::kClosed:
        if (Peer* const owner = open_[event.id()]; owner != nullptr) {
          owner->told = "CLOSED code " + std::to_string(event.code()) + ", rule " +
                        std::to_string(event.protocol_error()) + ", errno " + std::to_string(event.error_number()) +
                        ", flags " + std::to_string(event.record.flags);
        }
        open_.erase(event.id());
        ++closed_;
        return;
      default:
        return;
    }
  }

  void look(Peer& peer) {
    if (!peer.opened && !peer.hostile) peer.opened = peer.client.take_head().has_value();
    if (peer.hostile || !peer.opened) {
      if (peer.hostile) (void)peer.client.take_all();
      return;
    }
    while (const auto frame = peer.client.take_frame()) {
      REQUIRE(frame->alone());
      REQUIRE_MESSAGE(peer.closes == 0, "a frame behind the Close frame");
      switch (frame->opcode()) {
        case kCloseFrame:
          ++peer.closes;
          break;
        case kPing:
        case kPongFrame:
          break;
        default: {
          REQUIRE(!peer.awaited.empty());
          const auto& [opcode, payload] = peer.awaited.front();
          REQUIRE(frame->opcode() == opcode);
          const bool same = frame->payload == payload;
          REQUIRE(same);
          peer.awaited.pop_front();
          ++echoed_;
        }
      }
    }
  }

  /// A lawful peer that nobody cut ends by its own Close frame, with everything it was owed.
  void check_end(const Peer& peer) {
    if (peer.hostile || peer.gone || peer.finished || peer.cut) return;
    if (!peer.opened && java_.counter(ring::kAcceptFailures) > 0) return;  // no slot was free
    CAPTURE(peer.told);
    CAPTURE(peer.opened);
    CAPTURE(peer.client.error());
    CHECK(peer.said_close);
    CHECK(peer.awaited.empty());
    CHECK(peer.closes == 1);
    CHECK(peer.client.eof());
    ++clean_ends_;
  }

  void retire() {
    std::erase_if(peers_, [this](const std::unique_ptr<Peer>& peer) {
      if (!peer->gone && !peer->client.ended()) return false;
      check_end(*peer);
      for (auto& [id, owner] : open_) {
        if (owner == peer.get()) owner = nullptr;
      }
      return true;
    });
  }

  /// Who is left gets what it is owed; then everything goes.
  void wind_down() {
    std::vector<Client*> clients;
    for (auto& peer : peers_) {
      peer->client.chunk = peer->client.appetite = SIZE_MAX;
      if (peer->hostile) peer->client.close();
      clients.push_back(&peer->client);
    }
    const bool served = pump(java_, clients, [&] {
      resume_all();
      bool all = true;
      for (auto& peer : peers_) {
        look(*peer);
        all &= peer->hostile || peer->client.ended() || peer->awaited.empty();
      }
      return all;
    });
    CHECK(served);
    for (auto& peer : peers_) {
      if (peer->client.ended()) check_end(*peer);
      peer->client.close();
    }
    expect_idle(java_);
    CHECK(closed_ == requests_);
    CHECK(echoed_ > 0);
    CHECK(clean_ends_ > 0);
  }

  Random random_;
  JavaHalf java_;
  std::uint16_t port_ = 0;
  std::vector<std::unique_ptr<Peer>> peers_;
  std::size_t names_ = 0;
  std::map<Id, Peer*> open_;  ///< nullptr when the peer has left, or its request did not say who it is
  std::vector<Id> paused_;
  std::size_t requests_ = 0;
  std::size_t closed_ = 0;
  std::size_t echoed_ = 0;
  std::size_t clean_ends_ = 0;
};

}  // namespace

/// MILLRACE_STORM_SEED repeats a storm, MILLRACE_STORM_ROUNDS makes it longer.
TEST_CASE("storms of legal and hostile peers") {
  const char* const given = std::getenv("MILLRACE_STORM_SEED");
  const char* const length = std::getenv("MILLRACE_STORM_ROUNDS");
  const std::uint64_t seed = given != nullptr ? std::strtoull(given, nullptr, 10) : std::random_device{}();
  const int rounds = length != nullptr ? std::atoi(length) : 2'000;
  MESSAGE("seed ", seed);
  CAPTURE(seed);
  for (const Echo echo : {Echo::borrowed, Echo::retained, Echo::staged, Echo::shared}) {
    CAPTURE(static_cast<int>(echo));
    ring::LoopOptions options = test_options();
    options.max_message_bytes = 1 << 20;
    options.high_water_bytes = echo == Echo::borrowed ? 4096 : 256 << 10;
    options.max_connections = echo == Echo::staged ? 8 : 64;
    Storm storm(seed, echo, options);
    storm.run(rounds);
  }
}

}  // namespace millrace::engine::test

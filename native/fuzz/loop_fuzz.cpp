// SPDX-License-Identifier: Apache-2.0
//
// A whole loop on the simulated kernel. The input is a script: two bytes choose limits, and whether further ones choose
// deadlines, rules that are not enforced, quotas and a PROXY header; then each byte is an order, by
// its lower five bits, so that letters can be read; what an order needs follows in the bytes behind it. Clients say
// what is right and what is not, in pieces of any size; Java answers in every way it can; calls fail; time passes. What
// must hold whatever happens is checked by tests/scene.
#include <algorithm>
#include <cerrno>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>

#include "engine/engine.hpp"
#include "engine/frames.hpp"
#include "fuzz.hpp"
#include "protocol/rules.hpp"
#include "scene/scene.hpp"
#include "sim/sim.hpp"

namespace millrace::fuzz {

namespace {

using scene::Answer;
using scene::Client;
using scene::Decision;
using scene::kMilli;
using scene::kSecond;
using scene::Scene;
using namespace std::string_view_literals;

constexpr std::size_t kLengths[] = {0,    1,    125,  126,   127,   128,   1000,   2047,
                                    2048, 2049, 4096, 65535, 65536, 65537, 131073, 300000};
// All that an input's clients and Java say together: an input stays fast.
constexpr std::size_t kMostBytes = 6 << 20;
constexpr std::uint16_t kCloseCodes[] = {1000, 0, 1001, 1011, 3000, 4999};

class Script {
 public:
  explicit Script(std::span<const std::uint8_t> bytes) : bytes_(bytes) {}

  void run() {
    sim::start(kernel_options());
    ring::LoopOptions options = loop_options();
    if (scene_.open(options) < 0) {
      check(sim::failures() > 0, "a loop can be made");
      return;
    }
    sim::on_endless_wait([](void* scene) { static_cast<Scene*>(scene)->wake(); }, &scene_);
    if (client_) {
      for (const std::uint32_t index : {0U, 1U}) scene_.serve(address(index), sim::Answers::at_once, index);
    } else {
      scene_.listen(address(0), 0);
    }
    (void)scene_.turn();
    while (at_ < bytes_.size()) obey(next());
    if (ends_at_once_) {
      scene_.end_at_once();
    } else {
      scene_.end_in_order();
    }
  }

 private:
  std::uint8_t next() { return at_ < bytes_.size() ? bytes_[at_++] : std::uint8_t{0}; }

  sim::Options kernel_options() {
    const std::uint8_t choice = next();
    sim::Options options;
    options.descriptors = (choice & 1) != 0 ? 6 : 64;
    options.fault_one_in = (choice & 6) == 6 ? 40 : 0;
    options.fault_seed = hash(bytes_);
    ends_at_once_ = (choice & 8) != 0;
    local_ = (choice & 16) != 0;
    client_ = (choice & 64) != 0;
    compresses_ = (choice & 32) == 0;  // letters do not
    has_flow_ = (choice & 128) != 0;
    return options;
  }

  ring::LoopOptions loop_options() {
    const std::uint8_t choice = next();
    ring::LoopOptions options = Scene::small_options();
    options.role = client_ ? ring::kClient : ring::kServer;
    constexpr std::int64_t kMessage[] = {1 << 20, 4 << 20, 1000, 0};
    constexpr std::int64_t kHighWater[] = {64 << 10, 2048, 1 << 20, 16 << 10};
    options.max_message_bytes = kMessage[choice & 3];
    options.high_water_bytes = kHighWater[(choice >> 2) & 3];
    options.allocator = (choice >> 4) & 1;
    if ((choice & 0x40) != 0) {
      options.relaxed = (std::uint32_t{next()} << 8 | next()) & protocol::kAllRules;
      constexpr std::int64_t kDelays[] = {0, 20 * kMilli, kSecond, 0};
      const std::uint8_t delays = next();
      options.idle_timeout_ns = kDelays[delays & 3];
      options.ping_interval_ns = kDelays[(delays >> 2) & 3];
      options.max_ping_interval_ns = 3 * options.ping_interval_ns / 2;
      options.pong_timeout_ns = kDelays[(delays >> 4) & 3];
      options.write_timeout_ns = kDelays[(delays >> 6) & 3];
    }
    if (compresses_) {
      const std::uint8_t windows = next();
      options.deflate_level = 1 + (windows & 1);
      options.deflate_memory_level = 8;
      options.deflate_threshold = 16;
      const std::uint64_t window_bits = 8 + (windows & 7);
      scene_.deflate = ring::kDeflate | ((windows & 8) != 0 ? ring::kDeflateOutgoingAlone : 0) |
                       ((windows & 16) != 0 ? ring::kDeflateIncomingAlone : 0) |
                       window_bits << ring::kDeflateOutgoingBits | window_bits << ring::kDeflateIncomingBits;
    }
    if (has_flow_) {
      constexpr std::int64_t kMessages[] = {0, 3, 50, 100'000};
      constexpr std::int64_t kBytes[] = {0, 200'000, 1 << 20, INT64_MAX};
      const std::uint8_t flow = next();
      options.proxy_protocol = client_ ? 0 : flow & 1;
      options.messages_per_second = kMessages[(flow >> 1) & 3];
      options.bytes_per_second = kBytes[(flow >> 3) & 3];
      options.max_credit_bytes = (flow & 32) != 0 ? 100'000 : 0;
    }
    if ((choice & 0x80) != 0) {
      options.max_connections = 2;
      options.max_fragments = 3;
      options.max_header_bytes = 256;
    }
    return options;
  }

  os::Address address(std::uint32_t index) const {
    os::Address address;
    address.family = os::Family::ipv4;
    if (local_ || index == 1) {
      address.family = os::Family::local;
      const std::string path = index == 0 ? "/run/one" : "/run/other";
      address.path_length = static_cast<std::uint8_t>(path.size());
      std::copy(path.begin(), path.end(), address.path);
    }
    return address;
  }

  /// The client that the next byte names, if there is one.
  Client* any_client() {
    const std::uint8_t which = next();
    if (scene_.client_count() == 0) return nullptr;
    index_ = which % scene_.client_count();
    return &scene_.client(index_);
  }

  std::size_t length() {
    const std::uint8_t code = next();
    std::size_t length = kLengths[code & 15];
    if (code >= 128) length = std::size_t{code & 127U} * (code & 127U) * 3;
    if (length > kMostBytes - spent_) length = std::min<std::size_t>(length, 20);
    spent_ = std::min(kMostBytes, spent_ + length);
    return length;
  }

  std::string payload(std::uint8_t opcode, std::size_t length) const {
    return opcode == 1 ? engine::test::ascii(length, at_) : engine::test::pattern(length, at_);
  }

  void obey(std::uint8_t order) {
    switch (order & 31) {
      case 'a' & 31:
        if (any_client() != nullptr) scene_.set_answer(index_, static_cast<Answer>(next() % scene::kAnswers));
        return;
      case 'b' & 31:
        set_buffers();
        return;
      case 'c' & 31:
        (void)scene_.connect(next() & 1);
        return;
      case 'd' & 31:
        decide(next());
        return;
      case 'e' & 31:
        if (Client* client = any_client(); client != nullptr && !client->has_left()) client->finish();
        return;
      case 'f' & 31:
        say_frame();
        return;
      case 'g' & 31:
        say_request();
        return;
      case 'h' & 31:
        if (Client* client = any_client(); client != nullptr && !client->is_gone()) client->reset();
        return;
      case 'i' & 31:
        (void)scene_.turn(std::int64_t{next()} * next() * kMilli);
        return;
      case 'j' & 31:
        java_sends();
        return;
      case 'k' & 31:
        scene_.release_kept();
        return;
      case 'l' & 31:
        listen(next());
        return;
      case 'm' & 31:
        if (any_client() != nullptr) misbehave(next());
        return;
      case 'n' & 31:
        fail();
        return;
      case 'o' & 31:
        if (Client* client = any_client(); client != nullptr && !client->is_gone()) client->close();
        return;
      case 'p' & 31:
        if (any_client() == nullptr) return;
        (next() & 1) != 0 ? scene_.pause(index_) : scene_.resume(index_);
        return;
      case 'q' & 31:
        java_closes();
        return;
      case 'r' & 31:
        if (Client* client = any_client(); client != nullptr) (void)client->read(1 + length());
        return;
      case 's' & 31:
        say_raw();
        return;
      case 'u' & 31:
        if (Client* client = any_client(); client != nullptr) say_upgrade(client);
        return;
      case 'v' & 31:
        say_ping();
        return;
      case 'w' & 31:
        if (Client* client = any_client(); client != nullptr) (void)client->write(1 + length());
        return;
      case 'x' & 31:
        say_close();
        return;
      case 'y' & 31:
        set_timer();
        return;
      case 'z' & 31:
        scene_.wake();
        if (Client* client = any_client(); client != nullptr) client->answers_pings = (next() & 1) != 0;
        return;
      case '[' & 31:
        everybody_moves();
        return;
      case '\\' & 31:
        scene_.settle();
        return;
      case ']' & 31:
        (void)scene_.turn(-1);
        return;
      case '^' & 31:
        give_credit();
        return;
      case '_' & 31:
        batch();
        return;
      default:
        (void)scene_.turn();
        return;
    }
  }

  void give_credit() {
    const bool known = any_client() != nullptr;
    const std::uint8_t how = next();
    if (!known) return;
    constexpr std::uint64_t kMore[] = {0, 1, 3, 100, 2000, 1 << 20, INT64_MAX, UINT64_MAX};
    if ((how & 0x80) != 0) {
      scene_.credit_each(index_, how & 3);
    } else {
      scene_.credit(index_, kMore[how & 7], kMore[(how >> 3) & 7]);
    }
  }

  void batch() {
    const bool known = any_client() != nullptr;
    const std::uint8_t how = next();
    if (!known) return;
    constexpr std::uint32_t kMessages[] = {0, 1, 2, 5, 100, 65536, UINT32_MAX, 3};
    constexpr std::uint64_t kBytes[] = {1 << 20, 0, 500, UINT64_MAX};
    constexpr std::int64_t kDelays[] = {5 * kMilli, 0, 10 * kSecond, INT64_MAX};
    if ((how & 0x80) != 0) {
      scene_.flush_batch(index_);
    } else {
      scene_.batch(index_, kMessages[how & 7], kBytes[(how >> 3) & 3], kDelays[(how >> 5) & 3]);
    }
  }

  void everybody_moves() {
    for (std::uint32_t index = 0; index < scene_.client_count(); ++index) (void)scene_.client(index).write();
    (void)scene_.turn();
    for (std::uint32_t index = 0; index < scene_.client_count(); ++index) (void)scene_.client(index).read();
  }

  void set_buffers() {
    const Client* const client = any_client();
    sim::Buffers buffers;
    buffers.receive_chunk = 1 + length();
    buffers.send_chunk = 1 + length();
    buffers.send_capacity = 1 + length();
    if (client != nullptr) sim::set_buffers(client->peer(), buffers);
  }

  void decide(std::uint8_t choice) {
    constexpr Decision kDecisions[] = {Decision::accept, Decision::refuse, Decision::later};
    if ((choice & 4) != 0) {
      scene_.decide_later_ones(kDecisions[choice & 1]);
    } else {
      scene_.decision = kDecisions[(choice & 3) % 3];
    }
    scene_.answers_closing = (choice & 8) == 0;
  }

  void say_upgrade(Client* client) {
    if (!upgraded_[index_] && scene_.options().proxy_protocol != 0) client->say_proxied(static_cast<unsigned>(at_ % 4));
    if (!upgraded_[index_]) client->say_upgrade();
    upgraded_[index_] = true;
  }

  void say_frame() {
    Client* const client = any_client();
    const std::uint8_t how = next();
    const std::size_t bytes = length();
    if (client == nullptr) return;
    say_upgrade(client);
    const std::uint8_t opcode = client->opcode_or((how & 1) != 0 ? 1 : 2);
    client->say_frame(opcode, payload(opcode, bytes), (how & 2) == 0,
                      static_cast<std::size_t>(scene_.options().max_message_bytes),
                      static_cast<std::size_t>(scene_.options().max_fragments));
  }

  void say_request() {
    static const std::string kRequests[] = {
        "GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "HEAD / HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n\r\nabc",
        "GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: "
        "8\r\n\r\n",
        "GET /" + std::string(2000, 'a') + " HTTP/1.1\r\n",
        "GET / HTTP/1.1\r\nHost: localhost\r\nX: " + std::string(6000, 'b') + "\r\n\r\n",
        "GET / HT",
        "\r\n\r\n",
    };
    static const std::string kResponses[] = {
        "HTTP/1.1 407 \r\n\r\n",
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103\r\nLink: a\r\n\r\n",
        "HTTP/1.1 302 Found\r\nLocation: /\r\n\r\nbody",
        "HTTP/1.0 101 \r\n\r\n",
        "HTTP/1.1 101 x\r\nX: " + std::string(6000, 'b') + "\r\n\r\n",
        "HTTP/1.1 407 \r\n\r\nbehind",
        "HTTP/1.1 101 x\r\n folded\r\n\r\n",
        "HTTP/1.1 1",
    };
    Client* const client = any_client();
    const std::uint8_t which = next();
    static_assert(std::size(kRequests) == std::size(kResponses));
    const std::string& head = (client_ ? kResponses : kRequests)[which % std::size(kRequests)];
    if (client != nullptr) client->say_raw(head);
  }

  void say_raw() {
    Client* const client = any_client();
    const std::size_t wanted = next();
    const std::size_t count = std::min(wanted, bytes_.size() - at_);
    const std::string bytes(reinterpret_cast<const char*>(bytes_.data()) + at_, count);
    at_ += count;
    if (client != nullptr) client->say_raw(bytes);
  }

  void say_ping() {
    Client* const client = any_client();
    const std::uint8_t what = next();
    if (client == nullptr) return;
    say_upgrade(client);
    const std::string bytes = payload(2, what % 126);
    (what & 0x80) != 0 ? client->say_pong(bytes) : client->say_ping(bytes);
  }

  void say_close() {
    Client* const client = any_client();
    const std::uint8_t which = next();
    if (client == nullptr) return;
    say_upgrade(client);
    client->say_close(kCloseCodes[which % std::size(kCloseCodes)], (which & 0x80) != 0 ? "bye" : "");
  }

  void java_sends() {
    const Client* const client = any_client();
    const std::uint8_t how = next();
    const std::size_t bytes = length();
    if (client == nullptr) return;
    constexpr Answer kWays[] = {Answer::staged, Answer::owned, Answer::shared};
    if ((how & 0x80) != 0) scene_.hold(index_);
    if ((how & 0x40) != 0 && bytes <= 125) {
      scene_.ping(index_);
    } else {
      scene_.send(index_, 2, payload(2, bytes), kWays[how % 3]);
    }
  }

  void java_closes() {
    const Client* const client = any_client();
    const std::uint8_t which = next();
    if (client == nullptr) return;
    if ((which & 0x80) != 0) {
      scene_.abort(index_);
    } else {
      scene_.close(index_, kCloseCodes[which % std::size(kCloseCodes)], (which & 0x40) != 0 ? "because" : "");
    }
  }

  void misbehave(std::uint8_t choice) {
    switch (choice % 3) {
      case 0:
        scene_.send_stale(index_);
        return;
      case 1:
        scene_.send_from_nowhere(index_);
        return;
      default:
        scene_.lease_everything();
        return;
    }
  }

  void listen(std::uint8_t choice) {
    const std::uint32_t index = choice & 1;
    if (client_) {
      // Who connects from now on is answered so, and who waits is answered.
      scene_.serve(address(index), static_cast<sim::Answers>((choice >> 1) & 3), index);
      for (std::uint32_t waiting = 0; waiting < scene_.client_count(); ++waiting) {
        sim::answer(scene_.client(waiting).peer(), (choice & 8) != 0 ? EHOSTUNREACH : 0);
      }
      return;
    }
    if (scene_.is_listening(index)) {
      scene_.unlisten(index);
    } else {
      scene_.listen(address(index), index);
    }
    (void)scene_.turn();
  }

  void fail() {
    const auto call = static_cast<sim::Call>(next() % sim::kCalls);
    const std::uint8_t which = next();
    sim::fail(call, 1U + (which >> 3), sim::usual_error(call, which & 7));
  }

  void set_timer() {
    const std::uint8_t token = next();
    const std::uint8_t delay = next();
    if ((delay & 1) != 0) {
      scene_.cancel_timer(token & 15);
    } else {
      scene_.set_timer(token & 15, std::int64_t{delay} * delay * kMilli);
    }
  }

  std::span<const std::uint8_t> bytes_;
  std::size_t at_ = 0;
  std::size_t spent_ = 0;
  std::uint32_t index_ = 0;
  bool upgraded_[Scene::kMaxClients] = {};
  bool ends_at_once_ = false;
  bool local_ = false;
  bool client_ = false;
  bool compresses_ = false;
  bool has_flow_ = false;
  Scene scene_;
};

// Limits, then orders; what a letter means stands in Script::obey.
constexpr std::string_view kSeeds[] = {
    "\xa0 \x01"
    "c0u0[[c0c0[u1u2f011f111f211[[b3111c0u3tttttt[x00[[",  // a PROXY header of each kind, whole and in pieces
    "\xa0 \x02"
    "c0u0[[f011f011f011f011f011v05[[i\xff\xff[i\xff\xff[x00[["sv,  // three messages a second
    "\xa0 \x28"
    "c0u0[[a04f00>f00>f011[[i\xff\xff[^0\x30[p01[^0\x18[p00[["sv,      // bytes a second, credit for bytes, paused
    "  c0u0[[^0\x01[f011f011v05f012[[^0\x02[[^0\x81[[f011f011[x00[[",  // credit for messages, one each
    "  c0u0[[^0\x09[f00<[[e0[[^0\x12[c0u1[^1\x01[f111f112[h1[[[",      // FIN and RST while spent
    "  c0u0[[_0\x44[a03f011f012[[v05[f011[j0@5[f011[_0\x80[[x00[[",    // batches: pong, ping, flush, Close
    "  c0u0[[_0\x05[j01?j02=[i\x05\x05[b0111j00:[j01?[r0?[q0\x01[[",   // time, a slow reader, a Close of ours
    "` c0u0[[_0\x04[^0\x01[a01f011f012[[j01:[i\x10\x10[[q00[[",        // the same of a client
    "\x00 \x1f"
    "c0u0[[f014f001f00>f00;[[x00[["sv,  // compressed, each message by itself
    "\x00 \x07"
    "c0u0[[a01f022[f029[f00;[[a04f00>[[f00=w0>[[["sv,  // windows that live on, fragments, blocks
    "\x00 \x08"
    "c0u0[b0999f00>[[j01?t[r0<[[[[r0?[["sv,  // the smallest window, a slow reader
    "\x40 \x1f"
    "c0u0[[f014f001f00;[[[j02=[["sv,  // a client's, masked
    "\x06 \x07"
    "c0u0[[f014f02<[c0u1[f111[f10>[x00[["sv,                  // calls fail by chance
    "` c0u0[[f014[f001[x00[[",                                // a client: two echoes, a Close of the server's
    "` c0u0[[a01f022[f029[f00;[[q00[[[",                      // fragments, borrowed, a Close of its own
    "` c0c0c1[u0u1u2a02a13a24f011[f119[f20<[[[[\\",           // staged, owned, shared, retained
    "` c0[g00[u0[[f011[[c0g11u1f112[[c0g22[c0g33[c0g44[",     // asked again, interim responses, others
    "` c0u0f011f00;[[[f012[[c0[g05[c0[g06[[",                 // frames behind the response, malformed ones
    "` l2c0l0c0i99[l4c0c0l6c0l:[i\xff\xff[[",                 // answered later, with no, never
    "` d2c0[[d0[u0[[d2c0[d5[",                                // asked later, or not
    "` c0u0[b0111a04f00:t[[[[[[[b0999f00>[[j01?t[r0<[[r0?[",  // small pieces, a slow server
    "` c0u0[[j00:j01;j02<[[q0\x80[c0u1[[h1[c0[e2[c0u3[o3[",   // Java sends; cut, reset, FIN, closed
    "d c0u0[[f011[x00[c0u1[f112[[",                           // few descriptors
    "f\x18"
    "c0c0c1[u0u1u2f011f112[[x00x11x22[[",  // calls fail by chance
    "h c0u0[a04f00>f00=[j02>",             // the loop is destroyed in the middle
    "` `\x00\x00\x55"
    "c0u0[[i15i15[[f011[[i15z00i15i15["sv,                  // every deadline is short
    "  c0u0[[f014[f001[x00[[",                              // one client, two echoes, a Close
    "  c0u0[[a01f022[f029[f00;[[r09[[",                     // fragments, borrowed
    "  c0c0c0[a02a13a24f011[f119[f20<[[[[\\",               // staged, owned, shared
    "  c0u0[a05f00=w09tw09tw0:tw0;t[r0=[",                  // retained, in pieces
    "  c0u0[b0111a04f00:t[[[[[[[[[[[",                      // one byte at a time
    "  c0u0[[a08f011[[[",                                   // Java closes
    "  c0u0[[a09f011f012[[p00[[",                           // pauses and goes on
    "  c0u0[[a06f009f00;[[k[[",                             // keeps
    "  c0u0[v05v09[v0\x85[[j0@5[",                          // ping and pong, both ways
    "  c0g00[c0g11[c0g22[c0g33[c0g44[c0g55[c0g66t[",        // requests of every kind
    "  d2c0u0f011[d4[[d0",                                  // decided later, with frames behind the request
    "  c0u0[[s05\x81\x01xyz[[",                             // not masked
    "  c0u0[[f00;w0:te0t[c0u1[[f11;w1:th1tc0u2[f20:[o2[[",  // FIN, RST, closed in the middle
    "  c0u0[[n\x06\x08"
    "f011[[n\x07\x08"
    "f011[[n\x05\x00[c0[i\xff\xff[",   // receive, send and accept fail
    "!(c0c0c0c0c0c0[[c0i22[e0[[i99[",  // no descriptor left
    " \x84"
    "c0u0[b0999f00>[[j01?t[r0<[[[[r0?[[",   // a small high-water mark, a slow reader
    "0 c0u0[f012[l1c1u1[f115[[l1[l0[",      // local sockets
    "  y02y14\\i\x10\x10y15i\x20\x20]z]t",  // timers, waits
    " \x82"
    "c0f001f0212f021f021f021[[[",                     // limits
    "( c0u0[a04f00>f00=[j02>",                        // the loop is destroyed in the middle
    "  c0u0[[j0\xb0:[b0111j0\xb1<[e0[[[",             // more than is queued when a FIN comes
    "  c0u0[[m00[m01[[[",                             // commands that are wrong
    "  c0u0[c0u1[f122[b0111a01j00:tm02f019f019t[k[",  // no memory left
    "& c0u0[[f014[f02<[c0u1[f111[x00[[",              // calls fail by chance
    "&\x18"
    "c0c0c0[a04f00<f10>f20=[[[[i11[x00x10[",  // the same, with the general allocator
    "  c0u0[[j00>b0111q00tf011[i\xff\xff[[",  // a Close behind what nobody reads
    " `\x07\xff\x00"
    "c0u0[[s0\x08\xf3\x01x\x82\x7e\x00\x01y[[s0\x04\x88\x02\x03\xee[["sv,  // rules that are not enforced
    " `\x00\x00\x55"
    "c0u0[[c0u1[[i15i15[[f011[[i15z00i15i15["sv,  // every deadline is short
    " `\x00\x00\x24"
    "c0u0[c0u1[[p01[i1\xff[b1111j10:i1\xff[z00i19i19["sv,  // pings that are not answered, while paused and full
};

}  // namespace

std::span<const std::string_view> seeds() noexcept { return kSeeds; }

}  // namespace millrace::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t length) {
  using namespace millrace;
  // The shared region stays mapped for the life of the process: it is made before the first script counts mappings.
  static const bool shared = (sim::start(), engine::shared_region().start != nullptr);
  fuzz::check(shared, "the shared region can be mapped");
  fuzz::Script({bytes, length}).run();
  return 0;
}

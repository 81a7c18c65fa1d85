// SPDX-License-Identifier: Apache-2.0
//
// A simulated kernel in the place of os/linux: every function of os.hpp, for one process with one thread. A program
// that links it runs whole loops with nothing but memory underneath: sockets are strings, the clock moves only when
// somebody waits or moves it, and any call can be made to fail. The same calls in the same order give the same run,
// always.
//
// What it takes from Linux, because the core depends on it:
//   - descriptors are the lowest free numbers, so a closed one comes back at once;
//   - readiness is level-triggered; HUP and ERR are reported whether asked for or not; who was reported last comes
//   last;
//   - a reset shows as ERR and HUP; what had come before it is still received, then ECONNRESET once, then the end;
//   - sending to a peer that has closed succeeds, and the answer is a reset; later sends give EPIPE;
//   - closing with unread input resets; a closed listener resets whom nobody accepted.
//
// What Linux would leave unnoticed ends the program here, because it is a mistake of the core: a call on a descriptor
// that is not open or is of another kind, more pieces than kMaxPieces, an unmap of what is not mapped, and a turn that
// asks the poller again and again without end.
//
// This header is the other side: the peers and the faults. The functions of os.hpp lie in the files beside it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "os/os.hpp"

namespace millrace::sim {

/// Ends the program with the sentence that turned out false.
void check(bool holds, const char* sentence) noexcept;

// ---- the kernel

struct Options {
  int descriptors = 256;                  ///< how many a process may have (RLIMIT_NOFILE); from there on EMFILE
  std::int64_t clock_ns = 1'000'000'000;  ///< what the clock says first
  std::uint64_t fault_seed = 0;           ///< with fault_one_in: which calls fail, and how
  std::uint32_t fault_one_in = 0;         ///< 0: none by chance
  std::uint32_t idle_waits = 10'000;  ///< waits of one turn, with nothing moved between them, until it is said to spin
};

/// A fresh kernel. Nothing may be open; mappings that are still there are forgotten, and counted no more.
void start(const Options& options = {});

[[nodiscard]] std::size_t open_descriptors() noexcept;
/// Mappings made since start() and not unmapped.
[[nodiscard]] std::size_t mappings() noexcept;
/// Moves the clock.
void advance(std::int64_t by_ns) noexcept;
/// The caller is about to let the loop work: its waits are counted from here.
void turn_begins() noexcept;
/// Waits of the poller since turn_begins().
[[nodiscard]] std::uint32_t waits() noexcept;
/// How often those waits found a descriptor ready.
[[nodiscard]] std::uint32_t reports() noexcept;
/// What happens when a turn has waited a thousand times, and when it waits without a limit and nothing is ready; when
/// nothing is ready afterwards either, that wait would never end, and the program does.
void on_endless_wait(void (*something)(void* context), void* context) noexcept;

// ---- faults

/// The calls that can be made to fail: those whose failure a sound system can show. A modify or remove of a registered
/// descriptor, a close and a shutdown are not among them.
enum class Call : std::uint8_t {
  map_pages,
  listen_on,
  local_address,
  local_file,
  set_send_buffer,
  accept_from,
  receive,
  send,
  peer_credentials,
  connect_start,
  poller_create,
  poller_add,
  poller_wait,
  wake_create,
};
inline constexpr std::size_t kCalls = 14;

[[nodiscard]] const char* name(Call call) noexcept;
/// How often a call was made since start().
[[nodiscard]] std::uint64_t calls(Call call) noexcept;
/// The same for all that can fail together.
[[nodiscard]] std::uint64_t calls() noexcept;

/// The errors that a call is made to fail with: how many, and the `index`th, round and round. EINTR among them is what
/// the function has to swallow: receive and send go on, accept says "later", poller_wait waits on.
[[nodiscard]] std::size_t usual_errors(Call call) noexcept;
[[nodiscard]] int usual_error(Call call, std::size_t index) noexcept;

/// The `nth` call of that kind from now on (1 is the next one) fails with `error`.
void fail(Call call, std::uint64_t nth, int error);
/// No fault that has not happened yet will.
void no_more_faults() noexcept;
/// How many calls were made to fail, and the last of them.
[[nodiscard]] std::uint64_t failures() noexcept;
[[nodiscard]] Call last_failure() noexcept;

// ---- peers

/// The far end of one connection, from connect on. Numbers are not used again before the next start().
using Peer = std::uint32_t;
inline constexpr Peer kNoPeer = 0xffffffff;

/// Connects to the listener of that family and port (or path). kNoPeer when nobody listens or the queue is full. The
/// core sees the peer's number as its port; for a local socket as its pid.
[[nodiscard]] Peer connect(const os::Address& to);

/// What becomes of those who connect to a server of ours.
enum class Answers : std::uint8_t { at_once, later, refused, never };

/// A server that the core may connect to; the same address again changes how it answers.
void serve(const os::Address& address, Answers answers = Answers::at_once);
/// The far end of the next connection that the core has made, or is making and whose server answers later; kNoPeer when
/// there is none. Writing to one that is not connected yet moves nothing.
[[nodiscard]] Peer accept();
/// A server that answers later answers now: with an error, or 0 for yes.
void answer(Peer peer, int error = 0);

/// How much fits, and how much moves in one call of the core. All of them at least 1.
struct Buffers {
  std::size_t receive_capacity = 1 << 20;  ///< bytes on their way to the core
  std::size_t send_capacity = 1 << 20;     ///< bytes on their way to the peer
  std::size_t receive_chunk = SIZE_MAX;    ///< most that one receive gives
  std::size_t send_chunk = SIZE_MAX;       ///< most that one send takes
};
void set_buffers(Peer peer, const Buffers& buffers);

/// Sends; returns how many bytes fit.
std::size_t write(Peer peer, std::string_view bytes);
/// Takes at most `most` bytes of what the core sent.
[[nodiscard]] std::string read(Peer peer, std::size_t most = SIZE_MAX);
/// Sends FIN; the other direction stays.
void finish(Peer peer);
/// Closes, as a process that ends: FIN, or RST when there is something unread.
void close(Peer peer);
/// Sends RST.
void reset(Peer peer);

/// The core's FIN came, and everything before it was read.
[[nodiscard]] bool at_end(Peer peer) noexcept;
/// The core has reset the connection.
[[nodiscard]] bool was_reset(Peer peer) noexcept;
/// The core has accepted the connection and not closed it.
[[nodiscard]] bool is_open(Peer peer) noexcept;
/// Bytes that wait to be received by the core, or to be read by the peer.
[[nodiscard]] std::size_t unreceived(Peer peer) noexcept;
[[nodiscard]] std::size_t unread(Peer peer) noexcept;
/// Bytes that the core received, and sent.
[[nodiscard]] std::uint64_t received(Peer peer) noexcept;
[[nodiscard]] std::uint64_t sent(Peer peer) noexcept;

}  // namespace millrace::sim

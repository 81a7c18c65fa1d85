// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <sys/uio.h>

#include <algorithm>
#include <cstring>
#include <string>
#include <utility>

#include "kernel.hpp"

namespace millrace::os {

using sim::Call;
using sim::check;
using sim::Connection;
using sim::Descriptor;
using sim::fault;
using sim::kernel;

namespace {

bool has_file(const Address& address) noexcept {
  return address.family == Family::local && address.path_length > 0 && address.path[0] != '\0';
}

std::string path_of(const Address& address) { return {address.path, address.path_length}; }

bool is_taken(const Address& address) {
  for (const auto& [fd, other] : kernel().descriptors) {
    if (!other.listener || other.listener->address.family != address.family) continue;
    const Address& theirs = other.listener->address;
    if (address.family == Family::local ? path_of(theirs) == path_of(address) : theirs.port == address.port)
      return true;
  }
  return false;
}

void check_pieces(const iovec* pieces, int count) {
  check(count > 0 && count <= kMaxPieces, "a call has 1 to kMaxPieces pieces");
  for (int index = 0; index < count; ++index) {
    check(pieces[index].iov_base != nullptr || pieces[index].iov_len == 0, "a piece has an address");
  }
}

std::size_t total(const iovec* pieces, int count) {
  std::size_t length = 0;
  for (int index = 0; index < count; ++index) length += pieces[index].iov_len;
  return length;
}

/// What a broken connection answers: its error once, then `afterwards`.
int take_error(Connection* connection, int afterwards) {
  const int error = std::exchange(connection->error, 0);
  return error != 0 ? -error : afterwards;
}

}  // namespace

int listen_on(const Address& address, const ListenOptions& options) noexcept {
  if (const int error = fault(Call::listen_on); error != 0) return -error;
  if (address.family == Family::none || (address.family == Family::local && address.path_length == 0)) return -EINVAL;
  Address bound = address;
  if (address.family != Family::local && address.port == 0) {
    bound.port = kernel().next_port++;
  } else if (is_taken(address) && options.sharing != Sharing::further) {
    return -EADDRINUSE;
  }
  Descriptor listener;
  listener.listener = std::make_unique<sim::Listener>();
  listener.listener->address = bound;
  listener.listener->backlog = static_cast<std::size_t>(std::max(options.backlog, 1));
  const int fd = open_descriptor(std::move(listener));
  if (fd >= 0 && has_file(address)) kernel().files[path_of(address)] = kernel().next_inode++;
  return fd;
}

int set_send_buffer(int fd, std::uint32_t bytes) noexcept {
  Connection& connection = sim::connection_of(fd);
  if (const int error = fault(Call::set_send_buffer); error != 0) return -error;
  connection.buffers.send_capacity = std::max<std::size_t>(bytes, 1);
  return 0;
}

int local_address(int fd, Address* out) noexcept {
  Descriptor& descriptor = sim::descriptor(fd);
  check(descriptor.listener != nullptr, "only a listener is asked for its address");
  if (const int error = fault(Call::local_address); error != 0) return -error;
  *out = descriptor.listener->address;
  return 0;
}

int accept_from(int listener, Address* peer) noexcept {
  Descriptor& descriptor = sim::descriptor(listener);
  check(descriptor.listener != nullptr, "what is accepted from is a listener");
  if (const int error = fault(Call::accept_from); error != 0) return error == EINTR ? -EAGAIN : -error;
  auto& queue = descriptor.listener->queue;
  if (queue.empty()) return -EAGAIN;
  Descriptor accepted;
  accepted.connection = queue.front();
  const int fd = open_descriptor(std::move(accepted));
  if (fd < 0) return fd;
  Connection& connection = kernel().connections[queue.front()];
  queue.pop_front();
  connection.core_open = true;
  kernel().idle_waits = 0;
  *peer = connection.peer;
  return fd;
}

int connect_start(const Address& address, const ConnectOptions& options) noexcept {
  if (const int error = fault(Call::connect_start); error != 0) return -error;
  if (address.family == Family::none || (address.family == Family::local && address.path_length == 0)) return -EINVAL;
  const auto server = std::find_if(kernel().servers.begin(), kernel().servers.end(),
                                   [&](const sim::Server& one) { return sim::same_place(one.address, address); });
  const bool refused = server == kernel().servers.end() || server->answers == sim::Answers::refused;
  // A local socket is refused at once, a TCP one when its RST has come.
  if (refused && address.family == Family::local) return -ECONNREFUSED;
  Descriptor socket;
  socket.connection = static_cast<sim::Peer>(kernel().connections.size());
  const sim::Peer peer = socket.connection;
  const int fd = open_descriptor(std::move(socket));
  if (fd < 0) return fd;
  Connection& connection = kernel().connections.emplace_back();
  connection.peer = address;
  connection.core_open = true;
  if (options.send_buffer != 0) connection.buffers.send_capacity = options.send_buffer;
  connection.connecting = !refused && server->answers != sim::Answers::at_once;
  kernel().idle_waits = 0;
  if (refused) {
    connection.reset_by_peer(ECONNREFUSED);
  } else {
    kernel().accepted.push_back(peer);
  }
  return fd;
}

std::int64_t receive(int fd, const iovec* pieces, int count) noexcept {
  Connection& connection = sim::connection_of(fd);
  check_pieces(pieces, count);
  const std::size_t room = total(pieces, count);
  check(room > 0, "a receive has room: otherwise 0 would look like the end");
  if (const int error = fault(Call::receive); error != 0 && error != EINTR) return -error;
  if (connection.unreceived() == 0) {
    if (connection.broken) return take_error(&connection, 0);
    return connection.peer_finished ? 0 : -EAGAIN;
  }
  std::size_t left = std::min({room, connection.unreceived(), connection.buffers.receive_chunk});
  const std::size_t length = left;
  for (int index = 0; index < count && left > 0; ++index) {
    const std::size_t here = std::min(left, pieces[index].iov_len);
    std::memcpy(pieces[index].iov_base, connection.inbound.data() + connection.taken, here);
    connection.taken += here;
    left -= here;
  }
  connection.received += length;
  kernel().idle_waits = 0;
  return static_cast<std::int64_t>(length);
}

std::int64_t send(int fd, const iovec* pieces, int count) noexcept {
  Connection& connection = sim::connection_of(fd);
  check_pieces(pieces, count);
  check(!connection.core_finished, "nothing is sent behind FIN");
  if (const int error = fault(Call::send); error != 0 && error != EINTR) return -error;
  if (connection.broken) return take_error(&connection, -EPIPE);
  const std::size_t wanted = total(pieces, count);
  std::size_t left = std::min({wanted, connection.send_room(), connection.buffers.send_chunk});
  if (left == 0 && wanted > 0) return -EAGAIN;
  const std::size_t length = left;
  for (int index = 0; index < count && left > 0; ++index) {
    const std::size_t here = std::min(left, pieces[index].iov_len);
    connection.outbound.append(static_cast<const char*>(pieces[index].iov_base), here);
    left -= here;
  }
  connection.sent += length;
  kernel().idle_waits = 0;
  // The peer's FIN came first: Linux calls that reset a broken pipe.
  if (connection.peer_gone) connection.reset_by_peer(EPIPE);
  return static_cast<std::int64_t>(length);
}

int shutdown_send(int fd) noexcept {
  Connection& connection = sim::connection_of(fd);
  if (connection.broken) return -ENOTCONN;
  connection.core_finished = true;
  return 0;
}

int close_socket(int fd, bool reset) noexcept {
  Descriptor& descriptor = sim::descriptor(fd);
  check(descriptor.listener != nullptr || descriptor.connection != sim::kNoPeer, "what is closed as a socket is one");
  if (descriptor.listener) {
    for (const sim::Peer waiting : descriptor.listener->queue) kernel().connections[waiting].core_reset = true;
  } else {
    Connection& connection = sim::connection_of(fd);
    connection.core_open = false;
    connection.core_finished = true;
    if (reset || connection.unreceived() > 0) connection.core_reset = true;
  }
  sim::close_descriptor(fd);
  return 0;
}

int socket_error(int fd) noexcept { return std::exchange(sim::connection_of(fd).error, 0); }

int peer_credentials(int fd, Credentials* out) noexcept {
  const sim::Peer peer = sim::descriptor(fd).connection;
  if (const int error = fault(Call::peer_credentials); error != 0) return -error;
  if (sim::connection_of(fd).peer.family != Family::local) return -ENOTCONN;
  *out = {static_cast<std::int32_t>(peer), 1000, 1000};
  return 0;
}

int local_file(const Address& address, FileId* out) noexcept {
  if (const int error = fault(Call::local_file); error != 0) return -error;
  if (!has_file(address)) return -EINVAL;
  const auto found = kernel().files.find(path_of(address));
  if (found == kernel().files.end()) return -ENOENT;
  *out = {1, found->second};
  return 0;
}

int unlink_local(const Address& address) noexcept {
  if (!has_file(address)) return 0;
  return kernel().files.erase(path_of(address)) == 1 ? 0 : -ENOENT;
}

}  // namespace millrace::os

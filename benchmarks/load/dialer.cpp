// SPDX-License-Identifier: Apache-2.0
#include "dialer.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "fatal.hpp"

namespace millrace::load {
namespace {

constexpr int kHandshakeTimeoutMs = 10'000;
constexpr size_t kMaxResponse = 65536;
// The RFC's own example (RFC 6455 1.3): the answer to this key is known without hashing.
constexpr char kKey[] = "dGhlIHNhbXBsZSBub25jZQ==";
constexpr char kAcceptedKey[] = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

int open_socket(int family) {
  int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) fatal("socket: %s", strerror(errno));
  return fd;
}

// Without IP_BIND_ADDRESS_NO_PORT every bind would take a port of its own for good, and one source
// address could not hold more connections than there are ports.
void bind_source(int fd, uint32_t address) {
  int on = 1;
  sockaddr_in source{};
  source.sin_family = AF_INET;
  source.sin_addr.s_addr = htonl(address);
  setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
  if (bind(fd, reinterpret_cast<sockaddr*>(&source), sizeof source)) fatal("bind: %s", strerror(errno));
}

void check(const std::string& head) {
  if (head.rfind("HTTP/1.1 101", 0) != 0) {
    fatal("handshake refused: %s", head.substr(0, head.find("\r\n")).c_str());
  }
  if (head.find(kAcceptedKey) == std::string::npos) fatal("handshake: wrong Sec-WebSocket-Accept");
}

}  // namespace

std::string Dialer::Response::extensions() const {
  static const std::string name = "\r\nsec-websocket-extensions:";
  auto begin = std::search(head.begin(), head.end(), name.begin(), name.end(),
                           [](char c, char lower) { return (c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c) == lower; });
  if (begin == head.end()) return {};
  size_t value = static_cast<size_t>(begin - head.begin()) + name.size();
  size_t end = head.find("\r\n", value);
  while (value < end && head[value] == ' ') value++;
  return head.substr(value, end - value);
}

Dialer::Dialer(const Options& options) : options_(options) {
  request_ = "GET " + options.path + " HTTP/1.1\r\nHost: " + options.authority() +
             "\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: " + kKey +
             "\r\nSec-WebSocket-Version: 13\r\n";
  if (options.deflate) request_ += "Sec-WebSocket-Extensions: " + options.offer + "\r\n";
  request_ += "\r\n";
}

int Dialer::connect(uint32_t id) const { return options_.unix_path.empty() ? connect_tcp(id) : connect_unix(); }

int Dialer::connect_unix() const {
  const std::string& path = options_.unix_path;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) {
    fatal("--unix path too long: length=%zu, limit=%zu", path.size(), sizeof address.sun_path - 1);
  }
  memcpy(address.sun_path, path.c_str(), path.size() + 1);
  int fd = open_socket(AF_UNIX);
  if (::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address)) {
    fatal("connect %s: %s", path.c_str(), strerror(errno));
  }
  return fd;
}

int Dialer::connect_tcp(uint32_t id) const {
  constexpr uint32_t kFirstSource = 0x7f000002;  // 127.0.0.2
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(options_.port));
  if (inet_pton(AF_INET, options_.host.c_str(), &address.sin_addr) != 1) {
    fatal("bad address %s: it is an IPv4 address or localhost", options_.host.c_str());
  }
  int fd = open_socket(AF_INET);
  auto sources = static_cast<uint32_t>(options_.source_addresses);
  if (sources) bind_source(fd, kFirstSource + id % sources);
  if (::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address)) {
    fatal("connect %s:%d (#%u): %s", options_.host.c_str(), options_.port, id, strerror(errno));
  }
  int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  return fd;
}

void Dialer::send_request(int fd) const {
  if (send(fd, request_.data(), request_.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(request_.size())) {
    fatal("handshake: request not sent: %s", strerror(errno));
  }
}

Dialer::Response Dialer::read_response(int fd, uint32_t id) const {
  std::string bytes;
  size_t end;
  while ((end = bytes.find("\r\n\r\n")) == std::string::npos) {
    if (bytes.size() > kMaxResponse) fatal("handshake: response too long (#%u)", id);
    pollfd readable{fd, POLLIN, 0};
    if (poll(&readable, 1, kHandshakeTimeoutMs) <= 0) fatal("handshake: no response in 10 s (#%u)", id);
    char chunk[4096];
    ssize_t received = recv(fd, chunk, sizeof chunk, 0);
    if (received <= 0) fatal("handshake: connection closed (#%u)", id);
    bytes.append(chunk, static_cast<size_t>(received));
  }
  Response response{bytes.substr(0, end + 2), bytes.substr(end + 4)};
  check(response.head);
  return response;
}

}  // namespace millrace::load

// SPDX-License-Identifier: Apache-2.0
//
// rawecho, the floor: an echo server with as little work per message as an epoll server can do. No
// limits, no timeouts, no UTF-8 check, no callbacks: a baseline to measure against, not a server to
// use. docs/benchmarks.md says what it does and does not do.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

#include "server.hpp"

namespace millrace::floor {
namespace {

constexpr char kUsage[] =
    "usage: rawecho [--port N | --unix PATH] [--proto ws|raw] [--assemble] [--rcvbuf BYTES]\n"
    "  --port N        port on 127.0.0.1 (9001); 0 takes a free one\n"
    "  --unix PATH     a Unix socket instead\n"
    "  --proto ws|raw  WebSocket, or bytes as they are (ws)\n"
    "  --assemble      echo a message when its last byte is there, not its bytes as they come\n"
    "  --rcvbuf BYTES  user-space receive buffer (262144)\n"
    "example: rawecho --port 9001 --assemble\n";

struct Options {
  int port = 9001;
  std::string unix_path;
  Mode mode = Mode::kStream;
  size_t receive_capacity = 256 << 10;
};

[[noreturn]] void usage_error(const std::string& message) {
  fprintf(stderr, "rawecho: %s (rawecho --help lists the options)\n", message.c_str());
  exit(2);
}

[[noreturn]] void fail(const std::string& action) {
  fprintf(stderr, "rawecho: %s: %s\n", action.c_str(), strerror(errno));
  exit(1);
}

long whole_number(const std::string& name, const char* value, long minimum, long maximum) {
  char* end = nullptr;
  long result = strtol(value, &end, 10);
  if (end == value || *end != '\0' || result < minimum || result > maximum) {
    usage_error(name + " wants a whole number from " + std::to_string(minimum) + " to " + std::to_string(maximum) +
                ": " + value);
  }
  return result;
}

Options parse_options(int argc, char** argv) {
  Options options;
  bool raw = false;
  bool assemble = false;
  for (int i = 1; i < argc; i++) {
    std::string name = argv[i];
    auto value = [&] {
      if (i + 1 >= argc) usage_error(name + " wants a value");
      return argv[++i];
    };
    if (name == "--help" || name == "-h") {
      fputs(kUsage, stdout);
      exit(0);
    }
    if (name == "--port") {
      options.port = static_cast<int>(whole_number(name, value(), 0, 65535));
    } else if (name == "--unix") {
      options.unix_path = value();
    } else if (name == "--proto") {
      std::string protocol = value();
      if (protocol != "ws" && protocol != "raw") usage_error("--proto is ws or raw: " + protocol);
      raw = protocol == "raw";
    } else if (name == "--assemble") {
      assemble = true;
    } else if (name == "--rcvbuf") {
      options.receive_capacity = static_cast<size_t>(whole_number(name, value(), 4096, 1 << 30));
    } else {
      usage_error("unknown option " + name);
    }
  }
  if (raw && assemble) usage_error("--assemble wants messages, which --proto raw does not know");
  options.mode = raw ? Mode::kRaw : assemble ? Mode::kAssemble : Mode::kStream;
  return options;
}

int listen_on_unix(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) {
    usage_error("--unix path too long: length=" + std::to_string(path.size()) +
                ", limit=" + std::to_string(sizeof address.sun_path - 1));
  }
  memcpy(address.sun_path, path.c_str(), path.size() + 1);
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  unlink(path.c_str());
  if (bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address)) fail("bind " + path);
  return fd;
}

int listen_on_port(int& port) {
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  int on = 1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof address;
  if (bind(fd, reinterpret_cast<sockaddr*>(&address), length)) fail("bind 127.0.0.1:" + std::to_string(port));
  if (getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length)) fail("getsockname");
  port = ntohs(address.sin_port);
  return fd;
}

void raise_file_limit() {
  rlimit limit;
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace
}  // namespace millrace::floor

int main(int argc, char** argv) {
  using namespace millrace::floor;
  constexpr int kBacklog = 1024;
  Options options = parse_options(argc, argv);
  raise_file_limit();
  bool local = !options.unix_path.empty();
  int listener = local ? listen_on_unix(options.unix_path) : listen_on_port(options.port);
  if (listen(listener, kBacklog)) fail("listen");
  std::string where = local ? "unix:" + options.unix_path : "ws://127.0.0.1:" + std::to_string(options.port);
  printf("listening %s pid=%d assemble=%s\n", where.c_str(), getpid(),
         options.mode == Mode::kAssemble ? "true" : "false");
  fflush(stdout);
  Server(options.mode, options.receive_capacity).run(listener);
}

// SPDX-License-Identifier: Apache-2.0
#include "options.hpp"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "fatal.hpp"

namespace millrace::load {
namespace {

constexpr char kUsage[] =
    "usage: wsload [ws://HOST:PORT/PATH | --unix PATH] [options]\n"
    "  --path P            request path                 --proto ws|len32  (len32: u32 BE length + payload)\n"
    "  --conns C           connections (100)            --size B          payload bytes (64)\n"
    "  --pipeline P        messages in flight/conn (1)  --text            text frames (default binary)\n"
    "  --seconds S         measured window (5)          --warmup W        before it (1)\n"
    "  --rate R            open loop, R msgs/s in all   --threads N       client threads (1)\n"
    "  --verify            compare every payload        --verify-every N  compare every Nth\n"
    "  --src-ips N         bind to 127.0.0.2..N+1       --payload random|json|utf8|zero\n"
    "  --deflate           offer permessage-deflate, send compressed messages; --verify then inflates every answer\n"
    "  --offer STR         value of Sec-WebSocket-Extensions with --deflate\n"
    "  --idle --hold H     open, hold H seconds         --touch           echo one message on each first\n"
    "  --fanout            1 publisher, C subscribers   --pid PID         server: CPU and RSS from /proc\n"
    "  --spin | --nospin   poll without sleeping (default only with --rate)\n"
    "  --rcvbuf BYTES      user-space receive buffer    --batch N         connects at a time (100)\n"
    "  --label STR         copied into the result\n"
    "  --help              this text\n"
    "example: wsload ws://127.0.0.1:9001/ --conns 100 --size 64 --pid 4711\n";

constexpr char kSeeHelp[] = "(wsload --help lists the options)";

/// Walks the arguments; each value is checked as it is taken, so that a typo never becomes a 0.
class Arguments {
 public:
  Arguments(int count, char** values) : count_(count), values_(values) {}

  bool next() { return ++index_ < count_; }
  [[nodiscard]] const char* current() const { return values_[index_]; }

  const char* text() {
    if (index_ + 1 >= count_) fatal("%s wants a value %s", current(), kSeeHelp);
    return values_[++index_];
  }

  double number(double minimum) {
    const char* name = current();
    const char* value = text();
    char* end = nullptr;
    double result = strtod(value, &end);
    if (end == value || *end != '\0' || !(result >= minimum)) {
      fatal("%s wants a number of at least %g: %s %s", name, minimum, value, kSeeHelp);
    }
    return result;
  }

  int64_t integer(int64_t minimum, int64_t maximum) {
    const char* name = current();
    const char* value = text();
    char* end = nullptr;
    long long result = strtoll(value, &end, 10);
    if (end == value || *end != '\0' || result < minimum || result > maximum) {
      fatal("%s wants a whole number from %lld to %lld: %s %s", name, static_cast<long long>(minimum),
            static_cast<long long>(maximum), value, kSeeHelp);
    }
    return result;
  }

  int count(int minimum) { return static_cast<int>(integer(minimum, INT32_MAX)); }

 private:
  int count_;
  char** values_;
  int index_ = 0;
};

void parse_url(Options& options, const char* url) {
  std::string rest = url;
  if (rest.rfind("ws://", 0) == 0) {
    rest = rest.substr(5);
  } else if (rest.rfind("tcp://", 0) == 0) {
    rest = rest.substr(6);
  } else {
    fatal("bad address %s: it begins with ws:// or tcp:// %s", url, kSeeHelp);
  }
  auto slash = rest.find('/');
  if (slash != std::string::npos) {
    options.path = rest.substr(slash);
    rest.resize(slash);
  }
  auto colon = rest.rfind(':');
  options.port = 80;
  if (colon != std::string::npos) {
    options.port = atoi(rest.c_str() + colon + 1);
    rest.resize(colon);
  }
  if (options.port < 1 || options.port > 65535) fatal("bad port in %s: it is 1 to 65535", url);
  options.host = rest == "localhost" ? "127.0.0.1" : rest;
}

Protocol parse_protocol(const std::string& name) {
  if (name == "ws") return Protocol::kWebSocket;
  if (name == "len32") return Protocol::kLength32;
  fatal("--proto is ws or len32: %s", name.c_str());
}

bool parse_load(Options& options, const std::string& name, Arguments& arguments) {
  if (name == "--conns") {
    options.connections = arguments.count(1);
  } else if (name == "--size") {
    options.payload_length = static_cast<uint64_t>(arguments.integer(0, UINT32_MAX));
  } else if (name == "--pipeline") {
    options.pipeline = arguments.count(1);
  } else if (name == "--seconds") {
    options.seconds = arguments.number(0);
  } else if (name == "--warmup") {
    options.warmup_seconds = arguments.number(0);
  } else if (name == "--rate") {
    options.rate = arguments.number(0);
  } else if (name == "--threads") {
    options.threads = arguments.count(1);
  } else if (name == "--text") {
    options.text = true;
  } else if (name == "--payload") {
    options.payload = arguments.text();
  } else if (name == "--idle") {
    options.idle = true;
  } else if (name == "--hold") {
    options.hold_seconds = arguments.number(0);
  } else if (name == "--touch") {
    options.touch = true;
  } else if (name == "--fanout") {
    options.fanout = true;
  } else {
    return false;
  }
  return true;
}

bool parse_rest(Options& options, const std::string& name, Arguments& arguments, bool& no_spin) {
  if (name == "--unix") {
    options.unix_path = arguments.text();
  } else if (name == "--proto") {
    options.protocol = parse_protocol(arguments.text());
  } else if (name == "--src-ips") {
    options.source_addresses = static_cast<int>(arguments.integer(0, 250));
  } else if (name == "--verify") {
    options.verify_every = 1;
  } else if (name == "--verify-every") {
    options.verify_every = arguments.count(0);
  } else if (name == "--deflate") {
    options.deflate = true;
  } else if (name == "--offer") {
    options.offer = arguments.text();
  } else if (name == "--pid") {
    options.server_pid = arguments.count(0);
  } else if (name == "--spin") {
    options.spin = true;
  } else if (name == "--nospin") {
    no_spin = true;
  } else if (name == "--rcvbuf") {
    options.receive_capacity = static_cast<size_t>(arguments.integer(1, INT32_MAX));
  } else if (name == "--batch") {
    options.connect_batch = arguments.count(1);
  } else if (name == "--label") {
    options.label = arguments.text();
  } else {
    return false;
  }
  return true;
}

}  // namespace

std::string Options::authority() const { return unix_path.empty() ? host + ":" + std::to_string(port) : "localhost"; }

std::string Options::target() const { return (unix_path.empty() ? authority() : "unix:" + unix_path) + path; }

Options parse_options(int argc, char** argv) {
  Options options;
  std::string path;
  bool no_spin = false;
  for (Arguments arguments(argc, argv); arguments.next();) {
    std::string name = arguments.current();
    if (name == "--help" || name == "-h") {
      fputs(kUsage, stdout);
      exit(0);
    }
    if (name == "--path") {
      path = arguments.text();
    } else if (name[0] != '-') {
      parse_url(options, name.c_str());
    } else if (!parse_load(options, name, arguments) && !parse_rest(options, name, arguments, no_spin)) {
      fatal("unknown option %s %s", name.c_str(), kSeeHelp);
    }
  }
  if (!path.empty()) options.path = path;
  if (options.payload == "auto") options.payload = options.text || options.deflate ? "json" : "random";
  if (options.text && options.payload == "random") fatal("--text wants --payload json, utf8 or zero");
  if (options.fanout && options.threads != 1) fatal("--fanout wants one thread");
  if (options.deflate && !options.web_socket()) fatal("--deflate wants --proto ws");
  if (options.deflate && options.verify_every && options.fanout)
    fatal("--verify with --deflate does not go with --fanout");
  options.threads = std::min(options.threads, options.connections);
  // An open loop that sleeps adds its own wake-up to every latency.
  if (options.open_loop() && !no_spin) options.spin = true;
  return options;
}

}  // namespace millrace::load

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "options.hpp"

namespace millrace::load {

/// Opens sockets and shakes hands. Blocking, before the run; what fails ends the program.
class Dialer {
 public:
  explicit Dialer(const Options& options);

  [[nodiscard]] int connect(uint32_t id) const;
  void send_request(int fd) const;

  struct Response {
    std::string head;
    std::string rest;  // bytes behind it, already frames

    /// The value of Sec-WebSocket-Extensions, empty without one.
    [[nodiscard]] std::string extensions() const;
  };
  [[nodiscard]] Response read_response(int fd, uint32_t id) const;

 private:
  [[nodiscard]] int connect_unix() const;
  [[nodiscard]] int connect_tcp(uint32_t id) const;

  const Options& options_;
  std::string request_;
};

}  // namespace millrace::load

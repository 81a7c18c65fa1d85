// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "ring/command_reader.hpp"
#include "ring/event_writer.hpp"
#include "ring/records.hpp"

namespace millrace::ring {

namespace {

/// A control mapping of exactly its length: a sanitizer sees what is read beyond it.
struct Control {
  Control() : bytes(kBufferedOffset) {}
  std::vector<std::uint8_t> bytes;
};

Record with_body(std::uint64_t address, std::uint32_t length) {
  Record record{};
  record.flags = kBody;
  record.address = address;
  record.length = length;
  return record;
}

}  // namespace

TEST_CASE("the records lie where docs/rings.md says") {
  CHECK(kCommandsOffset == 8192);
  CHECK(kEventsOffset == 139'264);
  CHECK(kBodiesOffset == 270'336);
  CHECK(kBufferedOffset == 335'872);
  CHECK(kSendPositionOffset == 64);
  CHECK(kBodyPositionOffset == 128);
  CHECK(round_trips_offset(100) == 336'672);
  CHECK(pinned_offset(100) == 337'472);
  CHECK(round_trip_counts_offset(100) == 338'272);
  CHECK(kCounters == 63);
  CHECK(kBlocksByClass == 64);
  CHECK((kBlocksByClass + 2 * kBlockClasses) * sizeof(std::int64_t) <= kCommandsOffset - kCountersOffset);
  CHECK(kSendAreaOffset == 768 << 10);
  CHECK(kBlocksOffset == 1 << 20);
}

TEST_CASE("an address is a region and an offset") {
  CHECK(make_address(0, 0) == 0);
  CHECK(make_address(0xffff, 0xffff'ffff'ffff) == UINT64_MAX);
  CHECK(region_of(make_address(0x1234, 0x5678'9abc'def0)) == 0x1234);
  CHECK(offset_of(make_address(0x1234, 0x5678'9abc'def0)) == 0x5678'9abc'def0);
}

TEST_CASE("commands are read little-endian, field by field") {
  Control control;
  const std::uint8_t wire[32] = {5, 2, 4, 1, 0x11, 0x22, 0x33, 0x44, 1, 2, 3, 4, 5, 6, 7, 8,
                                 9, 0, 0, 1, 0xaa, 0xbb, 0xcc, 0xdd, 8, 7, 6, 5, 4, 3, 2, 1};
  std::memcpy(control.bytes.data() + kCommandsOffset + 4095 * 32, wire, sizeof wire);
  const Record& command = CommandReader(control.bytes.data()).at(4095);
  CHECK(command.type == kSend);
  CHECK(command.opcode == 2);
  CHECK(command.flags == 0x0104);
  CHECK(command.slot == 0x44332211);
  CHECK(command.address == 0x0807060504030201);
  CHECK(command.length == 0x01000009);
  CHECK(command.generation == 0xddccbbaa);
  CHECK(command.auxiliary == 0x0102030405060708);
}

TEST_CASE("events are appended from the first record on, up to the last") {
  Control control;
  EventWriter events(control.bytes.data());
  for (std::uint32_t number = 0; number < kRecords; ++number) {
    CHECK(events.room() == kRecords - number);
    Record record{};
    record.type = kTimer;
    record.slot = number;
    events.append(record);
  }
  CHECK(events.room() == 0);
  CHECK(events.count() == kRecords);
  Record last;
  std::memcpy(&last, control.bytes.data() + kBodiesOffset - sizeof last, sizeof last);
  CHECK(last.slot == kRecords - 1);
  CHECK(control.bytes[kBodiesOffset] == 0);
  events.reset();
  CHECK(events.room() == kRecords);
}

TEST_CASE("a body lies in the body area, or there is none") {
  Control control;
  const CommandReader reader(control.bytes.data());
  const std::uint8_t* const area = control.bytes.data() + kBodiesOffset;
  CHECK(reader.body(with_body(0, 1)) == nullptr);  // nothing is written
  base::store<std::uint64_t>(control.bytes.data() + kBodyPositionOffset, 10);
  CHECK(reader.body(with_body(0, 10)) == area);
  CHECK(reader.body(with_body(1, 10)) == nullptr);
  base::store<std::uint64_t>(control.bytes.data() + kBodyPositionOffset, UINT64_MAX);  // and never more than there is
  CHECK(reader.body(with_body(0, 0)) == area);
  CHECK(reader.body(with_body(0, kBodiesLength)) == area);
  CHECK(reader.body(with_body(kBodiesLength, 0)) == area + kBodiesLength);
  CHECK(reader.body(with_body(kBodiesLength - 1, 1)) == area + kBodiesLength - 1);
  CHECK(reader.body(with_body(kBodiesLength - 1, 2)) == nullptr);
  CHECK(reader.body(with_body(kBodiesLength + 1, 0)) == nullptr);
  CHECK(reader.body(with_body(UINT64_MAX, 1)) == nullptr);
  CHECK(reader.body(with_body(1, UINT32_MAX)) == nullptr);
  Record without = with_body(0, 1);
  without.flags = kStaged;
  CHECK(reader.body(without) == nullptr);
}

TEST_CASE("a LISTEN body that is cut short is none") {
  ListenBody body{};
  body.family = 1;
  body.path_length = 4;
  std::string bytes(reinterpret_cast<const char*>(&body), sizeof body);
  bytes += "/tmp";
  for (std::size_t length = 0; length <= bytes.size(); ++length) {
    CAPTURE(length);
    const std::vector<std::uint8_t> exact(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(length));
    ListenBody out{};
    const char* path = nullptr;
    const bool read = read_listen_body(exact.data(), static_cast<std::uint32_t>(length), &out, &path);
    CHECK(read == (length == bytes.size()));
    if (read) CHECK(std::string(path, out.path_length) == "/tmp");
  }
  ListenBody out{};
  const char* path = nullptr;
  CHECK(!read_listen_body(nullptr, 100, &out, &path));
  body.path_length = UINT32_MAX;
  CHECK(!read_listen_body(reinterpret_cast<const std::uint8_t*>(&body), sizeof body, &out, &path));
}

}  // namespace millrace::ring

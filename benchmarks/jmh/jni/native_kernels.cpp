// SPDX-License-Identifier: Apache-2.0
//
// The natives of dev.millrace.benchmarks.jmh.NativeKernels: each is one call into a room of the core, with nothing
// around it. Addresses come from NativeKernels.address; the benchmarks vouch for them.
#include <jni.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "dev_millrace_benchmarks_jmh_NativeKernels.h"
#include "protocol/frame.hpp"
#include "protocol/handshake.hpp"
#include "ring/command_reader.hpp"
#include "ring/event_writer.hpp"
#include "simd/unmask.hpp"
#include "simd/utf8.hpp"

namespace {

using namespace millrace;  // NOLINT: thin calls into four rooms

std::uint8_t* at(jlong address) noexcept { return reinterpret_cast<std::uint8_t*>(address); }

/// Reads the frames that fill `bytes`, as a server does with what one receive brought, and answers the sum of their
/// lengths and masking keys, or -1.
template <class Take>
jlong walk(std::uint8_t* bytes, std::size_t length, Take take) noexcept {
  std::uint64_t sum = 0;
  for (std::size_t offset = 0; offset < length;) {
    protocol::FrameHeader header;
    protocol::ProtocolError error;
    const auto parsed =
        protocol::parse_frame_header(bytes + offset, length - offset, protocol::Role::server, &header, &error);
    if (parsed != protocol::FrameParse::complete) return -1;
    offset += header.length;
    if (header.payload_length > length - offset) return -1;
    take(bytes + offset, header);
    offset += header.payload_length;
    sum += header.payload_length + header.masking_key;
  }
  return static_cast<jlong>(sum);
}

/// The event that a loop would bring when a peer echoed this command's message.
ring::Record message_of(const ring::Record& command) noexcept {
  ring::Record event = command;
  event.type = ring::kMessage;
  event.flags = 0;
  return event;
}

}  // namespace

void Java_dev_millrace_benchmarks_jmh_NativeKernels_empty(JNIEnv*, jclass) {}

jlong Java_dev_millrace_benchmarks_jmh_NativeKernels_address(JNIEnv* env, jclass, jobject direct) {
  return reinterpret_cast<jlong>(env->GetDirectBufferAddress(direct));
}

void Java_dev_millrace_benchmarks_jmh_NativeKernels_unmask(JNIEnv*, jclass, jlong address, jint length, jint key) {
  simd::unmask(at(address), static_cast<std::size_t>(length), static_cast<std::uint32_t>(key), 0);
}

jboolean Java_dev_millrace_benchmarks_jmh_NativeKernels_isUtf8(JNIEnv*, jclass, jlong address, jint length) {
  simd::Utf8Validator validator;
  return validator.append(at(address), static_cast<std::size_t>(length)) && validator.complete();
}

jlong Java_dev_millrace_benchmarks_jmh_NativeKernels_headers(JNIEnv*, jclass, jlong address, jint length) {
  return walk(at(address), static_cast<std::size_t>(length), [](std::uint8_t*, const protocol::FrameHeader&) {});
}

jlong Java_dev_millrace_benchmarks_jmh_NativeKernels_frames(JNIEnv*, jclass, jlong address, jint length) {
  return walk(at(address), static_cast<std::size_t>(length),
              [](std::uint8_t* payload, const protocol::FrameHeader& header) {
                simd::unmask(payload, header.payload_length, header.masking_key, 0);
              });
}

jint Java_dev_millrace_benchmarks_jmh_NativeKernels_parseRequest(JNIEnv*, jclass, jlong address, jint length,
                                                                 jlong slices) {
  protocol::HandshakeParser parser;
  protocol::RequestFacts facts;
  protocol::Refusal refusal;
  const auto parsed = parser.parse(at(address), static_cast<std::uint32_t>(length), {}, &facts, &refusal);
  if (parsed != protocol::HandshakeParse::complete) return -refusal.status;
  const protocol::Slice found[] = {facts.target, facts.host, facts.origin, facts.key};
  std::memcpy(at(slices), found, sizeof found);
  return static_cast<jint>(facts.kind);
}

void Java_dev_millrace_benchmarks_jmh_NativeKernels_acceptKey(JNIEnv*, jclass, jlong key, jint length, jlong accept) {
  const std::string_view text{reinterpret_cast<const char*>(at(key)), static_cast<std::size_t>(length)};
  protocol::accept_key(text, reinterpret_cast<char*>(at(accept)));
}

jint Java_dev_millrace_benchmarks_jmh_NativeKernels_echo(JNIEnv*, jclass, jlong control, jint count) {
  const ring::CommandReader commands(at(control));
  ring::EventWriter events(at(control));
  for (std::uint32_t i = 0; i < static_cast<std::uint32_t>(count); ++i) events.append(message_of(commands.at(i)));
  return static_cast<jint>(events.count());
}

jlong Java_dev_millrace_benchmarks_jmh_NativeKernels_send(JNIEnv*, jclass, jint opcode, jint placement, jint slot,
                                                          jint generation, jlong address, jint length, jlong token) {
  return opcode + placement + slot + generation + address + length + token;
}

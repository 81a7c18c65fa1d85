// SPDX-License-Identifier: Apache-2.0
//
// The natives of dev.millrace.internal.jni.NativeCalls: each turns Java's arguments into those of engine.hpp, and
// nothing else. The generated header makes the compiler compare every signature.
#include <jni.h>

#include <cerrno>
#include <cstdint>
#include <cstring>

#include "dev_millrace_internal_jni_NativeCalls.h"
#include "engine/engine.hpp"
#include "ring/records.hpp"
#include "verify/schemas.hpp"

namespace {

using millrace::engine::Mapping;

/// A direct buffer over a mapping, or null (with Java's exception pending when there is no memory for it).
jobject wrap(JNIEnv* env, const Mapping& mapping) {
  if (mapping.start == nullptr) return nullptr;
  return env->NewDirectByteBuffer(mapping.start, static_cast<jlong>(mapping.length));
}

}  // namespace

jint Java_dev_millrace_internal_jni_NativeCalls_abi(JNIEnv*, jclass) { return millrace::engine::abi(); }

jint Java_dev_millrace_internal_jni_NativeCalls_simdLevel(JNIEnv*, jclass) { return millrace::engine::simd_level(); }

jint Java_dev_millrace_internal_jni_NativeCalls_simdLevels(JNIEnv*, jclass) { return millrace::engine::simd_levels(); }

jint Java_dev_millrace_internal_jni_NativeCalls_forceSimd(JNIEnv*, jclass, jint level) {
  return millrace::engine::force_simd(level);
}

jlong Java_dev_millrace_internal_jni_NativeCalls_createGroup(JNIEnv*, jclass) {
  return millrace::engine::create_group();
}

void Java_dev_millrace_internal_jni_NativeCalls_destroyGroup(JNIEnv*, jclass, jlong group) {
  millrace::engine::destroy_group(group);
}

jint Java_dev_millrace_internal_jni_NativeCalls_create(JNIEnv* env, jclass, jlong group, jobject options) {
  millrace::ring::LoopOptions copy;
  const void* bytes = env->GetDirectBufferAddress(options);
  if (bytes == nullptr || env->GetDirectBufferCapacity(options) < static_cast<jlong>(sizeof copy)) return -EINVAL;
  std::memcpy(&copy, bytes, sizeof copy);
  return millrace::engine::create(group, copy);
}

jobject Java_dev_millrace_internal_jni_NativeCalls_control(JNIEnv* env, jclass, jint loop) {
  return wrap(env, millrace::engine::control(loop));
}

jobject Java_dev_millrace_internal_jni_NativeCalls_region(JNIEnv* env, jclass, jint loop) {
  return wrap(env, millrace::engine::region(loop));
}

jobject Java_dev_millrace_internal_jni_NativeCalls_sharedRegion(JNIEnv* env, jclass) {
  return wrap(env, millrace::engine::shared_region());
}

jint Java_dev_millrace_internal_jni_NativeCalls_regionId(JNIEnv*, jclass, jint loop) {
  return millrace::engine::region_id(loop);
}

jint Java_dev_millrace_internal_jni_NativeCalls_tick(JNIEnv*, jclass, jint loop, jint commands, jlong timeout_ns) {
  return millrace::engine::tick(loop, commands, timeout_ns);
}

jint Java_dev_millrace_internal_jni_NativeCalls_flush(JNIEnv*, jclass, jint loop, jint commands) {
  return millrace::engine::flush(loop, commands);
}

void Java_dev_millrace_internal_jni_NativeCalls_wake(JNIEnv*, jclass, jint loop) { millrace::engine::wake(loop); }

void Java_dev_millrace_internal_jni_NativeCalls_destroy(JNIEnv*, jclass, jint loop) { millrace::engine::destroy(loop); }

void Java_dev_millrace_internal_jni_NativeCalls_releaseMappings(JNIEnv*, jclass, jint loop) {
  millrace::engine::release_mappings(loop);
}

jlong Java_dev_millrace_internal_jni_NativeCalls_acquire(JNIEnv*, jclass, jint loop, jlong length) {
  return millrace::engine::acquire(loop, length);
}

jlong Java_dev_millrace_internal_jni_NativeCalls_acquireShared(JNIEnv*, jclass, jlong length) {
  return millrace::engine::acquire_shared(length);
}

jint Java_dev_millrace_internal_jni_NativeCalls_allowShared(JNIEnv*, jclass, jlong bytes) {
  return millrace::engine::allow_shared(bytes);
}

jlong Java_dev_millrace_internal_jni_NativeCalls_sharedUse(JNIEnv*, jclass) { return millrace::engine::shared_use(); }

jlong Java_dev_millrace_internal_jni_NativeCalls_capacity(JNIEnv*, jclass, jlong address) {
  return millrace::engine::capacity(address);
}

jint Java_dev_millrace_internal_jni_NativeCalls_retain(JNIEnv*, jclass, jlong address) {
  return millrace::engine::retain(address);
}

jint Java_dev_millrace_internal_jni_NativeCalls_release(JNIEnv*, jclass, jlong address) {
  return millrace::engine::release(address);
}

jint Java_dev_millrace_internal_jni_NativeCalls_loadSchema(JNIEnv* env, jclass, jobject bfbs, jint length,
                                                           jint max_depth, jint max_tables, jboolean check_utf8) {
  const auto* bytes = static_cast<const std::uint8_t*>(env->GetDirectBufferAddress(bfbs));
  if (length < 0 || env->GetDirectBufferCapacity(bfbs) < length) return -EINVAL;
  const millrace::verify::Limits limits{.max_depth = static_cast<std::uint32_t>(max_depth),
                                        .max_tables = static_cast<std::uint32_t>(max_tables),
                                        .check_utf8 = check_utf8 == JNI_TRUE};
  return millrace::verify::keep(bytes, static_cast<std::size_t>(length), limits);
}

jint Java_dev_millrace_internal_jni_NativeCalls_verify(JNIEnv*, jclass, jint schema, jlong address, jint length) {
  return millrace::verify::judge(schema, millrace::engine::payload(address, length), static_cast<std::size_t>(length));
}

jint Java_dev_millrace_internal_jni_NativeCalls_forgetSchema(JNIEnv*, jclass, jint schema) {
  return millrace::verify::forget(schema);
}

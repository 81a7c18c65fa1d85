// SPDX-License-Identifier: Apache-2.0
//
// Binds the natives to the class that the Java half announces in the system property millrace.internal.natives: jars in
// which the packages were renamed keep working, and no symbol but JNI_OnLoad need be exported.
#include <jni.h>

#include <string>

#include "dev_millrace_internal_jni_NativeCalls.h"

namespace {

constexpr jint kVersion = JNI_VERSION_1_8;
constexpr const char* kNativesProperty = "millrace.internal.natives";

template <class Function>
JNINativeMethod method(const char* name, const char* signature, Function* function) {
  // The JNI structure predates const.
  return {const_cast<char*>(name), const_cast<char*>(signature), reinterpret_cast<void*>(function)};
}

/// The announced class's name with slashes, or an empty string with an exception pending or the property missing.
std::string announced_class(JNIEnv* env) {
  jclass system = env->FindClass("java/lang/System");
  if (system == nullptr) return {};
  jmethodID get_property = env->GetStaticMethodID(system, "getProperty", "(Ljava/lang/String;)Ljava/lang/String;");
  jstring property = env->NewStringUTF(kNativesProperty);
  if (get_property == nullptr || property == nullptr) return {};
  auto value = static_cast<jstring>(env->CallStaticObjectMethod(system, get_property, property));
  if (env->ExceptionCheck() || value == nullptr) return {};
  const char* characters = env->GetStringUTFChars(value, nullptr);
  if (characters == nullptr) return {};
  std::string name(characters);
  env->ReleaseStringUTFChars(value, characters);
  return name;
}

bool bind(JNIEnv* env, jclass natives) {
#define MILLRACE_METHOD(name, signature) method(#name, signature, Java_dev_millrace_internal_jni_NativeCalls_##name)
  const JNINativeMethod methods[] = {
      MILLRACE_METHOD(abi, "()I"),
      MILLRACE_METHOD(simdLevel, "()I"),
      MILLRACE_METHOD(simdLevels, "()I"),
      MILLRACE_METHOD(forceSimd, "(I)I"),
      MILLRACE_METHOD(createGroup, "()J"),
      MILLRACE_METHOD(destroyGroup, "(J)V"),
      MILLRACE_METHOD(create, "(JLjava/nio/ByteBuffer;)I"),
      MILLRACE_METHOD(control, "(I)Ljava/nio/ByteBuffer;"),
      MILLRACE_METHOD(region, "(I)Ljava/nio/ByteBuffer;"),
      MILLRACE_METHOD(sharedRegion, "()Ljava/nio/ByteBuffer;"),
      MILLRACE_METHOD(regionId, "(I)I"),
      MILLRACE_METHOD(tick, "(IIJ)I"),
      MILLRACE_METHOD(flush, "(II)I"),
      MILLRACE_METHOD(wake, "(I)V"),
      MILLRACE_METHOD(destroy, "(I)V"),
      MILLRACE_METHOD(releaseMappings, "(I)V"),
      MILLRACE_METHOD(acquire, "(IJ)J"),
      MILLRACE_METHOD(acquireShared, "(J)J"),
      MILLRACE_METHOD(allowShared, "(J)I"),
      MILLRACE_METHOD(sharedUse, "()J"),
      MILLRACE_METHOD(capacity, "(J)J"),
      MILLRACE_METHOD(retain, "(J)I"),
      MILLRACE_METHOD(release, "(J)I"),
      MILLRACE_METHOD(loadSchema, "(Ljava/nio/ByteBuffer;IIIZ)I"),
      MILLRACE_METHOD(verify, "(IJI)I"),
      MILLRACE_METHOD(forgetSchema, "(I)I"),
  };
#undef MILLRACE_METHOD
  return env->RegisterNatives(natives, methods, sizeof methods / sizeof methods[0]) == JNI_OK;
}

}  // namespace

jint JNI_OnLoad(JavaVM* vm, void*) {
  JNIEnv* env = nullptr;
  if (vm->GetEnv(reinterpret_cast<void**>(&env), kVersion) != JNI_OK) return JNI_ERR;
  const std::string name = announced_class(env);
  if (name.empty()) return JNI_ERR;
  jclass natives = env->FindClass(name.c_str());
  if (natives == nullptr || !bind(env, natives)) return JNI_ERR;
  return kVersion;
}

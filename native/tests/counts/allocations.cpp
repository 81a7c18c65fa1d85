// SPDX-License-Identifier: Apache-2.0
#include "allocations.hpp"

#include <sys/types.h>

#include <cstddef>
#include <new>

namespace millrace::counts {

namespace {

bool counting = false;  // one thread only
std::int64_t allocation_count = 0;
std::int64_t free_count = 0;
std::int64_t mapping_count = 0;

void allocation() noexcept { allocation_count += counting ? 1 : 0; }
void a_free() noexcept { free_count += counting ? 1 : 0; }
void mapping() noexcept { mapping_count += counting ? 1 : 0; }

}  // namespace

Counting::Counting() noexcept { counting = true; }
Counting::~Counting() { counting = false; }

std::int64_t allocations() noexcept { return allocation_count; }
std::int64_t frees() noexcept { return free_count; }
std::int64_t mappings() noexcept { return mapping_count; }
void reset() noexcept { allocation_count = free_count = mapping_count = 0; }

}  // namespace millrace::counts

using namespace millrace::counts;  // NOLINT: the linker's names stand outside every namespace

// The names are the linker's: --wrap=f turns f into __wrap_f, and leaves the true one as __real_f.
// _Znwm is operator new, _Znam new[], _ZnwmRKSt9nothrow_t and _ZnwmSt11align_val_tRKSt9nothrow_t their sisters, _Zdl
// and _Zda the deletes.
extern "C" {

void* __real_malloc(std::size_t);
void* __real_calloc(std::size_t, std::size_t);
void* __real_realloc(void*, std::size_t);
void* __real_aligned_alloc(std::size_t, std::size_t);
int __real_posix_memalign(void**, std::size_t, std::size_t);
void __real_free(void*);
void* __real_mmap(void*, std::size_t, int, int, int, off_t);
int __real_munmap(void*, std::size_t);
void* __real__Znwm(std::size_t);
void* __real__Znam(std::size_t);
void* __real__ZnwmRKSt9nothrow_t(std::size_t, const std::nothrow_t&);
void* __real__ZnwmSt11align_val_tRKSt9nothrow_t(std::size_t, std::align_val_t, const std::nothrow_t&);
void __real__ZdlPv(void*);
void __real__ZdlPvm(void*, std::size_t);
void __real__ZdaPv(void*);

void* __wrap_malloc(std::size_t length) {
  allocation();
  return __real_malloc(length);
}
void* __wrap_calloc(std::size_t count, std::size_t length) {
  allocation();
  return __real_calloc(count, length);
}
void* __wrap_realloc(void* old, std::size_t length) {
  allocation();
  return __real_realloc(old, length);
}
void* __wrap_aligned_alloc(std::size_t alignment, std::size_t length) {
  allocation();
  return __real_aligned_alloc(alignment, length);
}
int __wrap_posix_memalign(void** out, std::size_t alignment, std::size_t length) {
  allocation();
  return __real_posix_memalign(out, alignment, length);
}
void __wrap_free(void* old) {
  a_free();
  __real_free(old);
}
void* __wrap_mmap(void* at, std::size_t length, int protection, int flags, int fd, off_t offset) {
  mapping();
  return __real_mmap(at, length, protection, flags, fd, offset);
}
int __wrap_munmap(void* at, std::size_t length) {
  mapping();
  return __real_munmap(at, length);
}
void* __wrap__Znwm(std::size_t length) {
  allocation();
  return __real__Znwm(length);
}
void* __wrap__Znam(std::size_t length) {
  allocation();
  return __real__Znam(length);
}
void* __wrap__ZnwmRKSt9nothrow_t(std::size_t length, const std::nothrow_t& tag) {
  allocation();
  return __real__ZnwmRKSt9nothrow_t(length, tag);
}
void* __wrap__ZnwmSt11align_val_tRKSt9nothrow_t(std::size_t length, std::align_val_t alignment,
                                                const std::nothrow_t& tag) {
  allocation();
  return __real__ZnwmSt11align_val_tRKSt9nothrow_t(length, alignment, tag);
}
void __wrap__ZdlPv(void* old) {
  a_free();
  __real__ZdlPv(old);
}
void __wrap__ZdlPvm(void* old, std::size_t length) {
  a_free();
  __real__ZdlPvm(old, length);
}
void __wrap__ZdaPv(void* old) {
  a_free();
  __real__ZdaPv(old);
}
}

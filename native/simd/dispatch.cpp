// SPDX-License-Identifier: Apache-2.0
#include <atomic>
#include <bit>
#include <iterator>

#include "simd/kernels.hpp"
#include "simd/level.hpp"
#include "simd/unmask.hpp"
#include "simd/utf8.hpp"

namespace millrace::simd {

namespace {

struct Kernels {
  Level level;
  UnmaskKernel* unmask;
  Utf8Kernel* utf8;
};

/// Best first.
constexpr Kernels kKernels[] = {
#if defined(__x86_64__)
    {Level::avx512, avx2::unmask, avx512::utf8},   {Level::avx2, avx2::unmask, avx2::utf8},
    {Level::ssse3, sse2::unmask, ssse3::utf8},     {Level::sse2, sse2::unmask, sse2::utf8},
#elif defined(__aarch64__)
    {Level::neon, neon::unmask, neon::utf8},
#endif
    {Level::scalar, scalar::unmask, scalar::utf8},
};

/// The processor's, and the system's where it must save wider registers.
bool processor_has([[maybe_unused]] Level level) noexcept {
#if defined(__x86_64__)
  __builtin_cpu_init();
  // Not used itself: the processors before the first with VBMI lower their clock for vectors of 512 bits.
  const bool wide = __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vbmi");
  if (level == Level::avx512) return wide && __builtin_cpu_supports("avx2");
  if (level == Level::avx2) return __builtin_cpu_supports("avx2");
  if (level == Level::ssse3) return __builtin_cpu_supports("ssse3");
#endif
  return true;  // each of the others is what its architecture starts from
}

const Kernels* find(Level level) noexcept {
  for (const Kernels& kernels : kKernels) {
    if (kernels.level == level) return processor_has(level) ? &kernels : nullptr;
  }
  return nullptr;
}

const Kernels* best() noexcept {
  for (const Kernels& kernels : kKernels) {
    if (processor_has(kernels.level)) return &kernels;
  }
  return nullptr;  // not reached: every processor is scalar
}

// Usable from the first instruction on, whatever the order of static constructors; chosen when the library is loaded.
constinit std::atomic<const Kernels*> active = std::end(kKernels) - 1;
[[maybe_unused]] const bool chosen = (active.store(best(), std::memory_order_relaxed), true);

const Kernels& kernels() noexcept { return *active.load(std::memory_order_relaxed); }

}  // namespace

Level level() noexcept { return kernels().level; }

bool is_supported(Level level) noexcept { return find(level) != nullptr; }

bool force(Level level) noexcept {
  const Kernels* const found = find(level);
  if (found != nullptr) active.store(found, std::memory_order_relaxed);
  return found != nullptr;
}

void unmask(std::uint8_t* bytes, std::size_t length, std::uint32_t key, unsigned phase) noexcept {
  kernels().unmask(bytes, bytes, length, std::rotr(key, static_cast<int>(8 * (phase & 3))));
}

void unmask_copy(std::uint8_t* to, const std::uint8_t* from, std::size_t length, std::uint32_t key,
                 unsigned phase) noexcept {
  kernels().unmask(to, from, length, std::rotr(key, static_cast<int>(8 * (phase & 3))));
}

bool Utf8Validator::append(const std::uint8_t* bytes, std::size_t length) noexcept {
  state_ = kernels().utf8(state_, bytes, length);
  return state_ != kUtf8Refused;
}

}  // namespace millrace::simd

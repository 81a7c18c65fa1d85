// SPDX-License-Identifier: Apache-2.0
#include "verify/schemas.hpp"

#include <atomic>
#include <cerrno>
#include <mutex>

#include "verify/walk.hpp"

namespace millrace::verify {

namespace {

constexpr unsigned kPlaces = 4096;
constexpr unsigned kIndexBits = 12;
constexpr unsigned kGenerations = 1u << (31 - kIndexBits);

static_assert(kPlaces == 1u << kIndexBits);

/// A handle is the generation of a place, and the place. The generation changes when its schema is forgotten.
struct Place {
  std::atomic<const Schema*> schema{nullptr};
  std::atomic<unsigned> generation{0};
};

std::mutex places_lock;
Place places[kPlaces];

[[nodiscard]] Place* find_place(int handle) noexcept {
  if (handle < 0) return nullptr;
  const auto number = static_cast<unsigned>(handle);
  Place& place = places[number % kPlaces];
  return place.generation.load(std::memory_order_acquire) == number / kPlaces ? &place : nullptr;
}

}  // namespace

int keep(const std::uint8_t* bfbs, std::size_t length, const Limits& limits) noexcept {
  if (bfbs == nullptr) return -EINVAL;
  SchemaPointer schema;
  const Refusal refusal = load(bfbs, length, limits, &schema);
  if (refusal != Refusal::none) return refusal == Refusal::no_memory ? -ENOMEM : -EINVAL;
  const std::lock_guard guard(places_lock);
  for (unsigned index = 0; index != kPlaces; ++index) {
    Place& place = places[index];
    if (place.schema.load(std::memory_order_relaxed) != nullptr) continue;
    place.schema.store(schema.release(), std::memory_order_release);
    return static_cast<int>(place.generation.load(std::memory_order_relaxed) * kPlaces + index);
  }
  return -EMFILE;
}

const Schema* find(int handle) noexcept {
  Place* const place = find_place(handle);
  return place != nullptr ? place->schema.load(std::memory_order_acquire) : nullptr;
}

int forget(int handle) noexcept {
  const std::lock_guard guard(places_lock);
  Place* const place = find_place(handle);
  if (place == nullptr) return -EBADF;
  const SchemaPointer schema(place->schema.exchange(nullptr, std::memory_order_acq_rel));
  if (schema == nullptr) return -EBADF;
  const unsigned generation = place->generation.load(std::memory_order_relaxed);
  place->generation.store((generation + 1) % kGenerations, std::memory_order_release);
  return 0;
}

int judge(int handle, const std::uint8_t* bytes, std::size_t length) noexcept {
  const Schema* const schema = find(handle);
  if (schema == nullptr) return -EBADF;
  return bytes != nullptr ? static_cast<int>(walk(*schema, bytes, length)) : -EINVAL;
}

int judge(int handle, const std::uint8_t* bytes, std::size_t length, char* text, std::size_t capacity,
          std::size_t* described) noexcept {
  *described = 0;
  const Schema* const schema = find(handle);
  if (schema == nullptr) return -EBADF;
  if (bytes == nullptr || text == nullptr) return -EINVAL;
  Trace trace;
  const Fault fault = walk(*schema, bytes, length, &trace);
  if (fault != Fault::none) *described = trace.describe(*schema, fault, text, capacity);
  return static_cast<int>(fault);
}

}  // namespace millrace::verify

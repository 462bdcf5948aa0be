#include "sha256.h"

#include <array>

namespace liif {

namespace {

constexpr size_t kBlock = 64;  // bytes

// FIPS 180-4, 4.2.2 and 5.3.3: the first 32 bits of the fractions of the cube roots of the first 64
// primes, and of the square roots of the first 8. Taken by whole-number bisection, not from a table.
struct Constants {
  std::array<uint32_t, 64> round{};
  std::array<uint32_t, 8> start{};

  Constants() {
    size_t n = 0;
    for (uint64_t p = 2; n < round.size(); ++p) {
      bool prime = true;
      for (uint64_t d = 2; d * d <= p; ++d) prime = prime && p % d != 0;
      if (!prime) continue;
      round[n] = fraction(p, 3);
      if (n < start.size()) start[n] = fraction(p, 2);
      ++n;
    }
  }

  // floor(root(p) * 2^32) mod 2^32: the largest r with r^degree <= p * 2^(32 * degree).
  static uint32_t fraction(uint64_t p, int degree) {
    using Wide = unsigned __int128;
    const Wide limit = static_cast<Wide>(p) << (32 * degree);
    Wide root = 0;
    for (int bit = 36; bit >= 0; --bit) {
      const Wide next = root | static_cast<Wide>(1) << bit;
      Wide power = next;
      for (int i = 1; i < degree; ++i) power *= next;
      if (power <= limit) root = next;
    }
    return static_cast<uint32_t>(root);
  }
};

uint32_t rotate(uint32_t x, int n) { return x >> n | x << (32 - n); }

void compress(std::array<uint32_t, 8>& state, const uint8_t* block, const Constants& constants) {
  std::array<uint32_t, 64> w{};
  for (size_t i = 0; i < 16; ++i) {
    for (size_t j = 0; j < 4; ++j) w[i] = w[i] << 8 | block[4 * i + j];
  }
  for (size_t i = 16; i < 64; ++i) {
    const uint32_t s0 = rotate(w[i - 15], 7) ^ rotate(w[i - 15], 18) ^ w[i - 15] >> 3;
    const uint32_t s1 = rotate(w[i - 2], 17) ^ rotate(w[i - 2], 19) ^ w[i - 2] >> 10;
    w[i] = w[i - 16] + s0 + w[i - 7] + s1;
  }
  auto [a, b, c, d, e, f, g, h] = state;
  for (size_t i = 0; i < 64; ++i) {
    const uint32_t s1 = rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25);
    const uint32_t t1 = h + s1 + ((e & f) ^ (~e & g)) + constants.round[i] + w[i];
    const uint32_t s0 = rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22);
    const uint32_t t2 = s0 + ((a & b) ^ (a & c) ^ (b & c));
    h = g, g = f, f = e, e = d + t1, d = c, c = b, b = a, a = t1 + t2;
  }
  const std::array<uint32_t, 8> added{a, b, c, d, e, f, g, h};
  for (size_t i = 0; i < 8; ++i) state[i] += added[i];
}

}  // namespace

std::string sha256(const Bytes& content) {
  static const Constants constants;
  auto state = constants.start;
  const size_t whole = content.size() / kBlock * kBlock;
  for (size_t i = 0; i < whole; i += kBlock) compress(state, content.data() + i, constants);
  // 5.1.1: a one bit, zeros, and the length in bits as the last 64 bits of a block.
  Bytes tail(content.begin() + whole, content.end());
  tail.push_back(0x80);
  while (tail.size() % kBlock != kBlock - 8) tail.push_back(0);
  const uint64_t bits = 8 * static_cast<uint64_t>(content.size());
  for (int shift = 56; shift >= 0; shift -= 8) tail.push_back(static_cast<uint8_t>(bits >> shift));
  for (size_t i = 0; i < tail.size(); i += kBlock) compress(state, tail.data() + i, constants);
  std::string digits;
  for (const uint32_t word : state) {
    for (int shift = 28; shift >= 0; shift -= 4) digits += "0123456789abcdef"[word >> shift & 15];
  }
  return digits;
}

}  // namespace liif

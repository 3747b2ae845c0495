// The kernels' machine, emulated on a CPU: threads of a block are coroutines that give way at every
// barrier and exchange, so that blocks run exactly as the sources say, divergent barriers are found,
// and two orders of threads can be compared.
#pragma once
#include <cfloat>
#include <cmath>
#include <cstdint>
#include <cstring>

typedef unsigned int u32;
typedef unsigned short u16;
struct uint2 { u32 x, y; };
struct alignas(16) uint4 { u32 x, y, z, w; };
struct alignas(16) float4 { float x, y, z, w; };
struct Index { u32 x, y, z; };

#define KERNEL extern "C" void
#define DEVICE static inline
#define SHARED static
#define DYNAMIC_SHARED(name) unsigned char* name = machine.dynamic_shared
#define BOUNDS(threads, blocks)

// Plain globals: the driver runs one launch at a time.
struct Machine {
  unsigned char* dynamic_shared;
  int thread;  // the one that runs
  int parity[1024];
  u32 exchanged[32][2][32];
  float fragments[32][2][32][10];
};
extern Machine machine;
extern Index threadIdx, blockIdx, blockDim, gridDim;
enum Wait { RUNS, AT_WARP, AT_BLOCK, ENDED };
void give_way(Wait reason);

inline void block_barrier() { give_way(AT_BLOCK); }
inline void warp_barrier() { give_way(AT_WARP); }

// Two sets of places in turn: no lane can be two exchanges ahead of another.
inline u32 exchange(u32 value, int lane) {
  int self = machine.thread;
  int turn = machine.parity[self] ^= 1;
  machine.exchanged[self / 32][turn][self % 32] = value;
  give_way(AT_WARP);
  return machine.exchanged[self / 32][turn][lane & 31];
}

inline float as_float(u32 bits) { float value; memcpy(&value, &bits, 4); return value; }
inline u32 as_bits(float value) { u32 bits; memcpy(&bits, &value, 4); return bits; }
inline u32 shuffle(u32 value, int lane) { return exchange(value, lane); }
inline int shuffle_xor(int value, int mask) { return (int)exchange((u32)value, machine.thread ^ mask); }
inline float shuffle_xor(float value, int mask) {
  return as_float(exchange(as_bits(value), machine.thread ^ mask));
}
inline u32 votes_of(bool value) {
  int self = machine.thread;
  exchange(value, self);
  u32 votes = 0;
  for (int lane = 0; lane < 32; lane++) {
    votes |= machine.exchanged[self / 32][machine.parity[self]][lane] << lane;
  }
  return votes;
}
inline int count_bits(u32 value) { return __builtin_popcount(value); }
inline u32 funnel(u32 low, u32 high, int shift) {
  return (u32)(((uint64_t)high << 32 | low) >> (shift & 31));
}

inline u16 to_half(float value) {
  _Float16 half = (_Float16)value;
  u16 bits;
  memcpy(&bits, &half, 2);
  return bits;
}
inline float from_half(u16 bits) {
  _Float16 half;
  memcpy(&half, &bits, 2);
  return (float)half;
}

// Every lane lays down its fragments of A and B; then each sums its four elements of C.
inline void multiply_add(float c[4], const u32 a[4], const u32 b[2]) {
  int self = machine.thread;
  int turn = machine.parity[self] ^= 1;
  auto* all = machine.fragments[self / 32][turn];
  // As halves: A words 0 to 3, B words 0 and 1, kept as bits.
  for (int i = 0; i < 4; i++) all[self % 32][i] = as_float(a[i]);
  for (int i = 0; i < 2; i++) all[self % 32][4 + i] = as_float(b[i]);
  give_way(AT_WARP);
  int g = self % 32 / 4;
  int t = self % 4;
  for (int i = 0; i < 4; i++) {
    int half_of_rows = i / 2;  // row g or g + 8
    int column = 2 * t + i % 2;
    float sum = 0;
    for (int k = 0; k < 16; k++) {
      int owner = k % 8 / 2;
      u32 a_word = as_bits(all[g * 4 + owner][k / 8 * 2 + half_of_rows]);
      u32 b_word = as_bits(all[column * 4 + owner][4 + k / 8]);
      u16 a_bits = (u16)(k % 2 == 0 ? a_word : a_word >> 16);
      u16 b_bits = (u16)(k % 2 == 0 ? b_word : b_word >> 16);
      sum += from_half(a_bits) * from_half(b_bits);
    }
    c[i] += sum;
  }
}

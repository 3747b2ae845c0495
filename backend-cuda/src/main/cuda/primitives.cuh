// What kernels need of the machine, and nothing more: so that the same sources also compile for a
// CPU, where src/test/cpp/machine.h gives these names another meaning and tests run every kernel.
#pragma once

#ifdef __CUDACC__

#define KERNEL extern "C" __global__ void
#define DEVICE static __device__ __forceinline__
#define SHARED __shared__
// The launch's dynamic shared memory; 16-byte aligned.
#define DYNAMIC_SHARED(name) extern __shared__ __align__(16) unsigned char name[]
#define BOUNDS(threads, blocks) __launch_bounds__(threads, blocks)

typedef unsigned int u32;
typedef unsigned short u16;

DEVICE void block_barrier() { __syncthreads(); }
DEVICE void warp_barrier() { __syncwarp(); }
DEVICE float shuffle_xor(float value, int mask) { return __shfl_xor_sync(~0u, value, mask); }
DEVICE int shuffle_xor(int value, int mask) { return __shfl_xor_sync(~0u, value, mask); }
DEVICE u32 shuffle(u32 value, int lane) { return __shfl_sync(~0u, value, lane); }
DEVICE u32 votes_of(bool value) { return __ballot_sync(~0u, value); }
DEVICE int count_bits(u32 value) { return __popc(value); }
// The 32 bits of high:low that begin `shift` (0 to 31) bits above the lowest.
DEVICE u32 funnel(u32 low, u32 high, int shift) { return __funnelshift_r(low, high, shift); }
DEVICE float as_float(u32 bits) { return __uint_as_float(bits); }
DEVICE u32 as_bits(float value) { return __float_as_uint(value); }

DEVICE u16 to_half(float value) {
  u16 bits;
  asm("cvt.rn.f16.f32 %0, %1;" : "=h"(bits) : "f"(value));
  return bits;
}

DEVICE float from_half(u16 bits) {
  float value;
  asm("cvt.f32.f16 %0, %1;" : "=f"(value) : "h"(bits));
  return value;
}

// C += A B for A 16 x 16 and B 16 x 8 in half precision, C in single. With g = lane / 4 and
// t = lane % 4 a lane holds, two neighbours in k to a word, the lower in the low half:
//   a[0], a[1]: rows g and g + 8, k = 2t;   a[2], a[3]: the same rows, k = 2t + 8
//   b[0], b[1]: column g, k = 2t and 2t + 8
//   c[0], c[1]: row g, columns 2t and 2t + 1;   c[2], c[3]: row g + 8
DEVICE void multiply_add(float c[4], const u32 a[4], const u32 b[2]) {
#if __CUDA_ARCH__ >= 800
  asm volatile(
      "mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 "
      "{%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
      : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
#else
  asm volatile(
      "mma.sync.aligned.m16n8k8.row.col.f32.f16.f16.f32 "
      "{%0,%1,%2,%3}, {%4,%5}, {%6}, {%0,%1,%2,%3};"
      : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
      : "r"(a[0]), "r"(a[1]), "r"(b[0]));
  asm volatile(
      "mma.sync.aligned.m16n8k8.row.col.f32.f16.f16.f32 "
      "{%0,%1,%2,%3}, {%4,%5}, {%6}, {%0,%1,%2,%3};"
      : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
      : "r"(a[2]), "r"(a[3]), "r"(b[1]));
#endif
}

#else
#include "machine.h"
#endif

// ------------------------------------------------------------------ built on those

DEVICE float from_brain(u16 bits) { return as_float((u32)bits << 16); }

DEVICE u16 to_brain(float value) {
  u32 bits = as_bits(value);
  if ((bits & 0x7fffffff) > 0x7f800000) return (u16)(bits >> 16 | 0x40); // stays not a number
  return (u16)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

DEVICE float warp_sum(float value) {
  for (int mask = 16; mask > 0; mask >>= 1) value += shuffle_xor(value, mask);
  return value;
}

DEVICE float warp_max(float value) {
  for (int mask = 16; mask > 0; mask >>= 1) value = fmaxf(value, shuffle_xor(value, mask));
  return value;
}

// The sum of the values up to and with this lane's.
DEVICE int warp_sum_so_far(int value) {
  int lane = threadIdx.x % 32;
  for (int distance = 1; distance < 32; distance <<= 1) {
    int other = (int)shuffle((u32)value, (lane - distance) & 31);
    if (lane >= distance) value += other;
  }
  return value;
}

// The sum over the block, the same in every thread, always added in one order.
DEVICE float block_sum(float value) {
  SHARED float sums[32];
  value = warp_sum(value);
  if (threadIdx.x % 32 == 0) sums[threadIdx.x / 32] = value;
  block_barrier();
  float total = 0;
  for (u32 warp = 0; warp < blockDim.x / 32; warp++) total += sums[warp];
  block_barrier();
  return total;
}

DEVICE float block_max(float value) {
  SHARED float maxima[32];
  value = warp_max(value);
  if (threadIdx.x % 32 == 0) maxima[threadIdx.x / 32] = value;
  block_barrier();
  float maximum = maxima[0];
  for (u32 warp = 1; warp < blockDim.x / 32; warp++) maximum = fmaxf(maximum, maxima[warp]);
  block_barrier();
  return maximum;
}

// A row of activations in shared memory: Hadamard transform, signs, loading and storing.
#pragma once
#include "structures.cuh"

// Where element i lies: a gap after every 32 keeps strided passes free of bank conflicts.
DEVICE int at(int i) { return i + (i >> 5); }

template <int COUNT>
DEVICE void butterflies(float* row, int base, int stride) {
  float v[COUNT];
  for (int i = 0; i < COUNT; i++) v[i] = row[at(base + i * stride)];
  for (int half = 1; half < COUNT; half <<= 1) {
    for (int i = 0; i < COUNT; i++) {
      if ((i & half) == 0) {
        float a = v[i];
        float b = v[i + half];
        v[i] = a + b;
        v[i + half] = a - b;
      }
    }
  }
  for (int i = 0; i < COUNT; i++) row[at(base + i * stride)] = v[i];
}

// Orthonormal Walsh-Hadamard transforms, in natural order, of each `block` of a row; up to three
// stages for every exchange through shared memory. Begins and ends with a barrier.
DEVICE void hadamard(float* row, int width, int block) {
  block_barrier();
  int stride = 1;
  while (stride < block) {
    int left = block / stride;
    int radix = left >= 8 ? 8 : left;
    for (int i = threadIdx.x; i < width / radix; i += blockDim.x) {
      int base = i / stride * stride * radix + i % stride;
      if (radix == 8) {
        butterflies<8>(row, base, stride);
      } else if (radix == 4) {
        butterflies<4>(row, base, stride);
      } else {
        butterflies<2>(row, base, stride);
      }
    }
    stride *= radix;
    block_barrier();
  }
  float norm = 1 / sqrtf((float)block);
  for (int i = threadIdx.x; i < width; i += blockDim.x) row[at(i)] *= norm;
  block_barrier();
}

DEVICE float with_sign(const Rotation& rotation, int expert, int i, float value) {
  if (rotation.packed) {
    const u32* words = (const u32*)rotation.signs + (long long)expert * ((rotation.width + 31) / 32);
    return as_float(as_bits(value) ^ (words[i >> 5] >> (i & 31) & 1) << 31);
  }
  return value * ((const float*)rotation.signs)[(long long)expert * rotation.width + i];
}

DEVICE void multiply_signs(float* row, const Rotation& rotation, int expert) {
  for (int i = threadIdx.x; i < rotation.width; i += blockDim.x) {
    row[at(i)] = with_sign(rotation, expert, i, row[at(i)]);
  }
}

// row = H (s * row)
DEVICE void rotate_input(float* row, const Rotation& rotation, int expert) {
  if (rotation.block == 0) return;
  multiply_signs(row, rotation, expert);
  hadamard(row, rotation.width, rotation.block);
}

// row = s * (H row)
DEVICE void rotate_output(float* row, const Rotation& rotation, int expert) {
  if (rotation.block == 0) return;
  hadamard(row, rotation.width, rotation.block);
  multiply_signs(row, rotation, expert);
}

// Loads need a barrier before another thread's element is read.
DEVICE void load_row(float* row, const float* from, int width) {
  for (int i = threadIdx.x; i < width; i += blockDim.x) row[at(i)] = from[i];
}

DEVICE void store_row(const float* row, float* to, int width) {
  for (int i = threadIdx.x; i < width; i += blockDim.x) to[i] = row[at(i)];
}

// Stores a row as row r of an operand. Halves are scaled by a power of two so that the largest lies
// between 128 and 256: nothing overflows, and what underflows is 2^-32 of it. Needs a barrier before.
DEVICE void store_operand(const float* row, const Operand& operand, int r) {
  int width = operand.width;
  if (operand.values != nullptr) {
    store_row(row, operand.values + (long long)r * width, width);
    return;
  }
  float largest = 0;
  for (int i = threadIdx.x; i < width; i += blockDim.x) largest = fmaxf(largest, fabsf(row[at(i)]));
  largest = block_max(largest);
  int exponent = (int)(as_bits(largest) >> 23 & 0xff);
  exponent = exponent < 8 ? 8 : exponent > 254 ? 254 : exponent;
  float inverse = as_float((u32)(261 - exponent) << 23);
  u32* pairs = operand.pairs + (long long)r * (width / 2);
  for (int i = threadIdx.x; i < width / 2; i += blockDim.x) {
    u32 first = to_half(row[at(2 * i)] * inverse);
    u32 second = to_half(row[at(2 * i + 1)] * inverse);
    pairs[i] = first << 16 | second;
  }
  if (threadIdx.x == 0) operand.scales[r] = as_float((u32)(exponent - 7) << 23);
}

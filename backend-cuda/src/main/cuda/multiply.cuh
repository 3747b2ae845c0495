// Products Y = X W^T of some rows and one matrix of a bank. The grid is
// (stretches of outputs, items, products); an item is a run of rows that share a matrix.
#pragma once
#include "rows.cuh"

#define FEW 8  // rows that the kernels for short passes take at a time

DEVICE Item item_of(const MultiplyParameters& p, int index) {
  if (p.items != nullptr) {
    return index < *p.item_count ? p.items[index] : Item{0, 0, 0, 0};
  }
  int first = index * p.item_rows;
  int count = p.rows - first < p.item_rows ? p.rows - first : p.item_rows;
  return Item{0, first, count, 0};
}

DEVICE void load_weights(float w[8], const unsigned char* matrix, int kind, long long index) {
  if (kind == DENSE_F32) {
    const float4* from = (const float4*)((const float*)matrix + index);
    float4 a = from[0];
    float4 b = from[1];
    w[0] = a.x, w[1] = a.y, w[2] = a.z, w[3] = a.w;
    w[4] = b.x, w[5] = b.y, w[6] = b.z, w[7] = b.w;
    return;
  }
  uint4 words = *(const uint4*)((const u16*)matrix + index);
  u32 word[4] = {words.x, words.y, words.z, words.w};
  for (int i = 0; i < 4; i++) {
    u16 low = (u16)word[i];
    u16 high = (u16)(word[i] >> 16);
    w[2 * i] = kind == DENSE_F16 ? from_half(low) : from_brain(low);
    w[2 * i + 1] = kind == DENSE_F16 ? from_half(high) : from_brain(high);
  }
}

DEVICE float load_weight(const unsigned char* matrix, int kind, long long index) {
  if (kind == DENSE_F32) return ((const float*)matrix)[index];
  u16 bits = ((const u16*)matrix)[index];
  return kind == DENSE_F16 ? from_half(bits) : from_brain(bits);
}

// A warp for each output, for up to FEW rows. Weights of any plain type, of any width; eight at a
// time where rows of the matrix are aligned for that.
template <int COUNT>
DEVICE void dense_output(const Product& p, const Item& item, int output) {
  int lane = threadIdx.x % 32;
  int inputs = p.bank.inputs;
  const unsigned char* matrix = p.bank.experts[item.expert];
  const float* x = p.input.values + (long long)item.first * inputs;
  long long row = (long long)output * inputs;
  float sums[COUNT];
  for (int r = 0; r < COUNT; r++) sums[r] = 0;
  if (inputs % 8 == 0) {
    for (int i = lane * 8; i < inputs; i += 256) {
      float w[8];
      load_weights(w, matrix, p.bank.kind, row + i);
#pragma unroll
      for (int r = 0; r < COUNT; r++) {
        if (r < item.count) {
          const float4* from = (const float4*)(x + (long long)r * inputs + i);
          float4 a = from[0];
          float4 b = from[1];
          sums[r] += w[0] * a.x + w[1] * a.y + w[2] * a.z + w[3] * a.w;
          sums[r] += w[4] * b.x + w[5] * b.y + w[6] * b.z + w[7] * b.w;
        }
      }
    }
  } else {
    for (int i = lane; i < inputs; i += 32) {
      float w = load_weight(matrix, p.bank.kind, row + i);
#pragma unroll
      for (int r = 0; r < COUNT; r++) {
        if (r < item.count) sums[r] += w * x[(long long)r * inputs + i];
      }
    }
  }
#pragma unroll
  for (int r = 0; r < COUNT; r++) {
    if (r < item.count) { // for the whole block
      float sum = warp_sum(sums[r]);
      if (lane == 0) p.output[(long long)(item.first + r) * p.bank.outputs + output] = sum;
    }
  }
}

KERNEL BOUNDS(128, 4) multiply_dense(MultiplyParameters p) {
  const Product& product = p.products[blockIdx.z];
  Item item = item_of(p, blockIdx.y);
  if (item.count <= 0) return;
  int warps = gridDim.x * (blockDim.x / 32);
  int warp = blockIdx.x * (blockDim.x / 32) + threadIdx.x / 32;
  for (int output = warp; output < product.bank.outputs; output += warps) {
    if (item.count == 1) {
      dense_output<1>(product, item, output);
    } else {
      dense_output<FEW>(product, item, output);
    }
  }
}

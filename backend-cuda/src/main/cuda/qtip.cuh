// Products with trellis-coded matrices, straight from their codes.
//
// A packed matrix of T = outputs/16 x inputs/16 tiles:
//   words     64 T bytes  groups of 256 bytes for four neighbouring tiles of a row of tiles: for each
//                         lane (g = lane / 4, t = lane % 4) the code words of rows g and g + 8 of tile
//                         t. A code word holds the eight codes of a row's sixteen weights, the first
//                         in the highest bits.
//   previous   2 T bytes  for each tile the twelve bits of code before its first row
//   scales     4 bytes, or 4 T bytes: floats, tile after tile
// A state is the sixteen bits that end with a code; x = s (s + 1) picks a pair of the codebook by
// bits 6 to 14 and flips the second's sign by bit 15. A pair of halves has the second in the low
// half, so that this bit lies where the sign is.
#pragma once
#include "multiply.cuh"

struct Packed {
  const uint2* words;
  const u16* previous;
  const float* scales;
};

DEVICE Packed packed_matrix(const unsigned char* base, const Bank& bank) {
  long long tiles = (long long)(bank.outputs / 16) * (bank.inputs / 16);
  return Packed{(const uint2*)base, (const u16*)(base + 64 * tiles),
                (const float*)(base + 66 * tiles)};
}

// What one lane reads of four tiles.
struct Group {
  uint2 own;       // code words of rows g and g + 8 of tile t
  u32 before_tile; // of tile t
};

DEVICE Group load_group(const Packed& matrix, long long group) {
  int lane = threadIdx.x % 32;
  return Group{matrix.words[group * 32 + lane], matrix.previous[group * 4 + lane % 4]};
}

// The words above those of a group: each row's predecessor is the row before it.
DEVICE uint2 words_before(const Group& group) {
  int lane = threadIdx.x % 32;
  int above = (lane + 28) & 31;
  u32 first = shuffle(group.own.x, above);
  // Row 7 comes before row 8: its lanes hand on their first word.
  u32 second = shuffle(lane >= 28 ? group.own.x : group.own.y, above);
  return uint2{lane < 4 ? group.before_tile : first, second};
}

// x of state i (0 to 7) of a row; only its low sixteen bits mean anything.
DEVICE u32 hashed_state(u32 before, u32 own, int i) {
  u32 state = funnel(own, before, 28 - 4 * i);
  return state * state + state;
}

// ------------------------------------------------------------------ floats, any scales

// Two rows of a tile, sixteen weights each, times up to FEW rows of activations.
DEVICE void add_tile(float sums[2][FEW], const Group& group, uint2 before, const float* codebook,
                     float scale, const float* x, long long stride, int count) {
  for (int half = 0; half < 2; half++) {
    u32 own = half == 0 ? group.own.x : group.own.y;
    u32 above = half == 0 ? before.x : before.y;
    float part[FEW];
    for (int r = 0; r < FEW; r++) part[r] = 0;
    for (int i = 0; i < 8; i++) {
      u32 hashed = hashed_state(above, own, i);
      const float* pair = codebook + 2 * (hashed >> 6 & 511);
      float first = pair[0];
      float second = hashed & 0x8000 ? -pair[1] : pair[1];
      for (int r = 0; r < FEW; r++) {
        if (r < count) part[r] += first * x[r * stride + 2 * i] + second * x[r * stride + 2 * i + 1];
      }
    }
    for (int r = 0; r < FEW; r++) sums[half][r] += part[r] * scale;
  }
}

// Sums over the warps of a block, in their order, and stores 16 outputs of each row.
DEVICE void store_tile_row(const float* sums, const Product& p, const Item& item, int tile_row,
                           float scale, const float* row_scales) {
  int warps = blockDim.x / 32;
  block_barrier();
  for (int i = threadIdx.x; i < 16 * FEW; i += blockDim.x) {
    int r = i / 16;
    float total = 0;
    for (int warp = 0; warp < warps; warp++) total += sums[warp * 16 * FEW + i];
    if (r < item.count) {
      if (row_scales != nullptr) total *= scale * row_scales[item.first + r];
      p.output[(long long)(item.first + r) * p.bank.outputs + tile_row * 16 + i % 16] = total;
    }
  }
  block_barrier();
}

// Exact: weights as decoded, arithmetic in single precision.
KERNEL BOUNDS(256, 2) multiply_qtip_exact(MultiplyParameters p) {
  DYNAMIC_SHARED(memory);
  float* codebook = (float*)memory; // [512 x 2]
  float* sums = codebook + 1024;    // [warps x FEW x 16]
  const Product& product = p.products[blockIdx.z];
  Item item = item_of(p, blockIdx.y);
  if (item.count <= 0) return;
  for (int i = threadIdx.x; i < 1024; i += blockDim.x) codebook[i] = p.codebook[i];
  block_barrier();
  int lane = threadIdx.x % 32;
  int warp = threadIdx.x / 32;
  int warps = blockDim.x / 32;
  int inputs = product.bank.inputs;
  int groups = inputs / 64;
  Packed matrix = packed_matrix(product.bank.experts[item.expert], product.bank);
  const float* x = product.input.values + (long long)item.first * inputs;
  for (int tile_row = blockIdx.x; tile_row < product.bank.outputs / 16; tile_row += gridDim.x) {
    float mine[2][FEW];
    for (int r = 0; r < FEW; r++) mine[0][r] = mine[1][r] = 0;
    for (int k = warp; k < groups; k += warps) {
      long long index = (long long)tile_row * groups + k;
      Group group = load_group(matrix, index);
      uint2 before = words_before(group);
      int tile = lane % 4;
      float scale = matrix.scales[product.bank.kind == QTIP_SCALED ? index * 4 + tile : 0];
      add_tile(mine, group, before, codebook, scale, x + k * 64 + tile * 16, inputs, item.count);
    }
    for (int half = 0; half < 2; half++) {
      for (int r = 0; r < FEW; r++) {
        float sum = mine[half][r];
        sum += shuffle_xor(sum, 1);
        sum += shuffle_xor(sum, 2);
        if (lane % 4 == 0) sums[(warp * FEW + r) * 16 + half * 8 + lane / 4] = sum;
      }
    }
    store_tile_row(sums, product, item, tile_row, 1, nullptr);
  }
}

// ------------------------------------------------------------------ tensor cores, one scale

// The codebook in shared memory, COPIES times side by side: lane l reads copy l % COPIES, which for
// 32 copies never meets another lane's bank.
template <int COPIES>
DEVICE void spread_codebook(u32* spread, const u32* table) {
  for (int i = threadIdx.x; i < 512 * COPIES; i += blockDim.x) spread[i] = table[i / COPIES];
}

template <int COPIES>
DEVICE u32 decoded_pair(const u32* own_copy, u32 hashed) {
  return own_copy[(hashed >> 6 & 511) * COPIES] ^ (hashed & 0x8000);
}

// Step s (0 to 3) of a group: pairs 2s and 2s + 1 of rows g and g + 8. The order of k within a
// product is free, so each lane's four tiles' worth needs no exchange.
template <int COPIES>
DEVICE void decode_step(u32 a[4], const Group& group, uint2 before, const u32* own_copy, int s) {
  a[0] = decoded_pair<COPIES>(own_copy, hashed_state(before.x, group.own.x, 2 * s));
  a[1] = decoded_pair<COPIES>(own_copy, hashed_state(before.y, group.own.y, 2 * s));
  a[2] = decoded_pair<COPIES>(own_copy, hashed_state(before.x, group.own.x, 2 * s + 1));
  a[3] = decoded_pair<COPIES>(own_copy, hashed_state(before.y, group.own.y, 2 * s + 1));
}

// A group times up to FEW rows. Lane (g, t) brings row g's activations at tile t: 8 words.
template <int COPIES>
DEVICE void add_group(float c[4], const Group& group, const u32* own_copy, const u32* x, bool has) {
  uint2 before = words_before(group);
  uint4 low = uint4{0, 0, 0, 0};
  uint4 high = low;
  if (has) {
    low = ((const uint4*)x)[0];
    high = ((const uint4*)x)[1];
  }
  u32 b[4][2] = {{low.x, low.y}, {low.z, low.w}, {high.x, high.y}, {high.z, high.w}};
#pragma unroll
  for (int s = 0; s < 4; s++) {
    u32 a[4];
    decode_step<COPIES>(a, group, before, own_copy, s);
    multiply_add(c, a, b[s]);
  }
}

// Few rows. The warps of a block share one row of tiles at a time, each a part of its inputs.
#define AHEAD 4 // groups that a warp has in flight
template <int COPIES>
DEVICE void multiply_few(const MultiplyParameters& p, unsigned char* memory) {
  const Product& product = p.products[blockIdx.z];
  Item item = item_of(p, blockIdx.y);
  if (item.count <= 0) return;
  u32* spread = (u32*)memory;
  float* sums = (float*)(spread + 512 * COPIES); // [warps x FEW x 16]
  spread_codebook<COPIES>(spread, p.table);
  block_barrier();
  int lane = threadIdx.x % 32;
  int warp = threadIdx.x / 32;
  int warps = blockDim.x / 32;
  const u32* own_copy = spread + lane % COPIES;
  int inputs = product.bank.inputs;
  int groups = inputs / 64;
  Packed matrix = packed_matrix(product.bank.experts[item.expert], product.bank);
  bool has = lane / 4 < item.count;
  const u32* x = product.input.pairs + (long long)(item.first + (has ? lane / 4 : 0)) * (inputs / 2) +
                 lane % 4 * 8;
  for (int tile_row = blockIdx.x; tile_row < product.bank.outputs / 16; tile_row += gridDim.x) {
    long long start = (long long)tile_row * groups;
    float c[4] = {0, 0, 0, 0};
    for (int k = warp; k < groups; k += AHEAD * warps) {
      Group ahead[AHEAD];
#pragma unroll
      for (int i = 0; i < AHEAD; i++) {
        if (k + i * warps < groups) ahead[i] = load_group(matrix, start + k + i * warps);
      }
#pragma unroll
      for (int i = 0; i < AHEAD; i++) {
        if (k + i * warps < groups) {
          add_group<COPIES>(c, ahead[i], own_copy, x + (k + i * warps) * 32, has);
        }
      }
    }
    int g = lane / 4;
    int n = lane % 4 * 2;
    float* own = sums + warp * FEW * 16;
    own[n * 16 + g] = c[0];
    own[(n + 1) * 16 + g] = c[1];
    own[n * 16 + g + 8] = c[2];
    own[(n + 1) * 16 + g + 8] = c[3];
    store_tile_row(sums, product, item, tile_row, matrix.scales[0], product.input.scales);
  }
}

KERNEL BOUNDS(512, 1) multiply_qtip_few_8(MultiplyParameters p) {
  DYNAMIC_SHARED(memory);
  multiply_few<8>(p, memory);
}

KERNEL BOUNDS(512, 1) multiply_qtip_few_32(MultiplyParameters p) {
  DYNAMIC_SHARED(memory);
  multiply_few<32>(p, memory);
}

// Many rows: each warp decodes a row of tiles once for MANY rows of activations, which the block
// shares in two buffers, one being filled while the other is read.
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ < 800
#define MANY_BLOCKS 1 // of a multiprocessor; two would spill registers there
#else
#define MANY_BLOCKS 2
#endif
#define MANY 64
#define MANY_STRIDE 36 // words of a row in a buffer: 32, and a gap against bank conflicts
#define MANY_WORDS (MANY * MANY_STRIDE)

DEVICE uint4 activations(const Product& p, const Item& item, int k, int i) {
  int row = i / 8;
  if (row >= item.count) return uint4{0, 0, 0, 0};
  const u32* from = p.input.pairs + (long long)(item.first + row) * (p.bank.inputs / 2) + k * 32;
  return ((const uint4*)from)[i % 8];
}

DEVICE void keep(u32* buffer, int i, uint4 words) {
  *(uint4*)(buffer + i / 8 * MANY_STRIDE + i % 8 * 4) = words;
}

template <int COPIES>
DEVICE void multiply_many(const MultiplyParameters& p, unsigned char* memory) {
  const Product& product = p.products[blockIdx.z];
  Item item = item_of(p, blockIdx.y);
  if (item.count <= 0) return;
  u32* spread = (u32*)memory;
  u32* buffers = spread + 512 * COPIES; // [2 x MANY_WORDS]
  int lane = threadIdx.x % 32;
  int warp = threadIdx.x / 32;
  const u32* own_copy = spread + lane % COPIES;
  int groups = product.bank.inputs / 64;
  int tile_rows = product.bank.outputs / 16;
  int tile_row = blockIdx.x * (blockDim.x / 32) + warp;
  bool works = tile_row < tile_rows; // for the whole warp
  Packed matrix = packed_matrix(product.bank.experts[item.expert], product.bank);
  long long start = (long long)(works ? tile_row : 0) * groups;
  int bands = (item.count + 7) / 8; // of eight rows each
  bool shares = blockDim.x == MANY * 4; // two loads of 16 bytes for each thread
  float c[MANY / 8][4];
#pragma unroll
  for (int band = 0; band < MANY / 8; band++) {
    for (int i = 0; i < 4; i++) c[band][i] = 0;
  }
  spread_codebook<COPIES>(spread, p.table);
  Group next = load_group(matrix, start);
  for (int i = threadIdx.x; i < MANY * 8; i += blockDim.x) {
    keep(buffers, i, activations(product, item, 0, i));
  }
  block_barrier();
  for (int k = 0; k < groups; k++) {
    const u32* buffer = buffers + k % 2 * MANY_WORDS;
    u32* other = buffers + (k + 1) % 2 * MANY_WORDS;
    Group group = next;
    uint4 coming[2]; // on their way while this group is multiplied
    if (k + 1 < groups) {
      next = load_group(matrix, start + k + 1);
      if (shares) {
        coming[0] = activations(product, item, k + 1, threadIdx.x);
        coming[1] = activations(product, item, k + 1, threadIdx.x + MANY * 4);
      }
    }
    uint2 before = words_before(group);
#pragma unroll
    for (int s = 0; s < 4; s += 2) {
      u32 a[4];
      u32 a_next[4];
      decode_step<COPIES>(a, group, before, own_copy, s);
      decode_step<COPIES>(a_next, group, before, own_copy, s + 1);
      const u32* x = buffer + lane / 4 * MANY_STRIDE + lane % 4 * 8 + s * 2;
#pragma unroll
      for (int band = 0; band < MANY / 8; band++) {
        if (band < bands) {
          uint4 words = *(const uint4*)(x + band * 8 * MANY_STRIDE);
          u32 b[2] = {words.x, words.y};
          u32 b_next[2] = {words.z, words.w};
          multiply_add(c[band], a, b);
          multiply_add(c[band], a_next, b_next);
        }
      }
    }
    if (k + 1 < groups) {
      if (shares) {
        keep(other, threadIdx.x, coming[0]);
        keep(other, threadIdx.x + MANY * 4, coming[1]);
      } else {
        for (int i = threadIdx.x; i < MANY * 8; i += blockDim.x) {
          keep(other, i, activations(product, item, k + 1, i));
        }
      }
    }
    block_barrier();
  }
  if (!works) return;
  float scale = matrix.scales[0];
#pragma unroll
  for (int band = 0; band < MANY / 8; band++) {
    for (int i = 0; i < 4; i++) {
      int r = band * 8 + lane % 4 * 2 + i % 2;
      if (r < item.count) {
        long long row = item.first + r;
        product.output[row * product.bank.outputs + tile_row * 16 + lane / 4 + i / 2 * 8] =
            c[band][i] * scale * product.input.scales[row];
      }
    }
  }
}

KERNEL BOUNDS(256, MANY_BLOCKS) multiply_qtip_many_8(MultiplyParameters p) {
  DYNAMIC_SHARED(memory);
  multiply_many<8>(p, memory);
}

KERNEL BOUNDS(256, MANY_BLOCKS) multiply_qtip_many_32(MultiplyParameters p) {
  DYNAMIC_SHARED(memory);
  multiply_many<32>(p, memory);
}

// ------------------------------------------------------------------ from the file's form

// A block for each row of tiles. A tile of the file: its scale as a half, the state of its first
// pair, then 127 codes, the first in the low half of a byte.
KERNEL BOUNDS(256, 2) repack_qtip(RepackParameters p) {
  int tile_row = blockIdx.x;
  int columns = p.tile_columns;
  long long tiles = (long long)p.tile_rows * columns;
  u32* words = (u32*)p.packed;
  u16* previous = (u16*)(p.packed + 64 * tiles);
  float* scales = (float*)(p.packed + 66 * tiles);
  const u16* first_block = (const u16*)p.blocks;
  for (int i = threadIdx.x; i < columns * 16; i += blockDim.x) {
    int column = i / 16;
    int r = i % 16;
    long long tile = (long long)tile_row * columns + column;
    const unsigned char* block = p.blocks + tile * 68;
    u32 state = block[2] | (u32)block[3] << 8;
    u32 word = 0;
    for (int k = 0; k < 8; k++) {
      int j = 8 * r + k; // code 0 is the end of the first state
      u32 code = j == 0 ? state & 15 : block[4 + (j - 1) / 2] >> ((j - 1) % 2 * 4) & 15;
      word = word << 4 | code;
    }
    int lane = r % 8 * 4 + column % 4;
    words[((tile_row * (long long)(columns / 4) + column / 4) * 32 + lane) * 2 + r / 8] = word;
    if (r == 0) {
      u16 bits = *(const u16*)block;
      previous[tile] = (u16)(state >> 4);
      if (p.scaled) {
        scales[tile] = from_half(bits);
      } else {
        if (tile == 0) scales[0] = from_half(bits);
        if (bits != *first_block) *p.differing = 1; // whoever writes it, writes the same
      }
    }
  }
}

// Attention over the cache. Few rows: each block takes one head and a stretch of positions, and
// `join` puts the stretches together. Many rows: each block takes one head and a block of
// neighbouring rows of one sequence, and walks over all positions.
#pragma once
#include "rows.cuh"

#define SPLIT 64       // positions of a stretch
#define QUERY_BLOCK 8  // rows that share a reading of keys and values
#define KEY_BLOCK 32   // positions in shared memory at a time

DEVICE float cached(const char* cache, int type, long long index) {
  if (type == F32) return ((const float*)cache)[index];
  u16 bits = ((const u16*)cache)[index];
  return type == F16 ? from_half(bits) : from_brain(bits);
}

// Dot products of a query with SPLIT keys, the softmax's numerators, and their sum with the values.
// Eight lanes share a position.
KERNEL BOUNDS(128, 8) attend_split(AttendParameters p) {
  DYNAMIC_SHARED(memory);
  float* query = (float*)memory;  // [head]
  float* scores = query + p.head; // [SPLIT]
  int head = blockIdx.x;
  int split = blockIdx.y;
  int r = blockIdx.z;
  Row row = p.rows[r];
  int start = split * SPLIT;
  if (start > row.position) return; // the whole block
  int count = row.position + 1 - start < SPLIT ? row.position + 1 - start : SPLIT;
  int cache_head = head / (p.heads / p.cache_heads);
  long long width = (long long)p.cache_heads * p.head;
  long long keys =
      p.before * row.context + ((long long)cache_head * row.context + start) * p.head;
  long long values = keys + width * row.context;
  const float* from = p.queries + ((long long)r * p.heads + head) * p.head;
  for (int i = threadIdx.x; i < p.head; i += blockDim.x) query[i] = from[i];
  block_barrier();
  int part = threadIdx.x % 8;
  for (int base = 0; base < SPLIT; base += blockDim.x / 8) {
    int position = base + threadIdx.x / 8;
    float sum = 0;
    if (position < count) {
      long long key = keys + (long long)position * p.head;
      for (int i = part; i < p.head; i += 8) sum += query[i] * cached(row.cache, row.type, key + i);
    }
    for (int mask = 4; mask > 0; mask >>= 1) sum += shuffle_xor(sum, mask);
    if (part == 0) scores[position] = position < count ? sum : -INFINITY;
  }
  block_barrier();
  float maximum = -INFINITY;
  for (int i = threadIdx.x; i < count; i += blockDim.x) maximum = fmaxf(maximum, scores[i]);
  maximum = block_max(maximum);
  float sum = 0;
  for (int i = threadIdx.x; i < count; i += blockDim.x) {
    scores[i] = expf(scores[i] - maximum);
    sum += scores[i];
  }
  sum = block_sum(sum); // a barrier too
  float* partial =
      p.partials + (((long long)r * p.heads + head) * p.splits + split) * (p.head + 2);
  for (int i = threadIdx.x; i < p.head; i += blockDim.x) {
    float total = 0;
    for (int j = 0; j < count; j++) {
      total += scores[j] * cached(row.cache, row.type, values + (long long)j * p.head + i);
    }
    partial[i] = total;
  }
  if (threadIdx.x == 0) {
    partial[p.head] = maximum;
    partial[p.head + 1] = sum;
  }
}

// One block for each head and row of a block of rows; those that begin no block have nothing to do.
KERNEL BOUNDS(256, 2) attend_block(AttendParameters p) {
  DYNAMIC_SHARED(memory);
  int head = blockIdx.x;
  Row first = p.rows[blockIdx.y];
  if (first.block_first < 0) return; // the whole block
  int rows = first.block_rows;
  int d = p.head;
  int stride = d + 1; // rows of keys begin in different banks
  float* queries = (float*)memory;              // [QUERY_BLOCK x stride]
  float* tile = queries + QUERY_BLOCK * stride; // [KEY_BLOCK x stride]: keys, then values
  float* scores = tile + KEY_BLOCK * stride;    // [QUERY_BLOCK x KEY_BLOCK]
  float* totals = scores + QUERY_BLOCK * KEY_BLOCK; // [QUERY_BLOCK x d]
  float* maxima = totals + QUERY_BLOCK * d;
  float* sums = maxima + QUERY_BLOCK;
  float* shrink = sums + QUERY_BLOCK;
  int cache_head = head / (p.heads / p.cache_heads);
  long long width = (long long)p.cache_heads * d;
  long long keys = p.before * first.context + (long long)cache_head * first.context * d;
  long long values = keys + width * first.context;
  for (int i = threadIdx.x; i < rows * d; i += blockDim.x) {
    long long row = blockIdx.y + i / d;
    queries[i / d * stride + i % d] = p.queries[(row * p.heads + head) * d + i % d];
  }
  for (int i = threadIdx.x; i < rows * d; i += blockDim.x) totals[i] = 0;
  for (int i = threadIdx.x; i < rows; i += blockDim.x) {
    maxima[i] = -INFINITY;
    sums[i] = 0;
  }
  int last = first.position + rows - 1;
  for (int start = 0; start <= last; start += KEY_BLOCK) {
    int count = last + 1 - start < KEY_BLOCK ? last + 1 - start : KEY_BLOCK;
    block_barrier();
    for (int i = threadIdx.x; i < count * d; i += blockDim.x) {
      tile[i / d * stride + i % d] = cached(first.cache, first.type, keys + (long long)start * d + i);
    }
    block_barrier();
    for (int i = threadIdx.x; i < rows * KEY_BLOCK; i += blockDim.x) {
      int r = i / KEY_BLOCK;
      int j = i % KEY_BLOCK;
      float sum = -INFINITY;
      if (j < count && start + j <= first.position + r) {
        sum = 0;
        for (int k = 0; k < d; k++) sum += queries[r * stride + k] * tile[j * stride + k];
      }
      scores[i] = sum;
    }
    block_barrier();
    // Values take the keys' place while a warp for each row brings its softmax up to date.
    for (int i = threadIdx.x; i < count * d; i += blockDim.x) {
      tile[i / d * stride + i % d] =
          cached(first.cache, first.type, values + (long long)start * d + i);
    }
    for (int r = threadIdx.x / 32; r < rows; r += blockDim.x / 32) {
      int lane = threadIdx.x % 32; // one lane for each of the KEY_BLOCK positions
      float score = scores[r * KEY_BLOCK + lane];
      float before = maxima[r];
      float maximum = fmaxf(before, warp_max(score));
      float exponential = score == -INFINITY ? 0 : expf(score - maximum);
      scores[r * KEY_BLOCK + lane] = exponential;
      float sum = warp_sum(exponential);
      warp_barrier(); // all lanes have read the maximum that one now replaces
      if (lane == 0) {
        shrink[r] = before == -INFINITY ? 0 : expf(before - maximum);
        sums[r] = sums[r] * shrink[r] + sum;
        maxima[r] = maximum;
      }
      warp_barrier();
    }
    block_barrier();
    for (int i = threadIdx.x; i < rows * d; i += blockDim.x) {
      int r = i / d;
      float total = totals[i] * shrink[r];
      for (int j = 0; j < count; j++) total += scores[r * KEY_BLOCK + j] * tile[j * stride + i % d];
      totals[i] = total;
    }
  }
  block_barrier();
  for (int i = threadIdx.x; i < rows * d; i += blockDim.x) {
    long long row = blockIdx.y + i / d;
    p.mixed[(row * p.heads + head) * d + i % d] = totals[i] / sums[i / d];
  }
}

KERNEL BOUNDS(256, 2) join(JoinParameters p) {
  DYNAMIC_SHARED(memory);
  float* row = (float*)memory;
  int r = blockIdx.x;
  int width = p.heads * p.head;
  if (p.partials == nullptr) {
    load_row(row, p.mixed + (long long)r * width, width);
  } else {
    int splits = p.rows[r].position / SPLIT + 1;
    for (int i = threadIdx.x; i < width; i += blockDim.x) {
      const float* partial =
          p.partials + ((long long)r * p.heads + i / p.head) * p.splits * (p.head + 2);
      float maximum = -INFINITY;
      for (int s = 0; s < splits; s++) {
        maximum = fmaxf(maximum, partial[s * (p.head + 2) + p.head]);
      }
      float total = 0;
      float sum = 0;
      for (int s = 0; s < splits; s++) {
        const float* stretch = partial + s * (p.head + 2);
        float weight = expf(stretch[p.head] - maximum);
        total += stretch[i % p.head] * weight;
        sum += stretch[p.head + 1] * weight;
      }
      row[at(i)] = total / sum;
    }
    if (p.mixed != nullptr) store_row(row, p.mixed + (long long)r * width, width);
  }
  rotate_input(row, p.target.rotation, 0);
  block_barrier();
  store_operand(row, p.target.operand, r);
}

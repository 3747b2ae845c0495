// Kernels over rows: everything between products. One block works on one row; its shared memory
// holds the row (two for the hidden layer of experts).
#pragma once
#include "rows.cuh"

KERNEL BOUNDS(256, 2) enter(EnterParameters p) {
  DYNAMIC_SHARED(memory);
  float* row = (float*)memory;
  int target = blockIdx.y;
  int source = p.gather != nullptr ? p.gather[blockIdx.x] : (int)blockIdx.x;
  int width = p.width;
  const float* residual = p.residual + (long long)source * width;
  if (p.update != nullptr) {
    load_row(row, p.update + (long long)source * width, width);
    rotate_output(row, p.update_rotation, 0);
  }
  // Each thread reads back only what it wrote itself: the signs went through the same loop.
  for (int i = threadIdx.x; i < width; i += blockDim.x) {
    float value = residual[i];
    if (p.update != nullptr) value += row[at(i)];
    if (p.pending != nullptr) {
      for (int k = 0; k < p.used; k++) {
        long long slot = p.row_slots[source * p.used + k];
        value += p.pending[slot * width + i];
      }
    }
    row[at(i)] = value;
    if (p.residual_out != nullptr && target == 0) {
      p.residual_out[(long long)source * width + i] = value;
    }
  }
  if (p.norm == nullptr) return;
  float squares = 0;
  for (int i = threadIdx.x; i < width; i += blockDim.x) squares += row[at(i)] * row[at(i)];
  float factor = 1 / sqrtf(block_sum(squares) / (float)width + p.epsilon);
  for (int i = threadIdx.x; i < width; i += blockDim.x) {
    float value = row[at(i)] * factor * p.norm[i];
    row[at(i)] = value;
    if (p.normed != nullptr && target == 0) p.normed[(long long)blockIdx.x * width + i] = value;
  }
  if (p.target_count == 0) return;
  rotate_input(row, p.targets[target].rotation, 0);
  block_barrier();
  store_operand(row, p.targets[target].operand, blockIdx.x);
}

DEVICE void store_element(char* cache, int type, long long index, float value) {
  if (type == F32) {
    ((float*)cache)[index] = value;
  } else {
    ((u16*)cache)[index] = type == F16 ? to_half(value) : to_brain(value);
  }
}

// Turns a head's leading elements: i with i + rope / 2. Angles in double, as float would lose the
// fraction of a turn at large positions; heads share them, for doubles are slow on small GPUs.
DEVICE void turn(float* row, int width, const ProjectParameters& p, int position) {
  int pairs = p.rope / 2;
  int heads = width / p.head;
  int teams = pairs > 0 && pairs < (int)blockDim.x ? blockDim.x / pairs : 1; // share the heads
  for (int i = threadIdx.x; i < teams * pairs; i += blockDim.x) {
    int pair = i % pairs;
    double angle = position * p.frequencies[pair];
    const double whole = 6.283185307179586476925;
    float rest = (float)(angle - rint(angle / whole) * whole);
    float cosine = cosf(rest);
    float sine = sinf(rest);
    for (int head = i / pairs; head < heads; head += teams) {
      int first = head * p.head + pair;
      float a = row[at(first)];
      float b = row[at(first + pairs)];
      row[at(first)] = a * cosine - b * sine;
      row[at(first + pairs)] = a * sine + b * cosine;
    }
  }
}

KERNEL BOUNDS(256, 2) project(ProjectParameters p) {
  DYNAMIC_SHARED(memory);
  float* row = (float*)memory;
  int which = blockIdx.y; // 0: query, 1: key, 2: value
  Projection projection = p.projections[which];
  Row sequence = p.rows[blockIdx.x];
  int width = projection.width;
  float* values = projection.values + (long long)blockIdx.x * width;
  load_row(row, values, width);
  rotate_output(row, projection.rotation, 0);
  block_barrier();
  if (projection.norm != nullptr) {
    float squares = 0;
    for (int i = threadIdx.x; i < width; i += blockDim.x) squares += row[at(i)] * row[at(i)];
    float factor = 1 / sqrtf(block_sum(squares) / (float)width + projection.epsilon);
    for (int i = threadIdx.x; i < width; i += blockDim.x) {
      row[at(i)] = row[at(i)] * factor * projection.norm[i];
    }
  }
  if (p.clamped) {
    for (int i = threadIdx.x; i < width; i += blockDim.x) {
      row[at(i)] = fminf(fmaxf(row[at(i)], -p.clip), p.clip);
    }
  }
  block_barrier();
  if (which < 2) {
    turn(row, width, p, sequence.position);
    block_barrier();
  }
  if (which == 0) {
    for (int i = threadIdx.x; i < width; i += blockDim.x) values[i] = row[at(i)] * p.scale;
    return;
  }
  // The cache of a layer: keys [head x position x element], then values.
  long long base = p.before * sequence.context;
  if (which == 2) base += (long long)p.projections[1].width * sequence.context;
  for (int i = threadIdx.x; i < width; i += blockDim.x) {
    long long index =
        base + ((long long)(i / p.head) * sequence.context + sequence.position) * p.head + i % p.head;
    store_element(sequence.cache, sequence.type, index, row[at(i)]);
  }
}

KERNEL BOUNDS(256, 2) expert_input(ExpertInputParameters p) {
  DYNAMIC_SHARED(memory);
  float* row = (float*)memory;
  int slot = blockIdx.x;
  Target target = p.targets[blockIdx.y];
  int width = target.operand.width;
  load_row(row, p.normed + (long long)p.slot_row[slot] * width, width);
  rotate_input(row, target.rotation, p.slot_expert[slot]);
  block_barrier();
  store_operand(row, target.operand, slot);
}

KERNEL BOUNDS(256, 2) expert_hidden(ExpertHiddenParameters p) {
  DYNAMIC_SHARED(memory);
  float* gate = (float*)memory;
  float* up = gate + at(p.width) + 1;
  int slot = blockIdx.x;
  int expert = p.slot_expert[slot];
  long long from = (long long)slot * p.width;
  load_row(gate, p.gate + from, p.width);
  load_row(up, p.up + from, p.width);
  rotate_output(gate, p.gate_rotation, expert);
  rotate_output(up, p.up_rotation, expert);
  for (int i = threadIdx.x; i < p.width; i += blockDim.x) {
    float g = gate[at(i)];
    float value = g / (1 + expf(-g)) * up[at(i)];
    gate[at(i)] = value;
    if (p.hidden != nullptr) p.hidden[from + i] = value;
  }
  rotate_input(gate, p.target.rotation, expert);
  block_barrier();
  store_operand(gate, p.target.operand, slot);
}

KERNEL BOUNDS(256, 2) expert_output(ExpertOutputParameters p) {
  DYNAMIC_SHARED(memory);
  float* row = (float*)memory;
  int slot = blockIdx.x;
  int width = p.rotation.width;
  long long from = (long long)slot * width;
  load_row(row, p.down + from, width);
  rotate_output(row, p.rotation, p.slot_expert[slot]);
  float weight = p.slot_weight[slot];
  for (int i = threadIdx.x; i < width; i += blockDim.x) p.pending[from + i] = row[at(i)] * weight;
}

// Rotates a product's rows where they lie.
KERNEL BOUNDS(256, 2) leave(LeaveParameters p) {
  DYNAMIC_SHARED(memory);
  float* row = (float*)memory;
  int width = p.rotation.width;
  float* values = p.values + (long long)blockIdx.x * width;
  load_row(row, values, width);
  rotate_output(row, p.rotation, 0);
  store_row(row, values, width);
}

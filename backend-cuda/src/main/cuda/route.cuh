// Routing of a layer: which experts each row takes, and the slots (pairs of row and expert) sorted
// by expert, so that each expert's weights are read once for all of its rows. One block does it
// all, without a word from the host.
#pragma once
#include "structures.cuh"

// A warp's row: softmax over all experts, then the best, of equals the one of lower index.
DEVICE void choose(const RouteParameters& p, int row) {
  int lane = threadIdx.x % 32;
  float* scores = p.scores + (long long)row * p.experts;
  float maximum = -INFINITY;
  for (int e = lane; e < p.experts; e += 32) maximum = fmaxf(maximum, scores[e]);
  maximum = warp_max(maximum);
  float sum = 0;
  for (int e = lane; e < p.experts; e += 32) {
    float exponential = expf(scores[e] - maximum);
    scores[e] = exponential;
    sum += exponential;
  }
  sum = warp_sum(sum);
  float chosen_sum = 0;
  for (int k = 0; k < p.used; k++) {
    // A taken expert is marked by -1. What is not a number is taken last, but no expert twice.
    float best_value = -2;
    int best = p.experts;
    for (int e = lane; e < p.experts; e += 32) {
      float value = scores[e];
      if (value != value) value = -0.5f;
      if (value > best_value) {
        best_value = value;
        best = e;
      }
    }
    for (int mask = 16; mask > 0; mask >>= 1) {
      float other_value = shuffle_xor(best_value, mask);
      int other = shuffle_xor(best, mask);
      if (other_value > best_value || (other_value == best_value && other < best)) {
        best_value = other_value;
        best = other;
      }
    }
    float weight = best_value / sum;
    chosen_sum += weight;
    if (lane == best % 32) scores[best] = -1;
    if (lane == 0) {
      p.chosen[row * p.used + k] = best;
      p.weights[row * p.used + k] = weight;
    }
    warp_barrier();
  }
  float factor = p.normalised ? p.weight_scale / chosen_sum : p.weight_scale;
  for (int k = lane; k < p.used; k += 32) p.weights[row * p.used + k] *= factor;
  warp_barrier();
}

// Calls place(index, rank) for every choice of an expert, in order of rows; returns their number.
template <class Place>
DEVICE int for_each_choice(const RouteParameters& p, int expert, Place place) {
  int lane = threadIdx.x % 32;
  int count = 0;
  for (int base = 0; base < p.rows * p.used; base += 32) {
    int index = base + lane;
    bool mine = index < p.rows * p.used && p.chosen[index] == expert;
    u32 votes = votes_of(mine);
    if (mine) place(index, count + count_bits(votes & ((1u << lane) - 1)));
    count += count_bits(votes);
  }
  return count;
}

// A warp's work: where each expert's slots begin, from their numbers; and the items.
DEVICE void list_items(const RouteParameters& p) {
  int lane = threadIdx.x % 32;
  int slots = 0;
  int items = 0;
  for (int base = 0; base < p.experts; base += 32) {
    int e = base + lane;
    int count = e < p.experts ? p.expert_start[e + 1] : 0;
    int own = (count + p.item_rows - 1) / p.item_rows;
    int slots_with = warp_sum_so_far(count);
    int items_with = warp_sum_so_far(own);
    int first = slots + slots_with - count;
    if (e < p.experts) p.expert_start[e + 1] = first + count;
    for (int i = 0; i < own; i++) {
      int done = i * p.item_rows;
      int rows = count - done < p.item_rows ? count - done : p.item_rows;
      p.items[items + items_with - own + i] = Item{e, first + done, rows, 0};
    }
    slots += (int)shuffle((u32)slots_with, 31);
    items += (int)shuffle((u32)items_with, 31);
  }
  if (lane == 0) {
    p.expert_start[0] = 0;
    *p.item_count = items;
  }
}

KERNEL BOUNDS(1024, 1) route(RouteParameters p) {
  int warp = threadIdx.x / 32;
  int warps = blockDim.x / 32;
  int lane = threadIdx.x % 32;
  for (int row = warp; row < p.rows; row += warps) choose(p, row);
  block_barrier();
  for (int e = warp; e < p.experts; e += warps) {
    int count = for_each_choice(p, e, [](int, int) {});
    if (lane == 0) p.expert_start[e + 1] = count;
  }
  block_barrier();
  if (warp == 0) list_items(p);
  block_barrier();
  for (int e = warp; e < p.experts; e += warps) {
    int start = p.expert_start[e];
    for_each_choice(p, e, [&](int index, int rank) {
      int slot = start + rank;
      int row = index / p.used;
      p.slot_row[slot] = row;
      p.slot_expert[slot] = e;
      p.slot_weight[slot] = p.weights[index];
      // Outputs are added in order of expert.
      int place = 0;
      for (int k = 0; k < p.used; k++) place += p.chosen[row * p.used + k] < e;
      p.row_slots[row * p.used + place] = slot;
    });
  }
}

// What the host tells kernels. Each kernel takes one structure by value, written field by field by
// the Java classes of the package `kernel`; a test compares the sizes.
#pragma once
#include "primitives.cuh"

// One row of a pass.
struct Row {
  char* cache;      // the keys and values of the row's session
  int position;     // in its sequence
  int context;      // positions for which the cache has room
  int type;         // of the cache's elements
  int block_first;  // first row of the block of queries that begins here, or -1
  int block_rows;   // rows of that block
  int reserved;
};

// Types of elements.
enum { F32 = 0, F16 = 1, BF16 = 2 };

// A change of basis: x -> H (s * x) before a core, y -> s * (H y) after it.
struct Rotation {
  const void* signs;  // for every expert `width` floats; or bits, set for -1, in words of 32; or null
  int block;          // length of each Hadamard transform; 0: none
  int packed;         // whether signs are bits
  int width;          // of a row
  int reserved;
};

// Activations on their way into a product: floats, or for the tensor cores halves with one scale
// for each row. In a word of halves the lower neighbour is in the *high* half, as decoded weights
// have it.
struct Operand {
  float* values;  // [row x width], or null
  u32* pairs;     // [row x width / 2], or null
  float* scales;  // [row], with pairs
  int width;
  int reserved;
};

// How the matrices of a bank are stored.
enum {
  DENSE_F32 = 0,
  DENSE_F16 = 1,
  DENSE_BF16 = 2,
  QTIP = 3,        // one scale for each matrix
  QTIP_SCALED = 4  // a scale for each tile
};

// A bank of matrices. The addresses stand in device memory, so that an expert may move, or live in
// mapped memory of the host, without a change to any launch.
struct Bank {
  const unsigned char* const* experts;  // address of each expert's matrix
  int kind;
  int outputs;
  int inputs;
  int reserved;
};

// Rows that go through one matrix together.
struct Item {
  int expert;
  int first;  // row of the operand
  int count;
  int reserved;
};

struct Product {
  Bank bank;
  Operand input;
  float* output;  // [row x bank.outputs]
};

struct MultiplyParameters {
  Product products[3];  // chosen by blockIdx.z
  const Item* items;    // or null: all rows through the only matrix
  const int* item_count;
  const u32* table;       // the codebook, words of two halves: first of the pair in the high half
  const float* codebook;  // the same in floats
  int rows;               // without items
  int item_rows;          // most rows of an item
};

struct Target {
  Rotation rotation;
  Operand operand;
};

// residual += what earlier stages left over; h = norm(residual); operands = rotated h.
struct EnterParameters {
  const float* residual;
  float* residual_out;   // or null: nothing was left over
  const float* pending;  // weighted outputs of experts [slot x width], or null
  const int* row_slots;  // the slots of each row, in order of expert
  const float* update;   // a product's rows, or null
  Rotation update_rotation;
  const float* norm;  // weights, or null: only the residual is wanted
  float* normed;      // h, or null
  const int* gather;  // rows to take, or null: all
  Target targets[3];  // chosen by blockIdx.y
  int target_count;
  int used;  // slots of a row
  int width;
  float epsilon;
};

struct Projection {
  float* values;  // [row x width]; queries are left here
  Rotation rotation;
  const float* norm;  // or null
  float epsilon;
  int width;
};

// Queries, keys and values: rotated back, normalised, clamped, turned; keys and values stored.
struct ProjectParameters {
  const Row* rows;
  Projection projections[3];
  const double* frequencies;  // of the rotary embedding, [rope / 2]
  long long before;           // elements that earlier layers take in the cache, for one position
  int head;                   // elements of a head
  int rope;                   // leading elements of a head that turn
  int clamped;
  float clip;
  float scale;  // on queries
  int reserved;
};

struct AttendParameters {
  const Row* rows;
  const float* queries;  // [row x heads x head]
  float* partials;       // [row x heads x splits x (head + 2)]
  float* mixed;          // [row x heads x head]
  long long before;
  int heads;
  int cache_heads;
  int head;
  int splits;
  int row_count;
  int reserved;
};

// Joins the splits and rotates for the output projection.
struct JoinParameters {
  const Row* rows;
  const float* partials;  // or null: `mixed` holds the result
  float* mixed;           // or null
  Target target;
  int heads;
  int head;
  int splits;
  int reserved;
};

struct RouteParameters {
  float* scores;  // [row x experts]
  int* chosen;    // [row x used], by descending weight
  float* weights;
  int* expert_start;  // [experts + 1]
  int* slot_row;      // [slot]: slots are sorted by expert, then by row
  int* slot_expert;
  float* slot_weight;
  int* row_slots;  // [row x used]
  Item* items;
  int* item_count;
  int rows;
  int experts;
  int used;
  int normalised;
  float weight_scale;
  int item_rows;
};

struct ExpertInputParameters {
  const float* normed;
  const int* slot_row;
  const int* slot_expert;
  Target targets[2];
};

struct ExpertHiddenParameters {
  const float* gate;
  const float* up;
  const int* slot_expert;
  float* hidden;  // or null
  Rotation gate_rotation;
  Rotation up_rotation;
  Target target;
  int width;
  int reserved;
};

struct ExpertOutputParameters {
  const float* down;
  float* pending;
  const int* slot_expert;
  const float* slot_weight;
  Rotation rotation;
};

struct LeaveParameters {
  float* values;
  Rotation rotation;
};

struct RepackParameters {
  const unsigned char* blocks;  // tiles as the file has them
  unsigned char* packed;
  int* differing;  // set to 1 if not all scales are equal
  int tile_rows;
  int tile_columns;
  int scaled;  // whether to keep a scale for each tile
  int reserved;
};

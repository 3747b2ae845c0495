// Runs blocks of emulated threads, and holds the table of kernels.
#include "machine.h"

#include <cstdio>
#include <cstdlib>
#include <vector>

Machine machine;
Index threadIdx, blockIdx, blockDim, gridDim;

#include "kernels.cu"
#include "machine_table.h"

template <class P, void (*KERNEL_FUNCTION)(P)>
void call_kernel(const void* parameters) {
  KERNEL_FUNCTION(*(const P*)parameters);
}

template <class P, void (*KERNEL_FUNCTION)(P)>
constexpr Entry entry_of(const char* name) {
  return Entry{name, (int)sizeof(P), call_kernel<P, KERNEL_FUNCTION>};
}

#define ENTRY(name, P) entry_of<P, name>(#name)

static const Entry ENTRIES[] = {
    ENTRY(enter, EnterParameters),
    ENTRY(project, ProjectParameters),
    ENTRY(attend_split, AttendParameters),
    ENTRY(attend_block, AttendParameters),
    ENTRY(join, JoinParameters),
    ENTRY(route, RouteParameters),
    ENTRY(expert_input, ExpertInputParameters),
    ENTRY(expert_hidden, ExpertHiddenParameters),
    ENTRY(expert_output, ExpertOutputParameters),
    ENTRY(leave, LeaveParameters),
    ENTRY(multiply_dense, MultiplyParameters),
    ENTRY(multiply_qtip_exact, MultiplyParameters),
    ENTRY(multiply_qtip_few_8, MultiplyParameters),
    ENTRY(multiply_qtip_few_32, MultiplyParameters),
    ENTRY(multiply_qtip_many_8, MultiplyParameters),
    ENTRY(multiply_qtip_many_32, MultiplyParameters),
    ENTRY(repack_qtip, RepackParameters),
};

// Saves the registers that a call keeps and goes on where another stack was left. The kernels' driver
// library exists for x86-64 only, and setjmp takes ten times as long.
extern "C" void switch_stack(void** saved, void* next);
asm(R"(
.text
.type switch_stack, @function
switch_stack:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
)");

namespace {

const size_t STACK = 32 << 10;
const size_t SHARED_BYTES = 232 << 10;

struct Coroutine {
  void* stack_pointer = nullptr;  // while it is not running
  Wait wait = ENDED;
};

struct Runner {
  Coroutine threads[1024];
  void* scheduler = nullptr;  // its stack pointer
  void (*entry)(const void*) = nullptr;
  const void* parameters = nullptr;
  std::vector<unsigned char> shared = std::vector<unsigned char>(SHARED_BYTES + 16);
};
Runner* runner = nullptr;

// A coroutine outlives its thread: it waits for the next block, since making one is slow.
void begin() {
  for (;;) {
    runner->entry(runner->parameters);
    give_way(ENDED);
  }
}

void resume(int thread) {
  Coroutine& coroutine = runner->threads[thread];
  machine.thread = thread;
  threadIdx = Index{(u32)thread, 0, 0};
  coroutine.wait = RUNS;
  switch_stack(&runner->scheduler, coroutine.stack_pointer);
}

// A stack as switch_stack leaves it: six registers, then where to go on.
void* new_stack(char* memory) {
  void** top = (void**)(memory + STACK) - 2;
  *top = (void*)begin;
  return top - 6;
}

[[noreturn]] void fail(const char* what) {
  fprintf(stderr, "emulator: %s in block (%u, %u, %u)\n", what, blockIdx.x, blockIdx.y, blockIdx.z);
  abort();
}

// Runs one warp until all of its lanes stand at a barrier of the block or have ended.
void run_warp(int warp, bool backwards) {
  for (;;) {
    int at_warp = 0, at_block = 0, ended = 0;
    for (int i = 0; i < 32; i++) {
      int thread = warp * 32 + (backwards ? 31 - i : i);
      Coroutine& coroutine = runner->threads[thread];
      if (coroutine.wait == RUNS) resume(thread);
      at_warp += coroutine.wait == AT_WARP;
      at_block += coroutine.wait == AT_BLOCK;
      ended += coroutine.wait == ENDED;
    }
    if (at_block == 32 || ended == 32) return;
    if (at_warp != 32) fail("lanes of one warp wait for different things");
    for (int i = 0; i < 32; i++) runner->threads[warp * 32 + i].wait = RUNS;
  }
}

void run_block(int count, bool backwards) {
  int warps = count / 32;
  for (int i = 0; i < count; i++) {
    runner->threads[i].wait = RUNS;
    machine.parity[i] = 0;
  }
  for (;;) {
    int ended = 0, waiting = 0;
    for (int i = 0; i < warps; i++) {
      int warp = backwards ? warps - 1 - i : i;
      if (runner->threads[warp * 32].wait == RUNS) run_warp(warp, backwards);
      ended += runner->threads[warp * 32].wait == ENDED;
      waiting += runner->threads[warp * 32].wait == AT_BLOCK;
    }
    if (ended == warps) return;
    if (waiting != warps) fail("some warps ended while others wait for the block");
    for (int i = 0; i < count; i++) runner->threads[i].wait = RUNS;
  }
}

void prepare_runner() {
  if (runner != nullptr) return;
  runner = new Runner();
  char* stacks = (char*)aligned_alloc(64, 1024 * STACK);
  for (int i = 0; i < 1024; i++) runner->threads[i].stack_pointer = new_stack(stacks + i * STACK);
  machine.dynamic_shared = (unsigned char*)(((uintptr_t)runner->shared.data() + 15) & ~(uintptr_t)15);
}

}  // namespace

void give_way(Wait reason) {
  Coroutine& coroutine = runner->threads[machine.thread];
  coroutine.wait = reason;
  switch_stack(&coroutine.stack_pointer, runner->scheduler);
}

const Entry* find_entry(const char* name) {
  for (const Entry& entry : ENTRIES) {
    if (strcmp(entry.name, name) == 0) return &entry;
  }
  return nullptr;
}

void run_grid(const Entry* entry, Index grid, int threads, const void* parameters, bool backwards) {
  long blocks = (long)grid.x * grid.y * grid.z;
  prepare_runner();
  runner->entry = entry->call;
  runner->parameters = parameters;
  gridDim = grid;
  blockDim = Index{(u32)threads, 1, 1};
  for (long i = 0; i < blocks; i++) {
    long block = backwards ? blocks - 1 - i : i;
    blockIdx = Index{(u32)(block % grid.x), (u32)(block / grid.x % grid.y),
                     (u32)(block / grid.x / grid.y)};
    memset(machine.dynamic_shared, 0xff, 4096);  // stale values must not pass for zeros
    run_block(threads, backwards);
  }
}

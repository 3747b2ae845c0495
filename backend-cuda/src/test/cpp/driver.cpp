// libcuda.so.1, emulated: as much of the driver API as the backend calls. It is strict where a
// driver would be, or would let a mistake pass: contexts, sizes of parameters, limits of launches.
#include "machine.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "structures.cuh"
#include "machine_table.h"

namespace {

enum { OK = 0, INVALID_VALUE = 1, OUT_OF_MEMORY = 2, NO_DEVICE = 100, INVALID_DEVICE = 101,
       INVALID_IMAGE = 200, INVALID_CONTEXT = 201, NO_BINARY_FOR_GPU = 209, INVALID_PTX = 218,
       UNSUPPORTED_PTX_VERSION = 222, NOT_FOUND = 500, CAPTURE_UNSUPPORTED = 900 };

struct Function {
  const Entry* entry;
  int shared_limit;
};
struct Module {
  std::string text;
  std::map<std::string, Function*> functions;
};
struct Launch {
  const Entry* entry;
  Index grid;
  int threads;
  std::vector<char> parameters;
};
struct Graph {
  std::vector<Launch> launches;
};
struct Stream {
  bool captures = false;
  Graph* captured = nullptr;
};
struct Block {
  char* mapping;
  size_t mapped;
  size_t bytes;
  bool host;
};

std::recursive_mutex lock;
std::map<char*, Block> blocks;
size_t used_memory = 0;

// What it pretends to be; each can be set by name.
struct Knobs {
  long memory = 4L << 30;
  long devices = 1;
  long version = 12060;   // of CUDA
  long capability = 75;
  long backwards = 0;     // the order of threads
  long start = OK;        // what cuInit answers
  long context = OK;      // what starting a GPU answers
  long image = OK;        // what loading PTX answers
};
Knobs knobs;

bool set_knob(const std::string& name, long value) {
  static const std::map<std::string, long Knobs::*> NAMES = {
      {"memory", &Knobs::memory},   {"devices", &Knobs::devices},
      {"version", &Knobs::version}, {"capability", &Knobs::capability},
      {"backwards", &Knobs::backwards}, {"start", &Knobs::start},
      {"context", &Knobs::context}, {"image", &Knobs::image}};
  auto found = NAMES.find(name);
  if (found == NAMES.end()) return false;
  knobs.*found->second = value;
  return true;
}

// Programs that cannot be asked otherwise say it so: ESPALIER_EMULATED_GPU="devices=0,version=11030".
struct FromEnvironment {
  FromEnvironment() {
    const char* value = getenv("ESPALIER_EMULATED_GPU");
    std::string text = value == nullptr ? "" : value;
    for (size_t at = 0; at < text.size();) {
      size_t end = std::min(text.find(',', at), text.size());
      size_t is = text.find('=', at);
      if (is >= end || !set_knob(text.substr(at, is - at), atol(text.c_str() + is + 1))) {
        fprintf(stderr, "ESPALIER_EMULATED_GPU: not understood: %s\n", text.c_str() + at);
        abort();
      }
      at = end + 1;
    }
  }
} from_environment;
long launches_run = 0;
long graphs_run = 0;
int context_count = 0;
thread_local void* current = nullptr;
char context_object;

#define NEEDS_CONTEXT \
  if (current == nullptr) return INVALID_CONTEXT; \
  std::lock_guard<std::recursive_mutex> guard(lock)

// Memory that ends at a page nobody may touch, filled with what is no number.
char* allocate(size_t bytes, bool host) {
  size_t page = 4096;
  size_t rounded = (bytes + 15) & ~(size_t)15;
  size_t body = (rounded + page - 1) / page * page;
  char* mapping =
      (char*)mmap(nullptr, body + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (mapping == MAP_FAILED) return nullptr;
  mprotect(mapping + body, page, PROT_NONE);
  char* address = mapping + body - rounded;
  memset(address, 0xff, rounded);
  blocks[address] = Block{mapping, body + page, bytes, host};
  if (!host) used_memory += bytes;
  return address;
}

int release(char* address, bool host) {
  auto found = blocks.find(address);
  if (found == blocks.end() || found->second.host != host) return INVALID_VALUE;
  munmap(found->second.mapping, found->second.mapped);
  if (!host) used_memory -= found->second.bytes;
  blocks.erase(found);
  return OK;
}

bool within(const void* address, size_t bytes) {
  auto next = blocks.upper_bound((char*)address);
  if (next == blocks.begin()) return false;
  auto found = --next;
  return (char*)address + bytes <= found->first + found->second.bytes;
}

int run(const Launch& launch) {
  launches_run++;
  run_grid(launch.entry, launch.grid, launch.threads, launch.parameters.data(), knobs.backwards != 0);
  return OK;
}

// The size that the module's text declares for a kernel's only parameter, or -1.
int declared_size(const std::string& text, const std::string& name) {
  size_t at = text.find(".visible .entry " + name + "(");
  if (at == std::string::npos) return -1;
  size_t open = text.find('[', at);
  size_t close = text.find(')', at);
  return open < close ? atoi(text.c_str() + open + 1) : -1;
}

// The number after a word at the start of a line, ten times as large ("7.0" is 70), or -1.
int number_after(const char* text, const char* word) {
  const char* at = strstr(text, word);
  return at == nullptr ? -1 : (int)(10 * atof(at + strlen(word)) + 0.5);
}

// What a driver says of PTX that it does not take, or OK. Kernels are the emulator's own all the same.
int refusal(const char* image) {
  int version = number_after(image, "\n.version ");
  int target = number_after(image, "\n.target sm_");
  if (version < 0 && target < 0) return INVALID_IMAGE;
  if (version < 0 || target < 0) return INVALID_PTX;
  int latest = 10 * (knobs.version / 1000 - 4) + knobs.version % 1000 / 10;  // 11.4 reads up to 7.4
  if (version > latest) return UNSUPPORTED_PTX_VERSION;
  if (target > 10 * knobs.capability) return NO_BINARY_FOR_GPU;
  long depth = 0;
  for (const char* at = image; *at != 0; at++) depth += *at == '{' ? 1 : *at == '}' ? -1 : 0;
  return depth == 0 ? OK : INVALID_PTX;
}

}  // namespace

#pragma GCC visibility push(default)
extern "C" {

// ---- for tests
void emulator_reset() { knobs = Knobs(); }
int emulator_set(const char* name, long value) { return set_knob(name, value); }
long emulator_contexts() { return context_count; }
long emulator_launches() { return launches_run; }
long emulator_graphs() { return graphs_run; }
long emulator_memory() { return (long)used_memory; }
long emulator_blocks() { return (long)blocks.size(); }

// ---- the driver API
int cuInit(u32) {
  if (knobs.start != OK) return (int)knobs.start;
  return knobs.devices > 0 ? OK : NO_DEVICE;
}
int cuDriverGetVersion(int* version) { *version = (int)knobs.version; return OK; }
int cuDeviceGetCount(int* count) { *count = (int)knobs.devices; return OK; }
int cuDeviceGet(int* device, int ordinal) {
  if (ordinal < 0 || ordinal >= knobs.devices) return INVALID_DEVICE;
  *device = ordinal;
  return OK;
}
int cuDeviceGetName(char* name, int length, int) {
  snprintf(name, length, "Emulated GPU");
  return OK;
}
int cuDeviceGetAttribute(int* value, int attribute, int) {
  switch (attribute) {
    case 16: *value = 2; return OK;           // multiprocessors
    case 75: *value = (int)knobs.capability / 10; return OK;
    case 76: *value = (int)knobs.capability % 10; return OK;
    case 97: *value = 99 << 10; return OK;    // shared memory of a block, opt-in
    case 81: *value = 100 << 10; return OK;   // of a multiprocessor
    default: return INVALID_VALUE;
  }
}
int cuDeviceTotalMem_v2(size_t* bytes, int) { *bytes = (size_t)knobs.memory; return OK; }
int cuDevicePrimaryCtxRetain(void** context, int) {
  std::lock_guard<std::recursive_mutex> guard(lock);
  if (knobs.context != OK) return (int)knobs.context;
  context_count++;
  *context = &context_object;
  return OK;
}
int cuDevicePrimaryCtxRelease_v2(int) {
  std::lock_guard<std::recursive_mutex> guard(lock);
  return context_count-- > 0 ? OK : INVALID_CONTEXT;
}
int cuCtxSetCurrent(void* context) { current = context; return OK; }
int cuMemGetInfo_v2(size_t* free_bytes, size_t* total) {
  NEEDS_CONTEXT;
  *free_bytes = (size_t)knobs.memory > used_memory ? (size_t)knobs.memory - used_memory : 0;
  *total = (size_t)knobs.memory;
  return OK;
}
int cuMemAlloc_v2(char** address, size_t bytes) {
  NEEDS_CONTEXT;
  if (bytes == 0) return INVALID_VALUE;
  if (used_memory + bytes > (size_t)knobs.memory) return OUT_OF_MEMORY;
  *address = allocate(bytes, false);
  return *address == nullptr ? OUT_OF_MEMORY : OK;
}
int cuMemFree_v2(char* address) { NEEDS_CONTEXT; return release(address, false); }
int cuMemHostAlloc(void** address, size_t bytes, u32) {
  NEEDS_CONTEXT;
  if (bytes == 0) return INVALID_VALUE;
  *address = allocate(bytes, true);
  return OK;
}
int cuMemFreeHost(void* address) { NEEDS_CONTEXT; return release((char*)address, true); }
int cuMemHostGetDevicePointer_v2(char** device, void* host, u32) {
  NEEDS_CONTEXT;
  *device = (char*)host;
  return OK;
}
int cuMemcpyHtoD_v2(char* to, const void* from, size_t bytes) {
  NEEDS_CONTEXT;
  if (!within(to, bytes)) return INVALID_VALUE;
  memcpy(to, from, bytes);
  return OK;
}
int cuMemcpyDtoH_v2(void* to, const char* from, size_t bytes) {
  NEEDS_CONTEXT;
  if (!within(from, bytes)) return INVALID_VALUE;
  memcpy(to, from, bytes);
  return OK;
}
int cuMemcpyHtoDAsync_v2(char* to, const void* from, size_t bytes, Stream* stream) {
  if (stream->captures) return CAPTURE_UNSUPPORTED;
  return cuMemcpyHtoD_v2(to, from, bytes);
}
int cuMemcpyDtoHAsync_v2(void* to, const char* from, size_t bytes, Stream* stream) {
  if (stream->captures) return CAPTURE_UNSUPPORTED;
  return cuMemcpyDtoH_v2(to, from, bytes);
}
int cuMemcpyDtoDAsync_v2(char* to, const char* from, size_t bytes, Stream* stream) {
  NEEDS_CONTEXT;
  if (stream->captures) return CAPTURE_UNSUPPORTED;
  if (!within(to, bytes) || !within(from, bytes)) return INVALID_VALUE;
  memcpy(to, from, bytes);
  return OK;
}
int cuMemsetD8Async(char* to, unsigned char value, size_t bytes, Stream* stream) {
  NEEDS_CONTEXT;
  if (stream->captures) return CAPTURE_UNSUPPORTED;
  if (!within(to, bytes)) return INVALID_VALUE;
  memset(to, value, bytes);
  return OK;
}
int cuModuleLoadDataEx(Module** module, const char* image, u32, int*, void**) {
  NEEDS_CONTEXT;
  if (knobs.image != OK) return (int)knobs.image;
  int problem = refusal(image);
  if (problem != OK) return problem;
  *module = new Module{image, {}};
  return OK;
}
int cuModuleLoadData(Module** module, const char* image) {
  return cuModuleLoadDataEx(module, image, 0, nullptr, nullptr);
}
int cuModuleUnload(Module* module) {
  NEEDS_CONTEXT;
  for (auto& function : module->functions) delete function.second;
  delete module;
  return OK;
}
int cuModuleGetFunction(Function** function, Module* module, const char* name) {
  NEEDS_CONTEXT;
  const Entry* entry = find_entry(name);
  if (entry == nullptr || declared_size(module->text, name) != entry->bytes) return NOT_FOUND;
  Function*& known = module->functions[name];
  if (known == nullptr) known = new Function{entry, 48 << 10};
  *function = known;
  return OK;
}
int cuFuncSetAttribute(Function* function, int attribute, int value) {
  NEEDS_CONTEXT;
  if (attribute != 8 || value > 99 << 10) return INVALID_VALUE;
  function->shared_limit = value;
  return OK;
}
int cuLaunchKernel(Function* function, u32 gx, u32 gy, u32 gz, u32 bx, u32 by, u32 bz, u32 shared,
                   Stream* stream, void** parameters, void**) {
  NEEDS_CONTEXT;
  if (gx < 1 || gy < 1 || gz < 1 || gy > 65535 || gz > 65535) return INVALID_VALUE;
  if (bx < 1 || bx > 1024 || bx % 32 != 0 || by != 1 || bz != 1) return INVALID_VALUE;
  if ((int)shared > function->shared_limit) return INVALID_VALUE;
  const char* bytes = (const char*)parameters[0];
  Launch launch{function->entry, Index{gx, gy, gz}, (int)bx,
                std::vector<char>(bytes, bytes + function->entry->bytes)};
  if (stream->captures) {
    stream->captured->launches.push_back(launch);
    return OK;
  }
  return run(launch);
}
int cuStreamCreate(Stream** stream, u32) { NEEDS_CONTEXT; *stream = new Stream(); return OK; }
int cuStreamDestroy_v2(Stream* stream) { NEEDS_CONTEXT; delete stream; return OK; }
int cuStreamSynchronize(Stream* stream) {
  NEEDS_CONTEXT;
  return stream->captures ? CAPTURE_UNSUPPORTED : OK;
}
int cuStreamBeginCapture_v2(Stream* stream, int) {
  NEEDS_CONTEXT;
  if (stream->captures) return INVALID_VALUE;
  stream->captures = true;
  stream->captured = new Graph();
  return OK;
}
int cuStreamEndCapture(Stream* stream, Graph** graph) {
  NEEDS_CONTEXT;
  if (!stream->captures) return INVALID_VALUE;
  stream->captures = false;
  *graph = stream->captured;
  return OK;
}
int cuGraphInstantiateWithFlags(Graph** executable, Graph* graph, unsigned long long) {
  NEEDS_CONTEXT;
  *executable = new Graph(*graph);
  return OK;
}
int cuGraphLaunch(Graph* executable, Stream* stream) {
  NEEDS_CONTEXT;
  if (stream->captures) return CAPTURE_UNSUPPORTED;
  graphs_run++;
  for (const Launch& launch : executable->launches) run(launch);
  return OK;
}
int cuGraphExecDestroy(Graph* executable) { NEEDS_CONTEXT; delete executable; return OK; }
int cuGraphDestroy(Graph* graph) { NEEDS_CONTEXT; delete graph; return OK; }
int cuGetErrorName(int code, const char** name) {
  *name = code == OUT_OF_MEMORY ? "CUDA_ERROR_OUT_OF_MEMORY"
          : code == INVALID_IMAGE ? "CUDA_ERROR_INVALID_IMAGE"
          : code == NO_BINARY_FOR_GPU ? "CUDA_ERROR_NO_BINARY_FOR_GPU"
          : code == INVALID_PTX ? "CUDA_ERROR_INVALID_PTX"
          : code == UNSUPPORTED_PTX_VERSION ? "CUDA_ERROR_UNSUPPORTED_PTX_VERSION"
          : code == NOT_FOUND ? "CUDA_ERROR_NOT_FOUND"
                              : "EMULATED_ERROR";
  return OK;
}
int cuGetErrorString(int, const char** text) { *text = "an emulated error"; return OK; }
}
#pragma GCC visibility pop

// libcuda.so.1, emulated: as much of the driver API as the backend calls. It is strict where a
// driver would be, or would let a mistake pass: contexts, sizes of parameters, limits of launches.
#include "machine.h"

#include <sys/mman.h>

#include <cstdio>
#include <cstdlib>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "structures.cuh"
#include "machine_table.h"

namespace {

enum { OK = 0, INVALID_VALUE = 1, OUT_OF_MEMORY = 2, INVALID_DEVICE = 101, INVALID_IMAGE = 200,
       INVALID_CONTEXT = 201, INVALID_HANDLE = 400, NOT_FOUND = 500, ILLEGAL_ADDRESS = 700,
       CAPTURE_UNSUPPORTED = 900 };

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
size_t total_memory = (size_t)4 << 30;
size_t used_memory = 0;
int device_count = 1;
int driver_version = 12060;
bool backwards = false;
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
  run_grid(launch.entry, launch.grid, launch.threads, launch.parameters.data(), backwards);
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

}  // namespace

#pragma GCC visibility push(default)
extern "C" {

// ---- for tests
void emulator_configure(long memory, int devices, int version, int reversed) {
  total_memory = (size_t)memory;
  device_count = devices;
  driver_version = version;
  backwards = reversed != 0;
}
long emulator_launches() { return launches_run; }
long emulator_graphs() { return graphs_run; }
long emulator_memory() { return (long)used_memory; }
long emulator_blocks() { return (long)blocks.size(); }

// ---- the driver API
int cuInit(u32) { return device_count > 0 ? OK : 100; }
int cuDriverGetVersion(int* version) { *version = driver_version; return OK; }
int cuDeviceGetCount(int* count) { *count = device_count; return OK; }
int cuDeviceGet(int* device, int ordinal) {
  if (ordinal < 0 || ordinal >= device_count) return INVALID_DEVICE;
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
    case 75: *value = 7; return OK;           // compute capability
    case 76: *value = 5; return OK;
    case 97: *value = 99 << 10; return OK;    // shared memory of a block, opt-in
    case 81: *value = 100 << 10; return OK;   // of a multiprocessor
    default: return INVALID_VALUE;
  }
}
int cuDeviceTotalMem_v2(size_t* bytes, int) { *bytes = total_memory; return OK; }
int cuDevicePrimaryCtxRetain(void** context, int) {
  std::lock_guard<std::recursive_mutex> guard(lock);
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
  *free_bytes = total_memory > used_memory ? total_memory - used_memory : 0;
  *total = total_memory;
  return OK;
}
int cuMemAlloc_v2(char** address, size_t bytes) {
  NEEDS_CONTEXT;
  if (bytes == 0) return INVALID_VALUE;
  if (used_memory + bytes > total_memory) return OUT_OF_MEMORY;
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
int cuMemsetD8Async(char* to, unsigned char value, size_t bytes, Stream* stream) {
  NEEDS_CONTEXT;
  if (stream->captures) return CAPTURE_UNSUPPORTED;
  if (!within(to, bytes)) return INVALID_VALUE;
  memset(to, value, bytes);
  return OK;
}
int cuModuleLoadDataEx(Module** module, const char* image, u32, int*, void**) {
  NEEDS_CONTEXT;
  if (strstr(image, ".version") == nullptr) return INVALID_IMAGE;
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
int cuGetErrorName(int, const char** name) { *name = "EMULATED_ERROR"; return OK; }
int cuGetErrorString(int, const char** text) { *text = "an emulated error"; return OK; }
}
#pragma GCC visibility pop

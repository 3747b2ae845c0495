package org.espalier.backend.cuda.driver;

import static jcuda.driver.JCudaDriver.*;
import static org.espalier.backend.cuda.driver.DriverError.check;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import jcuda.Pointer;
import jcuda.driver.CUcontext;
import jcuda.driver.CUdevice;
import jcuda.driver.CUdevice_attribute;
import jcuda.driver.CUfunction;
import jcuda.driver.CUfunction_attribute;
import jcuda.driver.CUgraph;
import jcuda.driver.CUgraphExec;
import jcuda.driver.CUmodule;
import jcuda.driver.CUstream;
import jcuda.driver.CUstreamCaptureMode;
import jcuda.driver.CUstream_flags;
import org.espalier.api.EspalierException.DeviceFailure;
import org.espalier.api.Offer;
import org.espalier.backend.cuda.kernel.Kernel;
import org.espalier.backend.cuda.kernel.Parameters;

/**
 * One GPU: its memory, its kernels and one stream, on which everything runs in order. Calls may
 * come from any thread, one at a time; a thread calls {@link #enter} before it does anything else.
 */
public final class Gpu implements AutoCloseable {
  private static final int PINNED_AND_MAPPED = 1 | 2;
  private static final int GRAPH_FLAGS = 0;
  private static final int LONGEST_COPY = 1 << 30;

  // Measuring bandwidth: buffers beyond any cache, series long enough to forget the calls.
  private static final long LONGEST_PROBE = 256 << 20;
  private static final long SHORTEST_PROBE = 1 << 20;
  private static final double PROBE_SECONDS = 0.005;
  private static final int MOST_PROBES = 64;
  private static final int PROBES = 3;

  private final GpuInfo info;
  private final CUdevice device;
  private final CUcontext context;
  private final CUstream stream;
  private final CUmodule module;
  private final Map<Kernel, CUfunction> functions = new EnumMap<>(Kernel.class);
  private final Map<Long, Long> allocations = new HashMap<>();
  private final Set<HostBuffer> hostBuffers = new HashSet<>();
  private long allocated;
  private boolean closed;

  private Gpu(GpuInfo info, CUdevice device, CUcontext context, String modules) {
    this.info = info;
    this.device = device;
    this.context = context;
    this.stream = new CUstream();
    this.module = new CUmodule();
    check(cuStreamCreate(stream, CUstream_flags.CU_STREAM_NON_BLOCKING), "creating a stream");
    boolean isLoaded = false;
    boolean isComplete = false;
    try {
      check(cuModuleLoadData(module, terminated(modules)), "loading its kernels");
      isLoaded = true;
      for (Kernel kernel : Kernel.values()) {
        functions.put(kernel, function(kernel));
      }
      isComplete = true;
    } finally {
      if (!isComplete) {
        // The context may outlive this: others of the process may hold it.
        if (isLoaded) {
          cuModuleUnload(module);
        }
        cuStreamDestroy(stream);
      }
    }
  }

  /** All at once: the driver loads a kernel when it is asked for, and must not while recording. */
  private CUfunction function(Kernel kernel) {
    CUfunction function = new CUfunction();
    check(cuModuleGetFunction(function, module, kernel.symbol()), "finding " + kernel.symbol());
    int attribute = CUfunction_attribute.CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES;
    int most = info.sharedBytes() - GpuInfo.STATIC_SHARED_BYTES;
    check(cuFuncSetAttribute(function, attribute, most), "sizing " + kernel.symbol());
    return function;
  }

  private static byte[] terminated(String text) {
    return (text + "\0").getBytes(java.nio.charset.StandardCharsets.UTF_8);
  }

  /** How many GPUs there are, or why none can be used. */
  public static Offer<Integer> count() {
    return switch (DriverLibrary.version()) {
      case Offer.Declined<Integer>(String reason) -> Offer.declined(reason);
      case Offer.Accepted<Integer> _ -> {
        int[] count = new int[1];
        check(cuDeviceGetCount(count), "counting GPUs");
        yield count[0] == 0
            ? Offer.declined("the NVIDIA driver finds no GPU")
            : Offer.accepted(count[0]);
      }
    };
  }

  /** Describes a GPU without starting it. */
  public static Offer<GpuInfo> describe(int ordinal) {
    return switch (count()) {
      case Offer.Declined<Integer>(String reason) -> Offer.declined(reason);
      case Offer.Accepted<Integer>(Integer count) -> {
        if (ordinal < 0 || ordinal >= count) {
          yield Offer.declined(
              "there is no GPU %d; there %s"
                  .formatted(ordinal, count == 1 ? "is one, 0" : "are 0 to " + (count - 1)));
        }
        yield Offer.accepted(describe(ordinal, device(ordinal)));
      }
    };
  }

  private static CUdevice device(int ordinal) {
    CUdevice device = new CUdevice();
    check(cuDeviceGet(device, ordinal), "finding GPU " + ordinal);
    return device;
  }

  private static GpuInfo describe(int ordinal, CUdevice device) {
    byte[] name = new byte[256];
    check(cuDeviceGetName(name, name.length, device), "naming GPU " + ordinal);
    long[] total = new long[1];
    check(cuDeviceTotalMem(total, device), "measuring GPU " + ordinal);
    int[] version = new int[1];
    check(cuDriverGetVersion(version), "asking for the driver's version");
    int major = attribute(device, CUdevice_attribute.CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR);
    int minor = attribute(device, CUdevice_attribute.CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR);
    return new GpuInfo(
        ordinal,
        text(name),
        10 * major + minor,
        attribute(device, CUdevice_attribute.CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT),
        attribute(device, CUdevice_attribute.CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN),
        attribute(
            device, CUdevice_attribute.CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_MULTIPROCESSOR),
        total[0],
        version[0]);
  }

  private static String text(byte[] name) {
    int length = 0;
    while (length < name.length && name[length] != 0) {
      length++;
    }
    return new String(name, 0, length, java.nio.charset.StandardCharsets.UTF_8);
  }

  private static int attribute(CUdevice device, int attribute) {
    int[] value = new int[1];
    check(cuDeviceGetAttribute(value, attribute, device), "asking for an attribute");
    return value[0];
  }

  /**
   * Starts a GPU and loads the kernels.
   *
   * @param ptx their text
   */
  public static Gpu open(GpuInfo info, String ptx) {
    CUdevice device = device(info.ordinal());
    CUcontext context = new CUcontext();
    check(cuDevicePrimaryCtxRetain(context, device), "starting GPU " + info.ordinal());
    try {
      check(cuCtxSetCurrent(context), "choosing GPU " + info.ordinal());
      return new Gpu(info, device, context, ptx);
    } catch (DeviceFailure e) {
      cuCtxSetCurrent(new CUcontext());
      cuDevicePrimaryCtxRelease(device);
      throw e;
    }
  }

  /** What it is. */
  public GpuInfo info() {
    return info;
  }

  /** Makes it the calling thread's. */
  public void enter() {
    check(cuCtxSetCurrent(context), "choosing GPU " + info.ordinal());
  }

  /** Bytes of its memory that nobody uses. */
  public long freeBytes() {
    long[] free = new long[1];
    long[] total = new long[1];
    check(cuMemGetInfo(free, total), "measuring its memory");
    return free[0];
  }

  /** Bytes that were allocated here and not yet freed. */
  public long allocatedBytes() {
    return allocated;
  }

  /**
   * Takes memory, whose contents are undefined.
   *
   * @return its address; at least 256-byte aligned
   * @throws DeviceFailure when there is not so much
   */
  public long allocate(long bytes) {
    DeviceAddress address = new DeviceAddress();
    long size = Math.max(16, bytes);
    int code = cuMemAlloc(address, size);
    if (code == DriverError.OUT_OF_MEMORY) {
      throw new DeviceFailure(
          "%,d MiB of GPU memory are needed and %,d MiB are free: use a shorter context or another backend"
              .formatted((size >> 20) + 1, freeBytes() >> 20));
    }
    check(code, "allocating memory");
    allocations.put(address.value(), size);
    allocated += size;
    return address.value();
  }

  /** Gives memory back. */
  public void free(long address) {
    Long size = allocations.remove(address);
    if (size != null && !closed) {
      allocated -= size;
      check(cuMemFree(DeviceAddress.of(address)), "freeing memory");
    }
  }

  /** Takes page-locked memory of the host. */
  public HostBuffer allocateHost(long bytes) {
    Pointer pointer = new Pointer();
    long size = Math.max(16, bytes);
    check(cuMemHostAlloc(pointer, size, PINNED_AND_MAPPED), "locking memory of the host");
    DeviceAddress address = new DeviceAddress();
    check(cuMemHostGetDevicePointer(address, pointer, 0), "mapping memory of the host");
    MemorySegment memory = MemorySegment.ofBuffer(pointer.getByteBuffer(0, size));
    HostBuffer buffer = new HostBuffer(pointer, memory, address.value());
    hostBuffers.add(buffer);
    return buffer;
  }

  /** Gives it back. */
  public void free(HostBuffer buffer) {
    if (hostBuffers.remove(buffer)) {
      check(cuMemFreeHost(buffer.pointer()), "unlocking memory of the host");
    }
  }

  /**
   * Copies memory of the host in the order of the stream. The source may be reused at once: the
   * driver has read all of it when this returns.
   *
   * @param source not on the Java heap
   */
  public void upload(long target, MemorySegment source) {
    for (long done = 0; done < source.byteSize(); done += LONGEST_COPY) {
      long bytes = Math.min(LONGEST_COPY, source.byteSize() - done);
      Pointer from = Pointer.to(source.asSlice(done, bytes).asByteBuffer());
      check(
          cuMemcpyHtoDAsync(DeviceAddress.of(target + done), from, bytes, stream),
          "copying to the GPU");
    }
  }

  /** As above, from an array. */
  public void upload(long target, byte[] source) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment copy = arena.allocate(Math.max(1, source.length));
      MemorySegment.copy(source, 0, copy, ValueLayout.JAVA_BYTE, 0, source.length);
      upload(target, copy.asSlice(0, source.length));
      await();
    }
  }

  /** Copies in the order of the stream; the buffer must stay as it is until {@link #await}. */
  public void upload(long target, HostBuffer source, long offset, long bytes) {
    check(
        cuMemcpyHtoDAsync(
            DeviceAddress.of(target), source.pointer().withByteOffset(offset), bytes, stream),
        "copying to the GPU");
  }

  /** Copies in the order of the stream; the bytes are there after {@link #await}. */
  public void download(HostBuffer target, long offset, long source, long bytes) {
    check(
        cuMemcpyDtoHAsync(
            target.pointer().withByteOffset(offset), DeviceAddress.of(source), bytes, stream),
        "copying from the GPU");
  }

  /** Waits for everything before, then copies. */
  public void download(float[] target, long source) {
    await();
    check(
        cuMemcpyDtoH(
            Pointer.to(target), DeviceAddress.of(source), (long) target.length * Float.BYTES),
        "copying from the GPU");
  }

  /** Waits for everything before, then copies. */
  public void download(int[] target, long source) {
    await();
    check(
        cuMemcpyDtoH(
            Pointer.to(target), DeviceAddress.of(source), (long) target.length * Integer.BYTES),
        "copying from the GPU");
  }

  /** Fills memory with zeros, in the order of the stream. */
  public void clear(long target, long bytes) {
    check(cuMemsetD8Async(DeviceAddress.of(target), (byte) 0, bytes, stream), "clearing memory");
  }

  /** Copies within device memory, in the order of the stream. */
  public void copy(long target, long source, long bytes) {
    check(
        cuMemcpyDtoDAsync(DeviceAddress.of(target), DeviceAddress.of(source), bytes, stream),
        "copying on the GPU");
  }

  /**
   * How fast its memory reads and writes: the best of some copies that no cache holds.
   *
   * @return bytes per second, or 0 where too little memory is free
   */
  public double memoryBandwidth() {
    long bytes = Math.min(LONGEST_PROBE, freeBytes() / 4) & -256;
    if (bytes < SHORTEST_PROBE) {
      return 0;
    }
    long source = allocate(bytes);
    try {
      long target = allocate(bytes);
      try {
        clear(source, bytes);
        seconds(target, source, bytes, 1);
        double once = seconds(target, source, bytes, 1);
        int copies = (int) Math.clamp(PROBE_SECONDS / once, 1, MOST_PROBES);
        double best = once;
        for (int i = 0; i < PROBES; i++) {
          best = Math.min(best, seconds(target, source, bytes, copies) / copies);
        }
        return 2 * bytes / best;
      } finally {
        free(target);
      }
    } finally {
      free(source);
    }
  }

  /**
   * How fast it gets what lies in page-locked memory of the host: the best of some copies.
   *
   * @return bytes per second, or 0 where too little memory is free
   */
  public double hostBandwidth() {
    long bytes = Math.min(LONGEST_PROBE / 8, freeBytes() / 4) & -256;
    if (bytes < SHORTEST_PROBE) {
      return 0;
    }
    long target = allocate(bytes);
    HostBuffer source = allocateHost(bytes);
    try {
      double best = Double.POSITIVE_INFINITY;
      for (int i = 0; i <= PROBES; i++) {
        await();
        long start = System.nanoTime();
        upload(target, source, 0, bytes);
        await();
        best = Math.min(best, (System.nanoTime() - start) / 1e9);
      }
      return bytes / best;
    } finally {
      free(source);
      free(target);
    }
  }

  private double seconds(long target, long source, long bytes, int copies) {
    await();
    long start = System.nanoTime();
    for (int i = 0; i < copies; i++) {
      copy(target, source, bytes);
    }
    await();
    return (System.nanoTime() - start) / 1e9;
  }

  /** Waits until everything that was launched or copied is done. */
  public void await() {
    check(cuStreamSynchronize(stream), "running");
  }

  /**
   * Launches a kernel, in the order of the stream.
   *
   * @param x blocks in each direction
   * @param threads of a block, a multiple of 32
   * @param sharedBytes dynamic shared memory
   */
  public void launch(
      Kernel kernel, int x, int y, int z, int threads, int sharedBytes, Parameters parameters) {
    CUfunction function = functions.get(kernel);
    Pointer structure = Pointer.to(parameters.bytes());
    int code =
        cuLaunchKernel(
            function, x, y, z, threads, 1, 1, sharedBytes, stream, Pointer.to(structure), null);
    check(code, "launching " + kernel.symbol());
  }

  /** Records launches instead of running them. */
  public Recording record(Runnable launches) {
    check(
        cuStreamBeginCapture(stream, CUstreamCaptureMode.CU_STREAM_CAPTURE_MODE_THREAD_LOCAL),
        "recording");
    CUgraph graph = new CUgraph();
    int code;
    try {
      launches.run();
    } finally {
      code = cuStreamEndCapture(stream, graph);
    }
    check(code, "recording");
    CUgraphExec executable = new CUgraphExec();
    code = cuGraphInstantiate(executable, graph, GRAPH_FLAGS);
    cuGraphDestroy(graph);
    check(code, "making a graph");
    return new Recording(executable);
  }

  /** Runs recorded launches, in the order of the stream. */
  public void replay(Recording recording) {
    check(cuGraphLaunch(recording.graph(), stream), "replaying a graph");
  }

  /** Forgets a recording. */
  public void free(Recording recording) {
    if (!closed) {
      check(cuGraphExecDestroy(recording.graph()), "freeing a graph");
    }
  }

  /** Frees everything. */
  @Override
  public void close() {
    if (closed) {
      return;
    }
    enter();
    cuStreamSynchronize(stream);
    Set.copyOf(allocations.keySet()).forEach(this::free);
    Set.copyOf(hostBuffers).forEach(this::free);
    closed = true;
    cuModuleUnload(module);
    cuStreamDestroy(stream);
    cuCtxSetCurrent(new CUcontext());
    cuDevicePrimaryCtxRelease(device);
  }
}

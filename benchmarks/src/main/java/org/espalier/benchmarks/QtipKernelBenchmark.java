package org.espalier.benchmarks;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.Map;
import java.util.Objects;
import java.util.Random;
import java.util.SplittableRandom;
import java.util.concurrent.TimeUnit;
import org.espalier.api.EspalierException;
import org.espalier.api.backend.Precision;
import org.espalier.api.linear.CodecId;
import org.espalier.api.linear.EncodedLinear;
import org.espalier.api.linear.LinearForm;
import org.espalier.api.linear.LinearShape;
import org.espalier.api.linear.OperatorId;
import org.espalier.api.linear.Role;
import org.espalier.api.linear.Rotation;
import org.espalier.api.linear.TileGrid;
import org.espalier.backend.cpu.qtip.QtipKernels;
import org.espalier.backend.cpu.spi.CpuKernel;
import org.espalier.backend.cpu.spi.KernelInput;
import org.espalier.backend.cpu.spi.Scratch;
import org.jspecify.annotations.Nullable;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OperationsPerInvocation;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.Warmup;

/** Nanoseconds per tile of 16 × 16 weights, for matrices of 1024 × 2048 on one thread. */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Warmup(iterations = 5, time = 1)
@Measurement(iterations = 300, time = 10, timeUnit = TimeUnit.MILLISECONDS)
@Fork(
    value = 1,
    jvmArgsAppend = {"--add-modules", "jdk.incubator.vector"})
public class QtipKernelBenchmark {
  private static final int OUTPUTS = 1024;
  private static final int INPUTS = 2048;
  private static final int TILES = OUTPUTS * INPUTS / 256;
  private static final int BLOCK_BYTES = 68;

  /** Which kernel. */
  @Param({"qtip-vbmi", "qtip-gather", "qtip-lanes", "qtip-scalar"})
  public String kernel = "";

  /** Rows of activations. */
  @Param({"1", "4", "64"})
  public int rows;

  /** Matrices that are multiplied in turn: 1 stays in the cache, 400 (223 MB) come from memory. */
  @Param({"1", "400"})
  public int matrices;

  private final Scratch scratch = new Scratch();
  private @Nullable CpuKernel implementation;
  private KernelInput input = KernelInput.allocate(0, 0, 0);
  private float[] y = {};
  private int expert;

  /** Random blocks of one scale, a random codebook, random activations. */
  @Setup
  public void makeLinear() {
    long blocks = (long) matrices * TILES;
    MemorySegment tiles = Arena.ofAuto().allocate(blocks * BLOCK_BYTES, 64);
    SplittableRandom random = new SplittableRandom(1);
    for (long at = 0; at < tiles.byteSize(); at += Integer.BYTES) {
      tiles.set(ValueLayout.JAVA_INT_UNALIGNED, at, random.nextInt());
    }
    for (long block = 0; block < blocks; block++) {
      tiles.set(ValueLayout.JAVA_SHORT_UNALIGNED, block * BLOCK_BYTES, Float.floatToFloat16(0.02f));
    }
    Random gaussian = new Random(2);
    ValueLayout.OfFloat littleEndian =
        ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    MemorySegment codebook = Arena.ofAuto().allocate(512 * 2 * Float.BYTES);
    for (int i = 0; i < 1024; i++) {
      codebook.set(littleEndian, (long) i * Float.BYTES, (float) gaussian.nextGaussian());
    }
    EncodedLinear linear =
        new EncodedLinear(
            new OperatorId(0, Role.EXPERT_UP),
            new CodecId("qtip"),
            1,
            new LinearShape(matrices, OUTPUTS, INPUTS),
            new LinearForm.Tiled(
                new Rotation.Identity(),
                new TileGrid(16, 16),
                (_, _, _, _, _, _) -> {},
                new Rotation.Identity()),
            Map.of("tiles", tiles, "codebook", codebook));
    CpuKernel chosen =
        QtipKernels.providers().stream()
            .filter(provider -> provider.name().equals(kernel))
            .findFirst()
            .orElseThrow()
            .offer(linear, Precision.FAST)
            .orElseThrow(EspalierException.Unsupported::new);
    input = KernelInput.allocate(rows, chosen.inputBytes(), chosen.inputFloats());
    float[] x = new float[INPUTS];
    for (int row = 0; row < rows; row++) {
      for (int i = 0; i < INPUTS; i++) {
        x[i] = (float) gaussian.nextGaussian();
      }
      chosen.prepare(x, 0, input, row);
    }
    y = new float[rows * OUTPUTS];
    implementation = chosen;
  }

  /** All outputs of one matrix. */
  @Benchmark
  @OperationsPerInvocation(TILES)
  public float[] multiply() {
    expert = expert + 1 < matrices ? expert + 1 : 0;
    Objects.requireNonNull(implementation)
        .multiply(expert, 0, OUTPUTS, input, 0, rows, y, 0, OUTPUTS, scratch);
    return y;
  }
}

package org.espalier.benchmarks;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.espalier.api.EspalierException;
import org.espalier.api.backend.Precision;
import org.espalier.api.linear.CodecId;
import org.espalier.api.linear.EncodedLinear;
import org.espalier.api.linear.LinearForm;
import org.espalier.api.linear.LinearShape;
import org.espalier.api.linear.OperatorId;
import org.espalier.api.linear.Role;
import org.espalier.api.tensor.ElementType;
import org.espalier.backend.cpu.dense.RoundedKernels;
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

/** Nanoseconds per 16 weights of an output head kept as bytes, on one thread. */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Warmup(iterations = 5, time = 1)
@Measurement(iterations = 100, time = 30, timeUnit = TimeUnit.MILLISECONDS)
@Fork(
    value = 1,
    jvmArgsAppend = {"--add-modules", "jdk.incubator.vector"})
public class HeadKernelBenchmark {
  private static final int OUTPUTS = 8192;
  private static final int INPUTS = 2048;

  /** Rows of activations. */
  @Param({"1", "2", "4", "8"})
  public int rows;

  private final Scratch scratch = new Scratch();
  private @Nullable CpuKernel implementation;
  private KernelInput input = KernelInput.allocate(0, 0, 0);
  private float[] y = {};

  /** Random weights and activations. */
  @Setup
  public void makeLinear() {
    Random random = new Random(1);
    MemorySegment weights = Arena.ofAuto().allocate((long) OUTPUTS * INPUTS * Float.BYTES);
    ValueLayout.OfFloat littleEndian =
        ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    for (long at = 0; at < weights.byteSize(); at += Float.BYTES) {
      weights.set(littleEndian, at, random.nextFloat() - 0.5f);
    }
    EncodedLinear linear =
        new EncodedLinear(
            new OperatorId(-1, Role.HEAD),
            CodecId.PLAIN,
            0,
            new LinearShape(1, OUTPUTS, INPUTS),
            new LinearForm.Dense(ElementType.F32, List.of(weights)),
            Map.of());
    CpuKernel chosen =
        new RoundedKernels()
            .offer(linear, Precision.FAST)
            .orElseThrow(EspalierException.Unsupported::new);
    input = KernelInput.allocate(rows, chosen.inputBytes(), chosen.inputFloats());
    float[] x = new float[INPUTS];
    for (int row = 0; row < rows; row++) {
      for (int i = 0; i < INPUTS; i++) {
        x[i] = (float) random.nextGaussian();
      }
      chosen.prepare(x, 0, input, row);
    }
    y = new float[rows * OUTPUTS];
    implementation = chosen;
  }

  /** All outputs, in the pieces in which workers take them. */
  @Benchmark
  @OperationsPerInvocation(OUTPUTS * INPUTS / 16)
  public float[] multiply() {
    for (int output = 0; output < OUTPUTS; output += 128) {
      Objects.requireNonNull(implementation)
          .multiply(0, output, output + 128, input, 0, rows, y, 0, OUTPUTS, scratch);
    }
    return y;
  }
}

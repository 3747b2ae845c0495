package org.espalier.runtime.synthesis;

import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.SplittableRandom;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.ThreadFactory;
import java.util.function.LongConsumer;
import org.espalier.api.EspalierException.Unsupported;
import org.espalier.api.codec.BlockQuantizer;
import org.espalier.api.codec.Codec;
import org.espalier.api.format.ModelFormat;
import org.espalier.api.format.ModelWriter;

/** Writes models with random weights, which generate gibberish at the speed of real ones. */
public final class Synthesizer {
  private static final ThreadFactory WORKERS =
      Thread.ofPlatform().daemon().name("synthesis-", 0).factory();

  private Synthesizer() {}

  /**
   * Writes one. When it fails or the thread is interrupted, what stood at the path before is left.
   *
   * @param codec of the weight matrices; must have a {@linkplain Codec#packing packing}. Where
   *     empty they are BF16
   * @param seed equal seeds give equal bytes, whatever the number of threads
   * @param progress receives bytes written so far
   * @throws org.espalier.api.EspalierException.InvalidRequest when the codec cannot hold the shape
   * @throws Unsupported when the format or the codec only reads
   */
  public static void write(
      Path path,
      SyntheticShape shape,
      ModelFormat format,
      Optional<Codec> codec,
      long seed,
      LongConsumer progress) {
    write(path, shape, format, codec, seed, progress, Runtime.getRuntime().availableProcessors());
  }

  /**
   * The same with the matrices of attention in blocks.
   *
   * @param attention of which kind; empty: as all others
   */
  public static void write(
      Path path,
      SyntheticShape shape,
      ModelFormat format,
      Optional<Codec> codec,
      Optional<BlockQuantizer> attention,
      long seed,
      LongConsumer progress) {
    int threads = Runtime.getRuntime().availableProcessors();
    write(path, shape, format, codec, attention, seed, progress, threads);
  }

  static void write(
      Path path,
      SyntheticShape shape,
      ModelFormat format,
      Optional<Codec> codec,
      long seed,
      LongConsumer progress,
      int threads) {
    write(path, shape, format, codec, Optional.empty(), seed, progress, threads);
  }

  private static void write(
      Path path,
      SyntheticShape shape,
      ModelFormat format,
      Optional<Codec> codec,
      Optional<BlockQuantizer> attention,
      long seed,
      LongConsumer progress,
      int threads) {
    SplittableRandom seeds = new SplittableRandom(seed);
    List<SyntheticTensor> tensors = OlmoeTensors.of(shape, codec, attention, seeds.split());
    try (ModelWriter writer = writer(path, shape, format);
        ExecutorService workers = Executors.newFixedThreadPool(threads, WORKERS)) {
      for (SyntheticTensor tensor : tensors) {
        writer.declare(tensor.name(), tensor.type(), tensor.shape(), tensor.bytes());
      }
      LongConsumer sum = new RunningSum(progress);
      for (SyntheticTensor tensor : tensors) {
        writer.write(
            tensor.name(),
            new ParallelContent(tensor, seeds.nextLong(), workers, 2 * threads, sum));
      }
      writer.finish();
    }
  }

  private static ModelWriter writer(Path path, SyntheticShape shape, ModelFormat format) {
    return format
        .create(path, OlmoeTensors.metadata(shape))
        .orElseThrow(reason -> new Unsupported("cannot write %s: %s".formatted(path, reason)));
  }

  private static final class RunningSum implements LongConsumer {
    private final LongConsumer progress;
    private long sum;

    RunningSum(LongConsumer progress) {
      this.progress = progress;
    }

    @Override
    public void accept(long bytes) {
      sum += bytes;
      progress.accept(sum);
    }
  }
}

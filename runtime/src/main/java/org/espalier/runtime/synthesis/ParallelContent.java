package org.espalier.runtime.synthesis;

import java.io.IOException;
import java.io.InterruptedIOException;
import java.lang.foreign.MemorySegment;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.SplittableRandom;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Future;
import java.util.function.LongConsumer;
import java.util.random.RandomGenerator;
import java.util.random.RandomGeneratorFactory;
import org.espalier.api.format.ModelWriter;

/**
 * Fills a tensor piece by piece on many threads and hands the pieces over in order. Where pieces
 * begin and what seeds them depends on the tensor and its seed only, so the bytes are the same at
 * any number of threads.
 */
final class ParallelContent implements ModelWriter.Content {
  private static final int PIECE_BYTES = 1 << 20;
  private static final RandomGeneratorFactory<RandomGenerator> GENERATORS =
      RandomGeneratorFactory.of("L64X128MixRandom");

  private final SyntheticTensor tensor;
  private final SplittableRandom seeds;
  private final ExecutorService workers;
  private final int ahead;
  private final LongConsumer written;

  /**
   * The content of a tensor.
   *
   * @param ahead pieces that may wait in memory
   * @param written receives the size of every piece that was handed over
   */
  ParallelContent(
      SyntheticTensor tensor, long seed, ExecutorService workers, int ahead, LongConsumer written) {
    this.tensor = tensor;
    this.seeds = new SplittableRandom(seed);
    this.workers = workers;
    this.ahead = ahead;
    this.written = written;
  }

  @Override
  public void writeTo(ModelWriter.Sink sink) throws IOException {
    int pieceUnits = Math.max(1, PIECE_BYTES / tensor.unitBytes());
    Deque<Future<MemorySegment>> pieces = new ArrayDeque<>();
    long begun = 0;
    while (begun < tensor.units() || !pieces.isEmpty()) {
      while (begun < tensor.units() && pieces.size() < ahead) {
        int units = (int) Math.min(pieceUnits, tensor.units() - begun);
        long seed = seeds.nextLong();
        pieces.add(workers.submit(() -> piece(seed, units)));
        begun += units;
      }
      MemorySegment piece = await(pieces.remove());
      sink.append(piece);
      written.accept(piece.byteSize());
    }
  }

  private MemorySegment piece(long seed, int units) {
    MemorySegment bytes = MemorySegment.ofArray(new byte[units * tensor.unitBytes()]);
    tensor.filler().fill(GENERATORS.create(seed), units, bytes);
    return bytes;
  }

  private static MemorySegment await(Future<MemorySegment> piece) throws IOException {
    try {
      return piece.get();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new InterruptedIOException("writing was interrupted");
    } catch (ExecutionException e) {
      if (e.getCause() instanceof RuntimeException failure) {
        throw failure;
      }
      throw new IllegalStateException(e.getCause());
    }
  }
}

package org.espalier.backend.offload.residency;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.Optional;
import java.util.stream.IntStream;
import org.espalier.api.backend.Rows;
import org.espalier.api.linear.LinearForm;
import org.espalier.api.model.Stage;
import org.espalier.api.tensor.ElementType;

/**
 * Guesses which experts a layer will use, from the residual stream as it enters an earlier layer's
 * experts: each layer adds little to the stream, so its router mostly decides the same on what goes
 * before. A wrong guess costs a read and nothing else.
 */
public final class Foresight {
  /** Rows of a long pass that are asked; such a pass uses nearly all experts anyway. */
  private static final int ROWS = 8;

  private static final ValueLayout.OfFloat F32 =
      ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfShort HALF =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private final float[] norm;
  private final ElementType element;
  private final MemorySegment router;
  private final int experts;
  private final int used;
  private final float[] row;
  private final float[] scores;
  private final float[] best;

  private Foresight(Stage.MixtureOfExperts stage, ElementType element, MemorySegment router) {
    this.norm = stage.norm().weights();
    this.element = element;
    this.router = router;
    this.experts = stage.experts();
    this.used = stage.used();
    this.row = new float[norm.length];
    this.scores = new float[experts];
    this.best = new float[experts];
  }

  /** For a layer; empty where its router is not stored as plain numbers. */
  public static Optional<Foresight> of(Stage.MixtureOfExperts stage) {
    return stage.router().form() instanceof LinearForm.Dense dense
        ? Optional.of(new Foresight(stage, dense.element(), dense.matrices().getFirst()))
        : Optional.empty();
  }

  /** The experts that some row is likely to use, the likeliest first. One thread at a time. */
  public int[] likely(Rows rows) {
    Arrays.fill(best, Float.NEGATIVE_INFINITY);
    int asked = Math.min(ROWS, rows.count());
    for (int i = 0; i < asked; i++) {
      score(rows, (int) ((long) i * rows.count() / asked));
      float threshold = threshold();
      for (int e = 0; e < experts; e++) {
        if (scores[e] >= threshold) {
          best[e] = Math.max(best[e], scores[e]);
        }
      }
    }
    return IntStream.range(0, experts)
        .filter(e -> best[e] > Float.NEGATIVE_INFINITY)
        .boxed()
        .sorted((a, b) -> Float.compare(best[b], best[a]))
        .mapToInt(Integer::intValue)
        .toArray();
  }

  /** Scores of one row, up to a positive factor that is the same for all experts. */
  private void score(Rows rows, int index) {
    rows.read(index, row, 0);
    double squares = 0;
    for (int i = 0; i < row.length; i++) {
      squares += (double) row[i] * row[i];
      row[i] *= norm[i];
    }
    float scale = (float) (1 / Math.sqrt(squares / row.length + 1e-12));
    for (int e = 0; e < experts; e++) {
      scores[e] = scale * product((long) e * row.length);
    }
  }

  /** Four sums at a time, since an addition waits for the one before. */
  private float product(long first) {
    float a = 0;
    float b = 0;
    float c = 0;
    float d = 0;
    int i = 0;
    for (; i + 3 < row.length; i += 4) {
      a += row[i] * weight(first + i);
      b += row[i + 1] * weight(first + i + 1);
      c += row[i + 2] * weight(first + i + 2);
      d += row[i + 3] * weight(first + i + 3);
    }
    for (; i < row.length; i++) {
      a += row[i] * weight(first + i);
    }
    return a + b + (c + d);
  }

  private float weight(long index) {
    return switch (element) {
      case F32 -> router.get(F32, index * Float.BYTES);
      case BF16 -> Float.intBitsToFloat(router.get(HALF, index * Short.BYTES) << 16);
      case F16 -> Float.float16ToFloat(router.get(HALF, index * Short.BYTES));
    };
  }

  /** The score of the last expert that this row would use. */
  private float threshold() {
    float[] sorted = scores.clone();
    Arrays.sort(sorted);
    return sorted[experts - used];
  }
}

package org.espalier.runtime.synthesis;

import java.nio.file.Path;
import java.util.function.LongConsumer;
import org.espalier.api.codec.Codec;
import org.espalier.api.format.ModelFormat;

/** Writes models with random weights, which generate gibberish at the speed of real ones. */
public final class Synthesizer {
  private Synthesizer() {}

  /**
   * Writes one.
   *
   * @param codec of the weight matrices; must have a {@linkplain Codec#packing packing}
   * @param seed equal seeds give equal bytes, whatever the number of threads
   * @param progress receives bytes written so far
   */
  public static void write(
      Path path,
      SyntheticShape shape,
      ModelFormat format,
      Codec codec,
      long seed,
      LongConsumer progress) {
    throw new IllegalStateException("not yet written");
  }
}

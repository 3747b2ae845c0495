package org.espalier.launcher.command;

import java.util.Optional;
import org.espalier.api.EspalierException.Unsupported;
import org.espalier.api.codec.BlockQuantizer;
import org.espalier.api.codec.Codec;
import org.espalier.api.codec.Packing;
import org.espalier.api.linear.LinearShape;
import org.espalier.runtime.synthesis.SyntheticShape;

/** How large a synthetic model becomes, before it is written. */
final class SyntheticSize {
  /** Names, token texts and merges, generously. */
  private static final long PER_TOKEN = 64;

  private static final long PER_TENSOR = 128;

  private SyntheticSize() {}

  /** Bytes: of the matrices exactly, of the rest roughly. */
  static long estimate(
      SyntheticShape shape, Optional<Codec> codec, Optional<BlockQuantizer> blocks) {
    int width = shape.width();
    LinearShape square = new LinearShape(1, width, width);
    long attention =
        4
            * blocks
                .map(quantizer -> square.weights() / quantizer.size() * quantizer.bytes())
                .orElseGet(() -> packed(codec, square));
    long experts =
        2 * packed(codec, new LinearShape(shape.experts(), shape.expertWidth(), width))
            + packed(codec, new LinearShape(shape.experts(), width, shape.expertWidth()));
    long plain = (long) Float.BYTES * width * (shape.experts() + 4);
    long tables = 2L * Float.BYTES * shape.vocabulary() * width;
    return shape.layers() * (attention + experts + plain + 32 * PER_TENSOR)
        + tables
        + shape.vocabulary() * PER_TOKEN;
  }

  private static long packed(Optional<Codec> codec, LinearShape shape) {
    if (codec.isEmpty()) {
      return Short.BYTES * shape.weights();
    }
    Packing packing = codec.get().packing(shape).orElseThrow(Unsupported::new);
    long tiles = shape.weights() / packing.grid().size();
    long signs = (long) Float.BYTES * shape.experts() * (shape.inputs() + shape.outputs());
    return tiles * packing.packedBytes() + signs;
  }
}

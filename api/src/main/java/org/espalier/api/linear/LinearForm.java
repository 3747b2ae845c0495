package org.espalier.api.linear;

import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.stream.IntStream;
import org.espalier.api.tensor.ElementType;

/** What an encoded linear computes, in terms that every backend can execute. */
public sealed interface LinearForm {

  /**
   * y = W x with W as it stands. Some files keep the experts of a bank in one stack and some keep
   * each in a tensor of its own; here each has a segment of its own, wherever it lies.
   *
   * @param element type of the weights
   * @param matrices one for each expert: [outputs × inputs], little-endian
   */
  record Dense(ElementType element, List<MemorySegment> matrices) implements LinearForm {
    public Dense {
      matrices = List.copyOf(matrices);
    }

    /**
     * A bank whose experts follow one another in one segment.
     *
     * @param weights [experts × outputs × inputs], little-endian; cut into {@code experts} equal
     *     parts
     */
    public static Dense stack(ElementType element, MemorySegment weights, int experts) {
      long bytes = weights.byteSize() / experts;
      if (bytes * experts != weights.byteSize()) {
        throw new IllegalArgumentException(
            "%d bytes cannot be cut into %d equal parts".formatted(weights.byteSize(), experts));
      }
      return new Dense(
          element,
          IntStream.range(0, experts)
              .mapToObj(expert -> weights.asSlice(expert * bytes, bytes))
              .toList());
    }
  }

  /**
   * y = R_out (C (R_in x)) with a core C that is decoded tile by tile.
   *
   * @param output rotation of the result
   * @param grid tiling of the core; outputs and inputs are multiples of its rows and columns
   * @param core decodes the core
   * @param input rotation of the argument
   */
  record Tiled(Rotation output, TileGrid grid, TileDecoder core, Rotation input)
      implements LinearForm {}
}

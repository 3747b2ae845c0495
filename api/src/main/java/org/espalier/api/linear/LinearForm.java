package org.espalier.api.linear;

import java.lang.foreign.MemorySegment;
import org.espalier.api.tensor.ElementType;

/** What an encoded linear computes, in terms that every backend can execute. */
public sealed interface LinearForm {

  /**
   * y = W x with W as it stands.
   *
   * @param element type of the weights
   * @param weights [experts × outputs × inputs], little-endian
   */
  record Dense(ElementType element, MemorySegment weights) implements LinearForm {}

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

package org.espalier.api.linear;

import java.lang.foreign.MemorySegment;
import java.util.Map;
import java.util.Set;
import org.espalier.api.Offer;

/**
 * Decodes tiles of a core matrix: the executable definition of a codec, which every backend can
 * run. Pure and safe to call from many threads at once.
 */
@FunctionalInterface
public interface TileDecoder {

  /**
   * Decodes a run of neighbouring tiles of one row of tiles. Whoever calls asks for long runs, so
   * an interface call costs nothing that can be measured.
   *
   * @param expert index in the bank
   * @param tileRow row of tiles, from 0
   * @param tileColumn first tile of the run, from 0
   * @param count tiles in the run; all lie in {@code tileRow}
   * @param target receives {@code count} tiles one after another, each in row-major order
   * @param offset where in {@code target} the first value goes
   */
  void decode(int expert, int tileRow, int tileColumn, int count, float[] target, int offset);

  /**
   * The parts of its {@link EncodedLinear} that hold the experts of the bank one after another, in
   * equal lengths; what it reads besides these is the same for all experts. Empty where its bytes
   * cannot be moved.
   */
  default Set<String> bankedParts() {
    return Set.of();
  }

  /**
   * The same decoder over copies of its bytes, for whoever keeps experts in memory of its own.
   *
   * @param experts how many the copies have room for; what they hold may change between calls of
   *     {@link #decode}
   * @param parts those of {@link #bankedParts()}, each {@code experts} times as long as one
   *     expert's share
   */
  default Offer<TileDecoder> over(int experts, Map<String, MemorySegment> parts) {
    return Offer.declined("this codec cannot move single experts");
  }
}

package org.espalier.api.codec;

import org.espalier.api.Offer;
import org.espalier.api.linear.CodecId;
import org.espalier.api.linear.TileGrid;

/**
 * A service: one way of finding the codes of tiles, of which a codec may have several (an exact
 * one, a fast one, one on a GPU). It is safe to call from many threads.
 */
public interface TileQuantizer {

  /** Whose codes it finds. */
  CodecId codec();

  /** Its name among those of its codec, lower case. */
  String name();

  /** Whoever wants the fastest takes the one with the highest number that does not decline. */
  int preference();

  /** The tiles it works on. */
  TileGrid grid();

  /** Bytes of one tile's codes, as {@link Packing#codeBytes()}. */
  int codeBytes();

  /**
   * Prepares a search for one thread.
   *
   * @return declined where this machine cannot run it, or cannot run it fast
   */
  Offer<Search> newSearch();

  /** Finds codes. Holds buffers, so one thread uses it at a time. */
  interface Search {

    /**
     * Finds codes whose decoded values, with scale 1, are close to the targets in squared error.
     * The outcome for a tile depends on that tile alone.
     *
     * @param targets {@code count} tiles one after another, each in row-major order, of about unit
     *     variance; every number is finite
     * @param count tiles
     * @param codes receives {@code count} × {@link TileQuantizer#codeBytes()} bytes from its start
     * @param reconstruction receives what the codes decode to, laid out as the targets
     */
    void quantize(float[] targets, int count, byte[] codes, float[] reconstruction);
  }
}

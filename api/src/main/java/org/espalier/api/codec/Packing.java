package org.espalier.api.codec;

import java.lang.foreign.MemorySegment;
import java.util.List;
import org.espalier.api.linear.LinearShape;
import org.espalier.api.linear.TileGrid;
import org.espalier.api.tensor.StorageType;

/**
 * How a codec lays an operator of one shape out in a file. Between a tile search and this interface
 * a tile is a string of {@link #codeBytes()} bytes whose meaning only the codec knows; any such
 * string decodes to something, so random bytes make a valid (if meaningless) matrix.
 */
public interface Packing {

  /** The shape it was asked for. */
  LinearShape shape();

  /** Version of the byte layout, as {@link org.espalier.api.linear.EncodedLinear#layout}. */
  default int layout() {
    return 0;
  }

  /** Tiling of the core. */
  TileGrid grid();

  /** Bytes of one tile's codes. */
  int codeBytes();

  /**
   * The tensor that holds the tiles of all experts, in the order experts, tile rows, tile columns.
   */
  Member tiles();

  /** Bytes that one tile takes in {@link #tiles()}. */
  int packedBytes();

  /** The signs of the input rotation: F32, (experts, inputs). */
  Member inputSigns();

  /** The signs of the output rotation: F32, (experts, outputs). */
  Member outputSigns();

  /**
   * The scale that readers will see when {@link #pack} is given {@code scale}: codecs that keep it
   * in fewer bits round it.
   */
  default float storedScale(float scale) {
    return scale;
  }

  /**
   * Writes tiles as they stand in the file.
   *
   * @param count tiles
   * @param codes {@code count} × {@link #codeBytes()} bytes
   * @param scale by which the decoded values are multiplied
   * @param target receives {@code count} × {@link #packedBytes()} bytes from its start
   */
  void pack(int count, byte[] codes, float scale, MemorySegment target);

  /**
   * A tensor to write.
   *
   * @param suffix its name after the operator's stem and a dot, such as {@code "weight"}
   * @param type how it is stored
   * @param shape outermost first
   */
  record Member(String suffix, StorageType type, List<Long> shape) {
    public Member {
      shape = List.copyOf(shape);
    }
  }
}

package org.espalier.codec.qtip;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/**
 * The {@value #BYTES} bytes that hold one tile of {@value #SIDE} × {@value #SIDE} weights. All
 * numbers are little-endian.
 *
 * <table>
 * <caption>Layout of a block</caption>
 * <tr><th>bytes</th><th>content</th></tr>
 * <tr><td>0–1</td><td>scale d, IEEE binary16</td></tr>
 * <tr><td>2–3</td><td>s₀: the state after the first code has been shifted in</td></tr>
 * <tr><td>4–67</td><td>codes c₁ … c₁₂₇ of 4 bits, the low half of a byte first; the last 4 bits are
 * unused</td></tr>
 * </table>
 */
final class TileBlock {
  /** Rows and columns of a tile. */
  static final int SIDE = 16;

  /** Weights of a tile. */
  static final int WEIGHTS = SIDE * SIDE;

  /** Bytes of a block. */
  static final int BYTES = 68;

  /** Where the start state lies; it and the codes after it are what a tile search produces. */
  static final int STATE_OFFSET = 2;

  /** Where the codes lie. */
  static final int CODES_OFFSET = 4;

  private static final ValueLayout.OfShort U16 =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private TileBlock() {}

  /** The scale of the block at byte {@code at}: any half, also one that is not finite. */
  static float scale(MemorySegment blocks, long at) {
    return Float.float16ToFloat(blocks.get(U16, at));
  }

  /** Writes the scale of the block at byte {@code at}. */
  static void putScale(MemorySegment blocks, long at, short half) {
    blocks.set(U16, at, half);
  }

  /** State s₀ of the block at byte {@code at}. */
  static int startState(MemorySegment blocks, long at) {
    return Short.toUnsignedInt(blocks.get(U16, at + STATE_OFFSET));
  }

  /** Code c of step 1 to 127 of the block at byte {@code at}. */
  static int code(MemorySegment blocks, long at, int step) {
    int pair = blocks.get(ValueLayout.JAVA_BYTE, at + CODES_OFFSET + (step - 1) / 2);
    return step % 2 == 1 ? pair & 0xF : pair >>> 4 & 0xF;
  }

  /**
   * Writes a walk as a block without its scale: the first state, then the codes.
   *
   * @param walk states of all steps
   * @param target receives {@value #BYTES} − {@value #STATE_OFFSET} bytes
   * @param at where in {@code target} the first goes
   */
  static void putWalk(int[] walk, byte[] target, int at) {
    target[at] = (byte) walk[0];
    target[at + 1] = (byte) (walk[0] >>> 8);
    int codes = at + CODES_OFFSET - STATE_OFFSET;
    for (int step = 1; step < walk.length; step += 2) {
      int low = walk[step] & 0xF;
      int high = step + 1 < walk.length ? walk[step + 1] & 0xF : 0;
      target[codes + step / 2] = (byte) (high << 4 | low);
    }
  }
}

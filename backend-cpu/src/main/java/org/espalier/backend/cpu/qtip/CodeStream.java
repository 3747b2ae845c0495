package org.espalier.backend.cpu.qtip;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;

/**
 * Blocks copied to the heap, with the first state rewritten as the four codes that would lead to
 * it. Every state is then a window of four nibbles in one uniform stream, the first one included.
 */
final class CodeStream {
  private static final VarHandle SHORT =
      MethodHandles.byteArrayViewVarHandle(short[].class, ByteOrder.LITTLE_ENDIAN);

  private CodeStream() {}

  /** Copies {@code tiles} blocks that begin at {@code offset} to the start of {@code target}. */
  static void copy(MemorySegment source, long offset, int tiles, byte[] target) {
    int length = tiles * QtipCore.BLOCK_BYTES;
    MemorySegment.copy(source, ValueLayout.JAVA_BYTE, offset, target, 0, length);
    for (int at = 2; at < length; at += QtipCore.BLOCK_BYTES) {
      SHORT.set(target, at, reverseNibbles((short) SHORT.get(target, at)));
    }
  }

  private static short reverseNibbles(short value) {
    int bytes = Short.reverseBytes(value) & 0xFFFF;
    return (short) ((bytes & 0x0F0F) << 4 | (bytes >>> 4 & 0x0F0F));
  }

  /** Nibble {@code index} of the stream of the tile at {@code at}; −3 is the first. */
  static int nibble(byte[] stream, int at, int index) {
    int position = index + 3;
    return stream[at + 2 + (position >> 1)] >>> (position & 1) * 4 & 15;
  }
}

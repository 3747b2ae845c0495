package org.espalier.backend.cuda.kernel;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;

/**
 * A structure for a kernel, written field by field in the order of {@code structures.cuh}. Those
 * are laid out without gaps: a field begins at a multiple of its size.
 */
public final class Parameters {
  private static final int LARGEST = 512;

  private final ByteBuffer buffer = ByteBuffer.allocate(LARGEST).order(ByteOrder.LITTLE_ENDIAN);

  /** Appends an address, or null as 0. */
  public Parameters address(long address) {
    return wide(address);
  }

  /** Appends 64 bits. */
  public Parameters wide(long value) {
    require(Long.BYTES);
    buffer.putLong(value);
    return this;
  }

  /** Appends 32 bits. */
  public Parameters integer(int value) {
    buffer.putInt(value);
    return this;
  }

  /** Appends a truth value as 32 bits. */
  public Parameters flag(boolean value) {
    return integer(value ? 1 : 0);
  }

  /** Appends a float. */
  public Parameters real(float value) {
    buffer.putFloat(value);
    return this;
  }

  private void require(int alignment) {
    if (buffer.position() % alignment != 0) {
      throw new IllegalStateException("a field at " + buffer.position() + " is not aligned");
    }
  }

  /** What was written. */
  public byte[] bytes() {
    require(Long.BYTES);
    return Arrays.copyOf(buffer.array(), buffer.position());
  }
}

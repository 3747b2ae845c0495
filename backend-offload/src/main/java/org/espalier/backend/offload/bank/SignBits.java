package org.espalier.backend.offload.bank;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.List;
import java.util.Optional;

/**
 * Small pieces of all experts of a bank, kept in little memory: F32 numbers that are all 1 or −1
 * take a bit each, others stay as they are.
 */
public final class SignBits {
  private static final ValueLayout.OfInt WORD =
      ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final int ONE = Float.floatToRawIntBits(1);
  private static final int MINUS_ONE = Float.floatToRawIntBits(-1);

  private final List<byte[]> byExpert;
  private final boolean packed;

  private SignBits(List<byte[]> byExpert, boolean packed) {
    this.byExpert = byExpert;
    this.packed = packed;
  }

  /** Copies a piece. */
  public static SignBits of(MovableBank.Piece piece) {
    List<Optional<byte[]>> bits = piece.byExpert().stream().map(SignBits::pack).toList();
    return bits.stream().allMatch(Optional::isPresent)
        ? new SignBits(bits.stream().map(Optional::orElseThrow).toList(), true)
        : new SignBits(
            piece.byExpert().stream().map(s -> s.toArray(ValueLayout.JAVA_BYTE)).toList(), false);
  }

  private static Optional<byte[]> pack(MemorySegment numbers) {
    if (numbers.byteSize() % Float.BYTES != 0) {
      return Optional.empty();
    }
    int count = (int) (numbers.byteSize() / Float.BYTES);
    byte[] bits = new byte[(count + 7) / 8];
    for (int i = 0; i < count; i++) {
      int word = numbers.get(WORD, (long) i * Float.BYTES);
      if (word == MINUS_ONE) {
        bits[i / 8] |= (byte) (1 << i % 8);
      } else if (word != ONE) {
        return Optional.empty();
      }
    }
    return Optional.of(bits);
  }

  /** Bytes that it takes. */
  public long bytes() {
    return byExpert.stream().mapToLong(bytes -> bytes.length).sum();
  }

  /** Writes an expert's numbers as they were. */
  public void write(int expert, MemorySegment target) {
    byte[] bytes = byExpert.get(expert);
    if (packed) {
      int count = (int) (target.byteSize() / Float.BYTES);
      for (int i = 0; i < count; i++) {
        boolean negative = (bytes[i / 8] >> i % 8 & 1) != 0;
        target.set(WORD, (long) i * Float.BYTES, negative ? MINUS_ONE : ONE);
      }
    } else {
      MemorySegment.copy(bytes, 0, target, ValueLayout.JAVA_BYTE, 0, bytes.length);
    }
  }
}

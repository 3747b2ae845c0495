package org.espalier.backend.offload.residency;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;

/**
 * Memory for a number of experts of equal make: for each piece one segment, in which the places
 * follow one another, as kernels read a bank.
 *
 * @param count places
 * @param pieceBytes bytes of each piece of one expert
 * @param memory of each piece: {@code count} times its bytes
 */
public record Places(int count, List<Long> pieceBytes, List<MemorySegment> memory) {
  private static final long ALIGNMENT = 4096;

  public Places {
    pieceBytes = List.copyOf(pieceBytes);
    memory = List.copyOf(memory);
  }

  /**
   * One piece of every place.
   *
   * @param bytes of one expert
   * @param offset in a file of those that will lie here: memory begins as far behind a block's
   *     start as they do, so that direct reads can go straight into it
   */
  public record Piece(long bytes, long offset) {
    MemorySegment allocate(int count, Arena arena) {
      long size = Math.multiplyExact(bytes, (long) count);
      return arena.allocate(size + ALIGNMENT, ALIGNMENT).asSlice(offset % ALIGNMENT, size);
    }
  }

  /** Allocates. */
  public static Places allocate(int count, List<Piece> pieces, Arena arena) {
    return new Places(
        count,
        pieces.stream().map(Piece::bytes).toList(),
        pieces.stream().map(piece -> piece.allocate(count, arena)).toList());
  }

  /** Bytes of one place. */
  public long placeBytes() {
    return pieceBytes.stream().mapToLong(Long::longValue).sum();
  }

  MemorySegment target(int place, int piece) {
    long bytes = pieceBytes.get(piece);
    return memory.get(piece).asSlice(place * bytes, bytes);
  }
}

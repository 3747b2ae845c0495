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

  /** Allocates. */
  public static Places allocate(int count, List<Long> pieceBytes, Arena arena) {
    return new Places(
        count,
        pieceBytes,
        pieceBytes.stream()
            .map(bytes -> arena.allocate(Math.multiplyExact(bytes, (long) count), ALIGNMENT))
            .toList());
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

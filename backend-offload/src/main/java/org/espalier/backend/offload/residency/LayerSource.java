package org.espalier.backend.offload.residency;

import java.lang.foreign.MemorySegment;
import java.util.List;
import org.espalier.backend.offload.bank.SignBits;
import org.espalier.backend.offload.disk.ReadBuffer;
import org.espalier.backend.offload.disk.SourceFile;

/**
 * Where the experts of a layer come from, piece by piece in the order of the places' pieces.
 *
 * @param pieces of gate, up and down
 */
public record LayerSource(List<Piece> pieces) {
  public LayerSource {
    pieces = List.copyOf(pieces);
  }

  /** Bytes that must be read for one expert. */
  public long bytesOnDisk() {
    return pieces.stream()
        .mapToLong(piece -> piece instanceof Piece.OnDisk disk ? disk.bytes() : 0)
        .sum();
  }

  /** Where one piece comes from. */
  public sealed interface Piece {

    /**
     * From a file.
     *
     * @param offsets where the piece of each expert begins
     * @param bytes of one expert's piece
     */
    record OnDisk(SourceFile file, long[] offsets, long bytes) implements Piece {
      /**
       * Bytes that are read at once. Each read costs a disk some time, however short it is, so a
       * piece of an ordinary expert is read in one.
       */
      private static final long PART = 1 << 20;

      void read(int expert, long from, MemorySegment target, ReadBuffer buffer) {
        file.read(offsets[expert] + from, target, buffer);
      }

      /**
       * Where the part of an expert's piece ends that is read at once when it begins at {@code
       * from}: at a multiple of {@link #PART} in the file, so that no block of the disk is read
       * twice.
       */
      long partEnd(int expert, long from) {
        long end = (offsets[expert] + from) / PART * PART + PART - offsets[expert];
        return bytes - end < PART / 4 ? bytes : end;
      }
    }

    /**
     * From memory, because it is small.
     *
     * @param bits of all experts
     */
    record Kept(SignBits bits) implements Piece {}
  }
}

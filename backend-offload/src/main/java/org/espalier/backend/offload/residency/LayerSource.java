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
      void read(int expert, MemorySegment target, ReadBuffer buffer) {
        file.read(offsets[expert], target, buffer);
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

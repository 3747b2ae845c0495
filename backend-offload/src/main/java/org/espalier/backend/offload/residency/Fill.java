package org.espalier.backend.offload.residency;

import org.espalier.backend.offload.disk.ReadBuffer;
import org.espalier.backend.offload.disk.Readers;

/** Brings a part of a piece of an expert, and with the first one all pieces that are at hand. */
final class Fill implements Readers.Job {
  private final ExpertResidency owner;
  private final LayerSource source;
  private final int piece;
  private final long from;
  private final long length;
  private final boolean withKept;
  final Place place;
  final int expert;

  Fill(
      ExpertResidency owner,
      LayerSource source,
      Place place,
      int expert,
      int piece,
      long from,
      long length,
      boolean withKept) {
    this.owner = owner;
    this.source = source;
    this.place = place;
    this.expert = expert;
    this.piece = piece;
    this.from = from;
    this.length = length;
    this.withKept = withKept;
  }

  long bytes() {
    return length;
  }

  @Override
  public void run(ReadBuffer buffer) {
    RuntimeException failure = null;
    try {
      if (source.pieces().get(piece) instanceof LayerSource.Piece.OnDisk disk) {
        disk.read(
            expert, from, place.places.target(place.index, piece).asSlice(from, length), buffer);
      }
      if (withKept) {
        writeKept(); // last, so that the disk does not wait for it
      }
    } catch (RuntimeException e) {
      failure = e;
    }
    owner.ended(this, failure);
  }

  private void writeKept() {
    for (int i = 0; i < source.pieces().size(); i++) {
      if (source.pieces().get(i) instanceof LayerSource.Piece.Kept(var bits)) {
        bits.write(expert, place.places.target(place.index, i));
      }
    }
  }
}

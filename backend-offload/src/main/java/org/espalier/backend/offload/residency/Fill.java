package org.espalier.backend.offload.residency;

import org.espalier.backend.offload.disk.ReadBuffer;
import org.espalier.backend.offload.disk.Readers;

/** Brings one piece of an expert, and with the first one all pieces that are at hand. */
final class Fill implements Readers.Job {
  private final ExpertResidency owner;
  private final LayerSource source;
  private final int piece;
  private final boolean withKept;
  final Place place;
  final int expert;

  Fill(
      ExpertResidency owner,
      LayerSource source,
      Place place,
      int expert,
      int piece,
      boolean withKept) {
    this.owner = owner;
    this.source = source;
    this.place = place;
    this.expert = expert;
    this.piece = piece;
    this.withKept = withKept;
  }

  long bytes() {
    return place.places.pieceBytes().get(piece);
  }

  @Override
  public void run(ReadBuffer buffer) {
    RuntimeException failure = null;
    try {
      if (withKept) {
        writeKept();
      }
      if (source.pieces().get(piece) instanceof LayerSource.Piece.OnDisk disk) {
        disk.read(expert, place.places.target(place.index, piece), buffer);
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

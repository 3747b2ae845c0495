package org.espalier.codec.qtip;

import org.espalier.api.Offer;
import org.espalier.codec.qtip.search.Codewords;
import org.espalier.codec.qtip.search.FixedPointSearch;
import org.espalier.codec.qtip.search.TrellisSearch;

/** The best walk when costs are whole numbers: as good, and faster. */
public final class FixedPointTileQuantizer extends TrellisTileQuantizer {
  /** Reads and verifies the codebook. */
  public FixedPointTileQuantizer() {}

  @Override
  public String name() {
    return "fixed-point";
  }

  @Override
  public int preference() {
    return 10;
  }

  @Override
  Offer<TrellisSearch> search(Codewords codewords) {
    return Offer.accepted(new FixedPointSearch(codewords));
  }
}

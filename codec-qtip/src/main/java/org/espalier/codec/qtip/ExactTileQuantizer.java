package org.espalier.codec.qtip;

import org.espalier.api.Offer;
import org.espalier.codec.qtip.search.Codewords;
import org.espalier.codec.qtip.search.ExactSearch;
import org.espalier.codec.qtip.search.TrellisSearch;

/** The best walk in F32, exactly as the algorithm is defined. */
public final class ExactTileQuantizer extends TrellisTileQuantizer {
  /** Reads and verifies the codebook. */
  public ExactTileQuantizer() {}

  @Override
  public String name() {
    return "exact";
  }

  @Override
  public int preference() {
    return 0;
  }

  @Override
  Offer<TrellisSearch> search(Codewords codewords) {
    return Offer.accepted(new ExactSearch(codewords));
  }
}

package org.espalier.codec.qtip;

import org.espalier.api.Offer;
import org.espalier.codec.qtip.search.Codewords;
import org.espalier.codec.qtip.search.PermuteSearch;
import org.espalier.codec.qtip.search.TrellisSearch;

/** The best walk with costs in 16 bits: the fastest, where vectors of 512 bits are native. */
public final class PermuteTileQuantizer extends TrellisTileQuantizer {
  /** Reads and verifies the codebook. */
  public PermuteTileQuantizer() {}

  @Override
  public String name() {
    return "permute";
  }

  @Override
  public int preference() {
    return 20;
  }

  @Override
  Offer<TrellisSearch> search(Codewords codewords) {
    return PermuteSearch.suitsThisMachine()
        ? Offer.accepted(new PermuteSearch(codewords))
        : Offer.declined("the processor does not permute vectors of 512 bits (AVX-512BW)");
  }
}

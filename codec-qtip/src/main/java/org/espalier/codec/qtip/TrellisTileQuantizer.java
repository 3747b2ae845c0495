package org.espalier.codec.qtip;

import java.util.Objects;
import org.espalier.api.Offer;
import org.espalier.api.codec.TileQuantizer;
import org.espalier.api.linear.CodecId;
import org.espalier.api.linear.TileGrid;
import org.espalier.codec.qtip.search.Codewords;
import org.espalier.codec.qtip.search.TrellisSearch;

/** What the tile quantizers of this codec share: from walks of states to bytes. */
abstract sealed class TrellisTileQuantizer implements TileQuantizer
    permits ExactTileQuantizer, FixedPointTileQuantizer, PermuteTileQuantizer {
  private final Codewords codewords;

  TrellisTileQuantizer() {
    Codebook codebook = Codebook.load();
    float[] first = new float[Codewords.STATES];
    float[] second = new float[Codewords.STATES];
    for (int state = 0; state < Codewords.STATES; state++) {
      first[state] = Trellis.first(state, codebook);
      second[state] = Trellis.second(state, codebook);
    }
    codewords = new Codewords(first, second);
  }

  /** The search that does the work. */
  abstract Offer<TrellisSearch> search(Codewords codewords);

  @Override
  public CodecId codec() {
    return QtipCodec.ID;
  }

  @Override
  public TileGrid grid() {
    return new TileGrid(TileBlock.SIDE, TileBlock.SIDE);
  }

  @Override
  public int codeBytes() {
    return TileBlock.BYTES - TileBlock.STATE_OFFSET;
  }

  @Override
  public Offer<Search> newSearch() {
    return search(codewords).map(search -> new WalkEncoder(search, codewords));
  }

  /** Writes walks as the codes of blocks. */
  private static final class WalkEncoder implements Search {
    private static final int CODE_BYTES = TileBlock.BYTES - TileBlock.STATE_OFFSET;

    private final TrellisSearch search;
    private final Codewords codewords;
    private final int[] walk = new int[Trellis.STEPS];

    WalkEncoder(TrellisSearch search, Codewords codewords) {
      this.search = search;
      this.codewords = codewords;
    }

    @Override
    public void quantize(float[] targets, int count, byte[] codes, float[] reconstruction) {
      Objects.checkFromIndexSize(0, count * TileBlock.WEIGHTS, targets.length);
      Objects.checkFromIndexSize(0, count * TileBlock.WEIGHTS, reconstruction.length);
      Objects.checkFromIndexSize(0, count * CODE_BYTES, codes.length);
      for (int tile = 0; tile < count; tile++) {
        search.search(targets, tile * TileBlock.WEIGHTS, walk);
        TileBlock.putWalk(walk, codes, tile * CODE_BYTES);
        int at = tile * TileBlock.WEIGHTS;
        for (int step = 0; step < Trellis.STEPS; step++) {
          reconstruction[at + 2 * step] = codewords.first(walk[step]);
          reconstruction[at + 2 * step + 1] = codewords.second(walk[step]);
        }
      }
    }
  }
}

/** QTIP_2B: 2-bit trellis-coded weights behind a randomised Hadamard transform. */
@SuppressWarnings("module") // jdk.incubator.vector makes the search for codes bearable
module org.espalier.codec.qtip {
  requires jdk.incubator.vector;
  requires org.espalier.api;
  requires static org.jspecify;

  provides org.espalier.api.codec.Codec with
      org.espalier.codec.qtip.QtipCodec;
  provides org.espalier.api.codec.TileQuantizer with
      org.espalier.codec.qtip.ExactTileQuantizer,
      org.espalier.codec.qtip.FixedPointTileQuantizer,
      org.espalier.codec.qtip.PermuteTileQuantizer;
}

/** QTIP_2B: 2-bit trellis-coded weights behind a randomised Hadamard transform. */
module org.espalier.codec.qtip {
  requires org.espalier.api;
  requires static org.jspecify;

  provides org.espalier.api.codec.Codec with
      org.espalier.codec.qtip.QtipCodec;
}

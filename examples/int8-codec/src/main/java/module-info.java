/** A codec of a third party: a byte per weight, a scale per row. One jar in the plugin folder. */
module org.espalier.examples.codec {
  requires org.espalier.api;
  requires static org.jspecify;

  provides org.espalier.api.codec.Codec with
      org.espalier.examples.codec.Int8Codec;
}

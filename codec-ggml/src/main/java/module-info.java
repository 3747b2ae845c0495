/** The common block types of ggml, so that the quantised files that people have can be read. */
module org.espalier.codec.ggml {
  requires org.espalier.api;
  requires static org.jspecify;

  provides org.espalier.api.codec.Codec with
      org.espalier.codec.ggml.GgmlCodec;
}

/** GGUF files, versions 2 and 3, read by memory mapping and written. */
module org.espalier.format.gguf {
  requires org.espalier.api;
  requires static org.jspecify;

  provides org.espalier.api.format.ModelFormat with
      org.espalier.format.gguf.GgufFormat;
}

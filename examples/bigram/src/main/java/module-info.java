/** An architecture of a third party: a model without layers. One jar in the plugin folder. */
module org.espalier.examples.bigram {
  requires org.espalier.api;
  requires static org.jspecify;

  provides org.espalier.api.model.Architecture with
      org.espalier.examples.bigram.BigramArchitecture;
}

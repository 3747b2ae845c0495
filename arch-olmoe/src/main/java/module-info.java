/** OLMoE: mixture-of-experts decoders with norms on queries and keys. */
module org.espalier.arch.olmoe {
  requires org.espalier.api;
  requires static org.jspecify;

  provides org.espalier.api.model.Architecture with
      org.espalier.arch.olmoe.OlmoeArchitecture;
}

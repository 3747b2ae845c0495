/**
 * Hugging Face checkpoints: safetensors files, read by memory mapping, and the JSON beside them.
 */
module org.espalier.format.safetensors {
  requires org.espalier.api;
  requires static org.jspecify;
  requires tools.jackson.core;
  requires tools.jackson.jr.ob;

  provides org.espalier.api.format.ModelFormat with
      org.espalier.format.safetensors.SafetensorsFormat;
}

/**
 * Where Espalier's modules meet: records, sealed types and service interfaces, and nothing that
 * computes.
 *
 * <p>Data flows one way: a {@linkplain org.espalier.api.format.ModelFormat format} opens a file as
 * an artifact of named tensors; an {@linkplain org.espalier.api.model.Architecture architecture}
 * turns it into a plan of stages, asking {@linkplain org.espalier.api.codec.Codec codecs} what each
 * weight matrix means; a {@linkplain org.espalier.api.backend.BackendProvider backend} compiles the
 * plan (or a slice of it) into an executable, whose sessions turn token ids into logits.
 */
module org.espalier.api {
  requires transitive jdk.jfr;
  requires static transitive org.jspecify;

  exports org.espalier.api;
  exports org.espalier.api.backend;
  exports org.espalier.api.event;
  exports org.espalier.api.codec;
  exports org.espalier.api.format;
  exports org.espalier.api.linear;
  exports org.espalier.api.math;
  exports org.espalier.api.model;
  exports org.espalier.api.tensor;
}

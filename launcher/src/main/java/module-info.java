/** The command line, and the composition root: the one place that looks for providers. */
module org.espalier.launcher {
  requires com.google.common;
  requires com.google.guice;
  requires info.picocli;
  requires org.espalier.api;
  requires org.espalier.runtime;
  requires static org.jspecify;

  opens org.espalier.launcher to
      com.google.guice,
      info.picocli;

  uses org.espalier.api.backend.BackendProvider;
  uses org.espalier.api.codec.Codec;
  uses org.espalier.api.format.ModelFormat;
  uses org.espalier.api.model.Architecture;
}

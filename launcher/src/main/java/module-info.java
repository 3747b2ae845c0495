/** The command line, and the composition root: the one place that looks for providers. */
module org.espalier.launcher {
  requires com.google.common; // Guice, an automatic module, brings neither this along
  requires com.google.guice;
  requires info.picocli;
  requires java.logging;
  requires jakarta.inject; // nor this
  requires org.espalier.api;
  requires org.espalier.runtime;
  requires org.espalier.server;
  requires static org.jspecify;
  requires tools.jackson.jr.ob;

  opens org.espalier.launcher.command to
      com.google.guice,
      info.picocli;
  opens org.espalier.launcher.discovery to
      com.google.guice;
  opens org.espalier.launcher.option to
      info.picocli;

  uses org.espalier.api.backend.BackendProvider;
  uses org.espalier.api.codec.Codec;
  uses org.espalier.api.format.ModelFormat;
  uses org.espalier.api.model.Architecture;
}

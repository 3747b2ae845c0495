/**
 * The command line, and the composition root: the one place that looks for providers. Programs that
 * embed Espalier require this module and begin at {@link org.espalier.Espalier}.
 */
module org.espalier.launcher {
  requires com.google.common; // Guice, an automatic module, brings neither this along
  requires com.google.guice;
  requires info.picocli;
  requires jakarta.inject; // nor this
  requires jdk.unsupported; // signals
  requires java.logging;
  requires org.espalier.api;
  requires org.espalier.server;
  requires transitive org.espalier.runtime;
  requires org.espalier.datasets;
  requires org.espalier.downloads;
  requires static org.jspecify;
  requires tools.jackson.jr.ob;

  exports org.espalier;

  opens org.espalier.launcher.command to
      com.google.guice,
      info.picocli;
  opens org.espalier.launcher.discovery to
      com.google.guice;
  opens org.espalier.launcher.option to
      info.picocli;

  uses org.espalier.api.backend.BackendProvider;
  uses org.espalier.api.codec.Codec;
  uses org.espalier.api.codec.TileQuantizer;
  uses org.espalier.api.format.ModelFormat;
  uses org.espalier.api.math.LinearAlgebra;
  uses org.espalier.api.model.Architecture;
}

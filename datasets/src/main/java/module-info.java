/**
 * Texts and questions from files, as data sets publish them: plain text, JSON Lines and Parquet.
 * Apart from the runtime, so that whoever embeds that need not carry a Parquet reader.
 */
module org.espalier.datasets {
  requires dev.hardwood.core; // an automatic module
  requires transitive org.espalier.api;
  requires transitive org.espalier.runtime;
  requires static org.jspecify;
  requires tools.jackson.jr.ob;

  exports org.espalier.datasets;
  exports org.espalier.datasets.task;
}

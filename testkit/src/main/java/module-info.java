/**
 * For authors of codecs, formats, architectures and backends: contracts to extend, and a slow,
 * plain backend that defines what every stage computes.
 */
module org.espalier.testkit {
  requires transitive org.espalier.api;
  requires static org.jspecify;

  exports org.espalier.testkit;
}

/**
 * For authors of codecs, formats, architectures and backends: contracts to extend, small random
 * models to run them on, and a slow, plain backend that defines what every stage computes.
 */
module org.espalier.testkit {
  requires static org.jspecify;
  requires transitive org.espalier.api;
  requires transitive org.junit.jupiter.api;

  exports org.espalier.testkit.contract;
  exports org.espalier.testkit.fixture;
  exports org.espalier.testkit.reference;
}

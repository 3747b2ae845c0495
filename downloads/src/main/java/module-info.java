/**
 * Models by name: fetched from the Hugging Face Hub, checked, and kept in a cache. Apart from the
 * runtime, so that whoever has the files need not carry a network client.
 */
module org.espalier.downloads {
  requires java.net.http;
  requires transitive org.espalier.api;
  requires static org.jspecify;
  requires tools.jackson.core;
  requires tools.jackson.jr.ob;

  exports org.espalier.downloads;
}

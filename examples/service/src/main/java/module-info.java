/** A service with a model inside: it requires one module and brings the others on its path. */
module org.espalier.examples.service {
  requires jdk.httpserver;
  requires org.espalier.launcher;
  requires static org.jspecify;
}

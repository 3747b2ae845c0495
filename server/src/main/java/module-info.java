/**
 * An open model served over HTTP: many texts at once in shared passes, an interface that OpenAI's
 * clients understand, and a page for people. It is given the model and finds no provider by itself.
 */
module org.espalier.server {
  requires transitive org.espalier.api;
  requires transitive org.espalier.runtime;
  requires io.helidon.common.buffers;
  requires io.helidon.common.concurrency.limits;
  requires io.helidon.common.socket;
  requires io.helidon.common.task;
  requires io.helidon.http;
  requires io.helidon.webserver;
  requires java.net.http;
  requires static org.jspecify;
  requires tools.jackson.core;
  requires tools.jackson.databind;

  exports org.espalier.server;
  exports org.espalier.server.load;
}

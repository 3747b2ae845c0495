package org.espalier.server.http;

/** What a path does. */
@FunctionalInterface
public interface Endpoint {

  /**
   * Answers one request, on a virtual thread of its own.
   *
   * @throws HttpFailure for an answer with an error status; so do all exceptions of Espalier
   * @throws InterruptedException when the server ends
   */
  void handle(Exchange exchange) throws InterruptedException;
}

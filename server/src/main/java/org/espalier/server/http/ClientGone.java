package org.espalier.server.http;

/** Nobody is there to answer any more. */
public final class ClientGone extends RuntimeException {
  private static final long serialVersionUID = 1L;

  ClientGone() {
    super("the client has gone away");
  }

  ClientGone(Throwable cause) {
    super("the client has gone away", cause);
  }
}

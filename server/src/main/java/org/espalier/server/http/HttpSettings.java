package org.espalier.server.http;

import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.Optional;

/**
 * How to listen.
 *
 * @param address and port; port 0 takes any that is free
 * @param key that clients must give
 * @param largestBody bytes of a request
 * @param waiting how long a connection may be open without a request
 * @param reading how long the body of a request may take
 * @param writing how long a client may take to accept one piece of an answer
 */
public record HttpSettings(
    InetSocketAddress address,
    Optional<String> key,
    int largestBody,
    Duration waiting,
    Duration reading,
    Duration writing) {

  Connections.Patience patience() {
    return new Connections.Patience(waiting, reading, writing);
  }
}

package org.espalier.server.load;

import java.net.URI;
import java.time.Duration;
import java.util.Optional;
import java.util.OptionalInt;
import org.espalier.api.EspalierException.InvalidRequest;

/**
 * How to load a server.
 *
 * @param server its base URL, such as {@code http://127.0.0.1:8080}
 * @param key where it wants one
 * @param streams clients that stream texts at the same time, one after another
 * @param duration for how long
 * @param promptWords words of each of their prompts; empty: a random number
 * @param length tokens of each of their texts; empty: a random number
 * @param randomRequests how many requests of random bytes and fields are sent meanwhile
 * @param faults whether slow, silent, broken and vanishing clients come as well
 * @param seed of everything that is random
 */
public record LoadOptions(
    URI server,
    Optional<String> key,
    int streams,
    Duration duration,
    OptionalInt promptWords,
    OptionalInt length,
    int randomRequests,
    boolean faults,
    long seed) {
  /** Refuses addresses that are none. */
  public LoadOptions {
    if (!"http".equals(server.getScheme()) || server.getHost() == null) {
      throw new InvalidRequest("'" + server + "' is not of the form http://HOST:PORT");
    }
    if (streams < 1) {
      throw new InvalidRequest("there must be at least 1 stream: " + streams);
    }
  }

  int port() {
    return server.getPort() < 0 ? 80 : server.getPort();
  }
}

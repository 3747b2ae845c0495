package org.espalier.server;

import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.Optional;
import org.espalier.api.EspalierException.InvalidRequest;

/**
 * How to serve.
 *
 * @param address and port to listen on; port 0 takes any that is free
 * @param apiKey that clients must give, if any
 * @param name by which clients know the model; empty: its file's, without the ending
 * @param contextLength positions of each text, prompt included; 0: the model's own
 * @param parallel texts that are generated at the same time
 * @param waiting requests that may wait for their turn
 * @param positions that the caches of all texts may take together; empty: as many as fit into half
 *     of the Java heap, but no more than {@code parallel} contexts
 * @param waitingTime how long a request may wait
 * @param generationTime how long a text may take after that; it ends with what is there by then
 * @param largestBody bytes of a request
 * @param chatTemplate name of the form of conversations, for a model whose file has none
 */
public record ServerOptions(
    InetSocketAddress address,
    Optional<String> apiKey,
    Optional<String> name,
    int contextLength,
    int parallel,
    int waiting,
    Optional<Long> positions,
    Duration waitingTime,
    Duration generationTime,
    int largestBody,
    Optional<String> chatTemplate) {

  /** Refuses an empty key, which would let nobody in, and limits that would let nothing pass. */
  public ServerOptions {
    if (apiKey.isPresent() && apiKey.get().isBlank()) {
      throw new InvalidRequest("the key is empty: leave it out, or give one");
    }
    if (contextLength < 0) {
      throw new InvalidRequest(
          "the context length must be 0 (the model's own) or more: " + contextLength);
    }
    if (waitingTime.isNegative() || generationTime.isNegative() || generationTime.isZero()) {
      throw new InvalidRequest("times must be positive");
    }
    if (largestBody < 1) {
      throw new InvalidRequest("the largest body must be 1 byte or more: " + largestBody);
    }
  }

  /** Whether only programs of this machine can reach it. */
  public boolean isLoopback() {
    return address.getAddress() != null && address.getAddress().isLoopbackAddress();
  }
}

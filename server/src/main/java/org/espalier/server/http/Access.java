package org.espalier.server.http;

import io.helidon.http.HeaderNames;
import io.helidon.webserver.http.ServerRequest;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;

/**
 * Who may ask for what. With a key, whoever has it. Without one, programs of this machine, but no
 * page of another site that a browser happens to show: such a page is known by its {@code Origin},
 * and one that pretends to be this server by pointing its own name here is known by its {@code
 * Host}.
 */
final class Access {
  private static final Set<String> LOOPBACK = Set.of("localhost", "127.0.0.1", "[::1]");

  private final Optional<byte[]> keyDigest;
  private final boolean loopback;

  /**
   * Rules of access.
   *
   * @param loopback whether the server listens to this machine only
   */
  Access(Optional<String> key, boolean loopback) {
    this.keyDigest = key.map(Access::digest);
    this.loopback = loopback;
  }

  /** Digests have one length, so that comparing them tells nothing of the length of the key. */
  private static byte[] digest(String key) {
    try {
      return MessageDigest.getInstance("SHA-256").digest(key.getBytes(StandardCharsets.UTF_8));
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every JDK has SHA-256", e);
    }
  }

  /** Refuses what is not allowed. */
  void check(ServerRequest request, boolean needsKey) {
    String host = request.headers().first(HeaderNames.HOST).orElse("");
    request.headers().first(HeaderNames.ORIGIN).ifPresent(origin -> checkOrigin(origin, host));
    if (keyDigest.isPresent()) {
      if (needsKey) {
        checkKey(request, keyDigest.get());
      }
    } else if (loopback && !LOOPBACK.contains(name(host))) {
      throw HttpFailure.of(
          403,
          "this server answers to localhost only, not to '%s': start it with --api-key to let others"
              .concat(" in")
              .formatted(host));
    }
  }

  private static void checkOrigin(String origin, String host) {
    String authority;
    try {
      authority = URI.create(origin).getAuthority();
    } catch (IllegalArgumentException _) {
      authority = null;
    }
    if (authority == null || !authority.equalsIgnoreCase(host)) {
      throw HttpFailure.of(403, "pages of other sites may not use this server");
    }
  }

  private static String name(String host) {
    int port = host.lastIndexOf(':');
    boolean hasPort = port >= 0 && host.indexOf(']', port) < 0;
    return (hasPort ? host.substring(0, port) : host).toLowerCase(Locale.ROOT);
  }

  private static void checkKey(ServerRequest request, byte[] expected) {
    String given =
        request
            .headers()
            .first(HeaderNames.AUTHORIZATION)
            .filter(value -> value.regionMatches(true, 0, "Bearer ", 0, 7))
            .map(value -> value.substring(7).strip())
            .or(() -> request.headers().first(HeaderNames.create("X-Api-Key")))
            .orElseThrow(() -> HttpFailure.of(401, "give the key: Authorization: Bearer …"));
    if (!MessageDigest.isEqual(digest(given), expected)) {
      throw HttpFailure.of(401, "the key is not the right one");
    }
  }
}

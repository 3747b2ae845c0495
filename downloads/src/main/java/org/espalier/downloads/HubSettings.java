package org.espalier.downloads;

import java.net.URI;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.espalier.api.EspalierException.InvalidRequest;

/**
 * Where models come from and where they are kept.
 *
 * @param endpoint address of the hub
 * @param token for models that are not open to everyone; sent to the endpoint only
 * @param cache folder that holds what was downloaded
 * @param offline whether to do without the network
 * @param patience with the network
 */
public record HubSettings(
    URI endpoint, Optional<String> token, Path cache, boolean offline, Patience patience) {
  private static final String HUB = "https://huggingface.co";
  private static final Set<String> YES = Set.of("1", "true", "yes", "on");
  private static final Set<String> LOCAL = Set.of("localhost", "127.0.0.1", "[::1]");

  /** Refuses to send a token where anyone can read it on its way. */
  public HubSettings {
    String scheme = String.valueOf(endpoint.getScheme()).toLowerCase(Locale.ROOT);
    if (!Set.of("http", "https").contains(scheme) || endpoint.getHost() == null) {
      throw new InvalidRequest(
          "'%s' is no address of a hub: it should look like %s".formatted(endpoint, HUB));
    }
    if (token.isPresent() && scheme.equals("http") && !LOCAL.contains(endpoint.getHost())) {
      throw new InvalidRequest(
          "the token in HF_TOKEN would be readable on its way to %s: use an address with https, or unset HF_TOKEN"
              .formatted(endpoint));
    }
    if (token.isPresent() && !token.get().matches("[\\x21-\\x7e]+")) {
      throw new InvalidRequest("HF_TOKEN holds characters that no token has");
    }
  }

  /**
   * From the environment: {@code HF_ENDPOINT}, {@code HF_TOKEN}, {@code HF_HUB_OFFLINE}, and {@code
   * ESPALIER_CACHE} or {@code XDG_CACHE_HOME}.
   *
   * @param home folder of the user
   */
  public static HubSettings of(Map<String, String> environment, Path home) {
    return new HubSettings(
        address(given(environment, "HF_ENDPOINT").orElse(HUB)),
        given(environment, "HF_TOKEN").map(String::strip),
        cache(environment, home),
        given(environment, "HF_HUB_OFFLINE")
            .map(value -> YES.contains(value.toLowerCase(Locale.ROOT)))
            .orElse(false),
        Patience.DEFAULT);
  }

  private static Optional<String> given(Map<String, String> environment, String name) {
    return Optional.ofNullable(environment.get(name)).filter(value -> !value.isBlank());
  }

  private static URI address(String text) {
    try {
      return URI.create(text.endsWith("/") ? text.substring(0, text.length() - 1) : text);
    } catch (IllegalArgumentException e) {
      throw new InvalidRequest("HF_ENDPOINT: " + e.getMessage());
    }
  }

  private static Path cache(Map<String, String> environment, Path home) {
    Optional<Path> own = given(environment, "ESPALIER_CACHE").map(Path::of);
    Optional<Path> shared =
        given(environment, "XDG_CACHE_HOME")
            .map(Path::of)
            .filter(Path::isAbsolute)
            .map(folder -> folder.resolve("espalier"));
    return own.or(() -> shared).orElseGet(() -> home.resolve(".cache").resolve("espalier"));
  }

  /** The same with another cache. */
  public HubSettings withCache(Path folder) {
    return new HubSettings(endpoint, token, folder, offline, patience);
  }

  /** The same without the network. */
  public HubSettings withoutNetwork() {
    return new HubSettings(endpoint, token, cache, true, patience);
  }

  /** Leaves the token out. */
  @Override
  public String toString() {
    return "%s, cache %s%s".formatted(endpoint, cache, offline ? ", offline" : "");
  }
}

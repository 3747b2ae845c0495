package org.espalier.downloads;

import java.io.IOException;
import java.io.InputStream;
import java.net.ConnectException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpConnectTimeoutException;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Locale;
import java.util.Optional;
import java.util.OptionalLong;
import org.espalier.api.EspalierException.DeviceFailure;
import org.espalier.api.EspalierException.InvalidRequest;

/**
 * Asks the hub, and follows where it sends us. The token goes to the hub alone: its files usually
 * lie on other hosts, which need none.
 */
final class HubConnection implements AutoCloseable {
  private static final int MOST_REDIRECTS = 10;
  private static final int MOST_BYTES = 32 << 20;
  private static final Duration CONNECTING = Duration.ofSeconds(10);

  private final HubSettings settings;
  private final HttpClient client;

  HubConnection(HubSettings settings) {
    this.settings = settings;
    // Version 1.1 has no windows of its own beside those of TCP: large files come faster.
    HttpClient.Builder builder =
        HttpClient.newBuilder()
            .version(HttpClient.Version.HTTP_1_1)
            .followRedirects(HttpClient.Redirect.NEVER)
            .connectTimeout(shorter(CONNECTING, settings.patience().silence()));
    this.client = builder.build();
  }

  private static Duration shorter(Duration one, Duration other) {
    return one.compareTo(other) < 0 ? one : other;
  }

  /** Host and port, for people. */
  String host() {
    return settings.endpoint().getAuthority();
  }

  /** Where a file of a commit is asked for. */
  URI address(String repository, String commit, String file) {
    return within("/%s/resolve/%s/%s".formatted(repository, commit, file));
  }

  private URI within(String path) {
    return URI.create(settings.endpoint() + escaped(path));
  }

  /** Spaces and the like in names of files must not end the address or begin its query. */
  private static String escaped(String path) {
    StringBuilder address = new StringBuilder();
    for (byte unit : path.getBytes(StandardCharsets.UTF_8)) {
      char letter = (char) (unit & 0xff);
      boolean plain =
          letter < 128 && (Character.isLetterOrDigit(letter) || "/-._~".indexOf(letter) >= 0);
      address.append(plain ? String.valueOf(letter) : "%%%02X".formatted((int) letter));
    }
    return address.toString();
  }

  /** What a repository holds now. */
  Listing listing(String repository) throws IOException {
    URI address = URI.create(within("/api/models/" + repository) + "?blobs=true");
    Retry retry = new Retry(settings.patience());
    while (true) {
      try (InputStream body = get(address, repository, 0).body()) {
        byte[] json = body.readNBytes(MOST_BYTES + 1);
        if (json.length > MOST_BYTES) {
          throw new IOException("the answer about %s is too long".formatted(repository));
        }
        return Listing.parse(repository, json);
      } catch (Busy e) {
        retry.after(e);
      } catch (HttpConnectTimeoutException | ConnectException e) {
        throw e; // there is no network, or no such host: repeating will not mend that
      } catch (IOException e) {
        retry.after(e);
      }
    }
  }

  /**
   * Asks for bytes, and for a stream of them as they come.
   *
   * @param what is asked for, for the sentence that refuses
   * @param from first byte wanted; the server may ignore that and send all with status 200
   * @return of status 200, 206 or 416
   * @throws Busy when the server wants us to come later
   */
  HttpResponse<InputStream> get(URI address, String what, long from) throws IOException {
    URI place = address;
    for (int redirects = 0; redirects <= MOST_REDIRECTS; redirects++) {
      HttpResponse<InputStream> response = send(request(place, from));
      Optional<URI> next = next(response, place);
      if (next.isEmpty()) {
        return checked(response, what);
      }
      response.body().close();
      place = next.get();
    }
    throw new IOException("%s redirects in circles".formatted(address.getAuthority()));
  }

  private HttpRequest request(URI place, long from) {
    HttpRequest.Builder request =
        HttpRequest.newBuilder(place)
            .timeout(settings.patience().silence())
            .header("User-Agent", "espalier");
    if (from > 0) {
      request.header("Range", "bytes=%d-".formatted(from));
    }
    if (isHub(place)) {
      settings.token().ifPresent(token -> request.header("Authorization", "Bearer " + token));
    }
    return request.build();
  }

  /** Whether it is the very server that the token is for. */
  private boolean isHub(URI place) {
    URI endpoint = settings.endpoint();
    return place.getScheme().equalsIgnoreCase(endpoint.getScheme())
        && place.getHost().equalsIgnoreCase(endpoint.getHost())
        && place.getPort() == endpoint.getPort();
  }

  private HttpResponse<InputStream> send(HttpRequest request) throws IOException {
    try {
      return client.send(request, BodyHandlers.ofInputStream());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new DeviceFailure("the download was interrupted", e);
    }
  }

  private static Optional<URI> next(HttpResponse<?> response, URI from) {
    Optional<String> location = response.headers().firstValue("Location");
    if (response.statusCode() / 100 != 3 || location.isEmpty()) {
      return Optional.empty();
    }
    URI next;
    try {
      next = from.resolve(URI.create(location.get()));
    } catch (IllegalArgumentException e) {
      throw new DeviceFailure("%s redirects to no address".formatted(from.getAuthority()), e);
    }
    String scheme = String.valueOf(next.getScheme()).toLowerCase(Locale.ROOT);
    boolean known = scheme.equals("https") || scheme.equals(from.getScheme());
    if (!known || next.getHost() == null) {
      throw new DeviceFailure(
          "%s redirects to %s, where nothing is fetched from: only https is followed"
              .formatted(from.getAuthority(), FileNames.shown(scheme + "://" + next.getHost())));
    }
    return Optional.of(next);
  }

  private HttpResponse<InputStream> checked(HttpResponse<InputStream> response, String what)
      throws IOException {
    int status = response.statusCode();
    if (status == 200 || status == 206 || status == 416) {
      return response;
    }
    response.body().close();
    String host = response.request().uri().getAuthority();
    switch (status) {
      case 401, 403 -> throw new InvalidRequest(forbidden(host, what, status));
      case 404, 410 ->
          throw new InvalidRequest("%s has no %s (HTTP %d)".formatted(host, what, status));
      case 408, 425, 429, 500, 502, 503, 504 ->
          throw new Busy("%s answers with HTTP %d".formatted(host, status), pause(response));
      default ->
          throw new DeviceFailure(
              "%s answers with HTTP %d where it was asked for %s".formatted(host, status, what));
    }
  }

  private String forbidden(String host, String what, int status) {
    return settings.token().isEmpty()
        ? "%s does not show %s to everyone (HTTP %d): there is no such model, or it is private or gated; for those, put an access token into HF_TOKEN"
            .formatted(host, what, status)
        : "%s does not show %s to whoever holds the token in HF_TOKEN (HTTP %d): check its name, accept its conditions on its page, or use another token"
            .formatted(host, what, status);
  }

  private static OptionalLong pause(HttpResponse<?> response) {
    return response
        .headers()
        .firstValue("Retry-After")
        .filter(value -> value.matches("\\d{1,9}"))
        .map(value -> OptionalLong.of(Long.parseLong(value)))
        .orElse(OptionalLong.empty());
  }

  @Override
  public void close() {
    client.shutdownNow(); // bodies that were not read to their end would hold close up
  }
}

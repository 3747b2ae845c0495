package org.espalier.server.load;

import java.io.IOException;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.espalier.api.EspalierException.DeviceFailure;

/** Reads the server's own numbers, again and again. */
final class ServerWatch {
  private final LoadOptions options;
  private final HttpClient http = HttpClient.newHttpClient();
  private final List<Map<String, Double>> samples = new ArrayList<>();

  ServerWatch(LoadOptions options) {
    this.options = options;
  }

  /** Takes a sample, and keeps it. */
  Map<String, Double> look() throws InterruptedException {
    HttpRequest.Builder request =
        HttpRequest.newBuilder(options.server().resolve("/metrics"))
            .timeout(Duration.ofSeconds(30));
    options.key().ifPresent(key -> request.header("Authorization", "Bearer " + key));
    try {
      HttpResponse<String> response = http.send(request.build(), BodyHandlers.ofString());
      if (response.statusCode() != 200) {
        throw new DeviceFailure("the server's /metrics answers with " + response.statusCode());
      }
      Map<String, Double> sample = new HashMap<>();
      response
          .body()
          .lines()
          .filter(line -> line.matches("espalier_\\w+ [0-9.eE+-]+"))
          .forEach(line -> {
            int space = line.indexOf(' ');
            sample.put(
                line.substring("espalier_".length(), space),
                Double.valueOf(line.substring(space + 1)));
          });
      samples.add(sample);
      return sample;
    } catch (IOException e) {
      throw new DeviceFailure(
          "the server at " + options.server() + " cannot be reached: " + e.getMessage(), e);
    }
  }

  /** The least or greatest value of a number in a part of the time, from 0 to 1. */
  double extreme(String name, double from, double to, boolean greatest) {
    return samples
        .subList((int) (from * samples.size()), (int) Math.ceil(to * samples.size()))
        .stream()
        .mapToDouble(sample -> sample.getOrDefault(name, 0.0))
        .reduce(greatest ? Math::max : Math::min)
        .orElse(0);
  }
}

package org.espalier.server;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetSocketAddress;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.util.List;
import org.espalier.server.http.Json;
import tools.jackson.databind.node.ObjectNode;

/** A plain HTTP client. */
final class Client implements AutoCloseable {
  private final HttpClient http = HttpClient.newHttpClient();
  private final String base;

  Client(InetSocketAddress address) {
    base = "http://127.0.0.1:" + address.getPort();
  }

  record Answer(int status, String body, HttpResponse<?> response) {
    ObjectNode json() {
      return Json.readObject(body.getBytes(StandardCharsets.UTF_8));
    }

    String error() {
      return json().path("error").path("message").stringValue();
    }

    String header(String name) {
      return response.headers().firstValue(name).orElse("");
    }

    /** The objects of an event stream. */
    List<ObjectNode> events() {
      if (!body.endsWith("data: [DONE]\n\n")) {
        throw new AssertionError("the stream does not end as it should: " + body);
      }
      return body.lines()
          .filter(line -> line.startsWith("data: {"))
          .map(line -> Json.readObject(line.substring(6).getBytes(StandardCharsets.UTF_8)))
          .toList();
    }
  }

  Answer get(String path, String... headers) {
    return send(request(path, headers).GET());
  }

  Answer post(String path, String body, String... headers) {
    return send(request(path, headers).POST(BodyPublishers.ofString(body)));
  }

  Answer post(String path, byte[] body) {
    return send(request(path).POST(BodyPublishers.ofByteArray(body)));
  }

  Answer method(String method, String path) {
    return send(request(path).method(method, BodyPublishers.noBody()));
  }

  HttpRequest.Builder request(String path, String... headers) {
    HttpRequest.Builder builder = HttpRequest.newBuilder(URI.create(base + path));
    return headers.length == 0 ? builder : builder.headers(headers);
  }

  private Answer send(HttpRequest.Builder request) {
    try {
      HttpResponse<String> response = http.send(request.build(), BodyHandlers.ofString());
      return new Answer(response.statusCode(), response.body(), response);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } catch (InterruptedException e) {
      throw new AssertionError(e);
    }
  }

  @Override
  public void close() {
    http.close();
  }
}

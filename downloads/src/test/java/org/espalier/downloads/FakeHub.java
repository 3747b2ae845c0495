package org.espalier.downloads;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.Executors;
import java.util.stream.Collectors;

/** A hub on this machine that answers as Hugging Face's does, unless it is told to misbehave. */
final class FakeHub implements AutoCloseable {
  static final String REPOSITORY = "someone/some-model";
  static final String COMMIT = "0123456789abcdef0123456789abcdef01234567";

  private final HttpServer server;
  private final Map<String, byte[]> files = new LinkedHashMap<>();
  private final List<Misbehaviour> misbehaviours = new ArrayList<>();

  /** Every request: method, path, and the headers that matter. */
  final List<String> requests = new CopyOnWriteArrayList<>();

  String listing = "";

  /** What is done instead of an answer, once. */
  interface Misbehaviour {
    void answer(HttpExchange exchange, byte[] content) throws Exception;
  }

  FakeHub() throws IOException {
    server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
    server.setExecutor(Executors.newVirtualThreadPerTaskExecutor());
    server.createContext("/", this::handle);
    server.start();
  }

  URI address() {
    return URI.create("http://127.0.0.1:" + server.getAddress().getPort());
  }

  FakeHub with(String name, byte[] content) {
    files.put(name, content);
    return this;
  }

  /** The next request for a file, and those after it, one each. */
  FakeHub misbehaving(Misbehaviour... next) {
    misbehaviours.addAll(List.of(next));
    return this;
  }

  List<String> requestsFor(String part) {
    return requests.stream().filter(request -> request.contains(part)).toList();
  }

  private void handle(HttpExchange exchange) throws IOException {
    String path = exchange.getRequestURI().getPath();
    requests.add(
        "%s range=%s token=%s"
            .formatted(
                path,
                exchange.getRequestHeaders().getFirst("Range"),
                exchange.getRequestHeaders().getFirst("Authorization")));
    try (exchange) {
      byte[] content = content(path);
      Misbehaviour next;
      synchronized (misbehaviours) {
        next =
            misbehaviours.isEmpty() || path.startsWith("/api") ? null : misbehaviours.removeFirst();
      }
      if (content == null) {
        exchange.sendResponseHeaders(404, -1);
      } else if (next != null) {
        next.answer(exchange, content);
      } else {
        ranged(exchange, content);
      }
    } catch (IOException e) {
      throw e;
    } catch (Exception e) {
      throw new IOException(e);
    }
  }

  private byte[] content(String path) throws Exception {
    if (path.equals("/api/models/" + REPOSITORY)) {
      return (listing.isEmpty() ? listing() : listing).getBytes(StandardCharsets.UTF_8);
    }
    String begin = "/%s/resolve/%s/".formatted(REPOSITORY, COMMIT);
    return path.startsWith(begin) ? files.get(path.substring(begin.length())) : null;
  }

  /**
   * As the hub lists files: large ones with their SHA-256, small ones with the id of their blob.
   */
  String listing() throws Exception {
    List<String> siblings = new ArrayList<>();
    for (Map.Entry<String, byte[]> file : files.entrySet()) {
      byte[] content = file.getValue();
      siblings.add(
          file.getKey().endsWith(".json")
              ? "{\"rfilename\":\"%s\",\"size\":%d,\"blobId\":\"%s\"}"
                  .formatted(file.getKey(), content.length, git(content))
              : sibling(file.getKey(), content.length, sha256(content)));
    }
    return "{\"id\":\"%s\",\"sha\":\"%s\",\"siblings\":[%s]}"
        .formatted(REPOSITORY, COMMIT, siblings.stream().collect(Collectors.joining(",")));
  }

  static String sibling(String name, long size, String sha256) {
    return "{\"rfilename\":\"%s\",\"size\":%d,\"blobId\":\"00\",\"lfs\":{\"sha256\":\"%s\",\"size\":%d}}"
        .formatted(name, size, sha256, size);
  }

  static String sha256(byte[] content) throws Exception {
    return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(content));
  }

  private static String git(byte[] content) throws Exception {
    MessageDigest digest = MessageDigest.getInstance("SHA-1");
    digest.update(("blob " + content.length + "\0").getBytes(StandardCharsets.US_ASCII));
    return HexFormat.of().formatHex(digest.digest(content));
  }

  /** As it should be. */
  static void ranged(HttpExchange exchange, byte[] content) throws IOException {
    int from = from(exchange);
    if (from >= content.length) {
      exchange.sendResponseHeaders(416, -1);
      return;
    }
    if (from > 0) {
      exchange
          .getResponseHeaders()
          .add(
              "Content-Range",
              "bytes %d-%d/%d".formatted(from, content.length - 1, content.length));
    }
    exchange.sendResponseHeaders(from > 0 ? 206 : 200, content.length - from);
    exchange.getResponseBody().write(content, from, content.length - from);
  }

  static int from(HttpExchange exchange) {
    String range = exchange.getRequestHeaders().getFirst("Range");
    return range == null ? 0 : Integer.parseInt(range.replaceAll("bytes=(\\d+)-", "$1"));
  }

  /** All of it whatever part was asked for. */
  static void whole(HttpExchange exchange, byte[] content) throws IOException {
    exchange.sendResponseHeaders(200, content.length);
    exchange.getResponseBody().write(content);
  }

  /** The right part, of which only some bytes come before the connection ends. */
  static Misbehaviour cutAfter(int bytes) {
    return (exchange, content) -> {
      int from = from(exchange);
      if (from > 0) {
        exchange
            .getResponseHeaders()
            .add(
                "Content-Range",
                "bytes %d-%d/%d".formatted(from, content.length - 1, content.length));
      }
      exchange.sendResponseHeaders(from > 0 ? 206 : 200, content.length - from);
      OutputStream body = exchange.getResponseBody();
      body.write(content, from, bytes);
      body.flush();
    };
  }

  static Misbehaviour status(int status, String... headers) {
    return (exchange, _) -> {
      for (int i = 0; i < headers.length; i += 2) {
        exchange.getResponseHeaders().add(headers[i], headers[i + 1]);
      }
      exchange.sendResponseHeaders(status, -1);
    };
  }

  @Override
  public void close() {
    server.stop(0);
  }
}

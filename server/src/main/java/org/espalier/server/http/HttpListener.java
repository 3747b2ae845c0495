package org.espalier.server.http;

import io.helidon.http.DirectHandler;
import io.helidon.http.HeaderNames;
import io.helidon.http.Method;
import io.helidon.http.ServerResponseHeaders;
import io.helidon.http.Status;
import io.helidon.webserver.CloseConnectionException;
import io.helidon.webserver.WebServer;
import io.helidon.webserver.http.DirectHandlers;
import io.helidon.webserver.http.HttpRouting;
import io.helidon.webserver.http.ServerRequest;
import io.helidon.webserver.http.ServerResponse;
import io.helidon.webserver.http1.Http1Config;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.SocketException;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.LongAdder;
import org.espalier.api.EspalierException.DeviceFailure;
import org.jspecify.annotations.Nullable;

/** Listens, and hands requests to endpoints. Every connection has a virtual thread. */
public final class HttpListener implements AutoCloseable {
  private static final Logger LOG = System.getLogger(HttpListener.class.getName());

  private static final Duration ROUND = Duration.ofMillis(10);
  private static final Status MALFORMED = Status.BAD_REQUEST_400;
  private static final int MOST_HEADER_BYTES = 16 << 10;
  private static final int MOST_CONNECTIONS = 2048;

  private final HttpSettings settings;
  private final Access access;
  private final Connections connections;
  private final WebServer server;
  private final AtomicInteger inProgress = new AtomicInteger();
  private final Map<Integer, LongAdder> answers = new ConcurrentHashMap<>();

  /**
   * A path that is answered.
   *
   * @param needsKey whether only those who have the key may ask
   */
  public record Path(String method, String pattern, boolean needsKey, Endpoint endpoint) {}

  /**
   * Begins to listen.
   *
   * @throws DeviceFailure when the port is taken or the address is none of this machine
   */
  public HttpListener(HttpSettings settings, List<Path> paths) {
    this.settings = settings;
    this.access = new Access(settings.key(), settings.address().getAddress().isLoopbackAddress());
    Http1Config http =
        Http1Config.builder()
            .maxHeadersSize(MOST_HEADER_BYTES)
            .maxPrologueLength(MOST_HEADER_BYTES)
            .build();
    this.connections = new Connections(http, settings.patience());
    this.server = build(routing(paths));
    try {
      requireFree(settings.address());
      server.start();
      if (!server.isRunning()) {
        throw new SocketException("it was refused");
      }
    } catch (IOException e) {
      connections.close();
      throw new DeviceFailure(
          "cannot listen on %s, port %d: %s"
              .formatted(
                  settings.address().getHostString(), settings.address().getPort(), e.getMessage()),
          e);
    }
  }

  /** The stack itself would log why it cannot listen, and not tell us. */
  private static void requireFree(InetSocketAddress address) throws IOException {
    try (ServerSocket probe = new ServerSocket()) {
      probe.bind(address);
    }
  }

  private WebServer build(HttpRouting.Builder routing) {
    return WebServer.builder()
        .address(settings.address().getAddress())
        .port(settings.address().getPort())
        .protocolsDiscoverServices(false)
        .featuresDiscoverServices(false)
        .addConnectionSelector(connections)
        .connectionOptions(options -> options.tcpNoDelay(true).socketKeepAlive(true))
        .maxTcpConnections(MOST_CONNECTIONS)
        .maxPayloadSize(settings.largestBody())
        .shutdownGracePeriod(Duration.ofSeconds(1))
        .shutdownHook(false)
        .directHandlers(directHandlers())
        .routing(routing)
        .build();
  }

  private HttpRouting.Builder routing(List<Path> paths) {
    HttpRouting.Builder routing = HttpRouting.builder();
    for (Path path : paths) {
      routing.route(
          Method.create(path.method()),
          path.pattern(),
          (request, response) -> answer(request, response, path));
    }
    for (Path path : paths) {
      String allowed =
          String.join(
              ", ",
              paths.stream()
                  .filter(other -> other.pattern().equals(path.pattern()))
                  .map(Path::method)
                  .distinct()
                  .toList());
      routing.any(
          path.pattern(),
          (request, response) -> {
            response.header(HeaderNames.ALLOW, allowed);
            answer(request, response, unanswered(405, "this path takes " + allowed + " only"));
          });
    }
    routing.any((request, response) -> answer(request, response, unanswered(404, "no such path")));
    return routing;
  }

  private static Path unanswered(int status, String message) {
    return new Path(
        "",
        "",
        true,
        _ -> {
          throw HttpFailure.of(status, message);
        });
  }

  private void answer(ServerRequest request, ServerResponse response, Path path) {
    Connection connection = Connections.CURRENT.get();
    connection.begin(Connection.Doing.WORKING);
    inProgress.incrementAndGet();
    Exchange exchange = new Exchange(request, response, connection, settings.largestBody());
    try {
      access.check(request, path.needsKey());
      path.endpoint().handle(exchange);
    } catch (ClientGone gone) {
      throw new CloseConnectionException("the client has gone away", gone);
    } catch (CloseConnectionException close) {
      throw close;
    } catch (InterruptedException _) {
      Thread.currentThread().interrupt();
      throw new CloseConnectionException("the server ends");
    } catch (RuntimeException failure) {
      fail(exchange, failure);
    } finally {
      count(exchange.status());
      inProgress.decrementAndGet();
      connection.begin(Connection.Doing.WAITING);
    }
    // The stack says so and leaves the closing to the client, who may wait for it.
    if (exchange.endsConnection()) {
      if (exchange.hasUnreadBody()) {
        connection.drain();
      }
      throw new CloseConnectionException("as was said");
    }
  }

  private void fail(Exchange exchange, RuntimeException thrown) {
    HttpFailure failure =
        HttpFailure.of(thrown)
            .orElseGet(() -> {
              LOG.log(Level.ERROR, "a request met a defect", thrown);
              return HttpFailure.of(500, "a defect of Espalier; the server's log has more");
            });
    if (exchange.hasStarted()) {
      throw new CloseConnectionException("the answer cannot be completed", failure);
    }
    try {
      exchange.send(failure);
    } catch (ClientGone gone) {
      throw new CloseConnectionException("the client has gone away", gone);
    }
  }

  private void count(int status) {
    answers.computeIfAbsent(status, _ -> new LongAdder()).increment();
  }

  /** What is wrong with a request before it reaches a path is told in JSON as well. */
  private DirectHandlers directHandlers() {
    DirectHandler handler =
        new DirectHandler() {
          @Override
          public TransportResponse handle(
              TransportRequest request,
              EventType type,
              Status status,
              ServerResponseHeaders headers,
              @Nullable String message) {
            // Nothing of ours has seen the request yet: what is wrong with it is the client's
            // doing.
            Status told = status.code() < 500 || status.code() == 503 ? status : MALFORMED;
            count(told.code());
            HttpFailure failure =
                told.code() == 413
                    ? HttpFailure.tooLarge(settings.largestBody())
                    : HttpFailure.of(
                        told.code(),
                        message == null || message.isBlank() ? told.reasonPhrase() : message);
            return TransportResponse.builder()
                .status(told)
                .headers(headers)
                .header(HeaderNames.CONTENT_TYPE, "application/json")
                .entity(Json.write(Json.error(failure)))
                .keepAlive(false)
                .build();
          }
        };
    DirectHandlers.Builder builder = DirectHandlers.builder();
    for (DirectHandler.EventType type : DirectHandler.EventType.values()) {
      builder.addHandler(type, handler);
    }
    return builder.build();
  }

  /** Where it listens. */
  public InetSocketAddress address() {
    InetAddress host = settings.address().getAddress();
    return new InetSocketAddress(host, server.port());
  }

  /** Open connections. */
  public int connections() {
    return connections.size();
  }

  /** Requests that are being answered. */
  public int inProgress() {
    return inProgress.get();
  }

  /** Waits until nothing is being answered, or there is no more patience. */
  public boolean awaitQuiet(Duration patience) throws InterruptedException {
    long end = System.nanoTime() + patience.toNanos();
    while (inProgress.get() > 0) {
      if (System.nanoTime() - end > 0) {
        return false;
      }
      Thread.sleep(ROUND);
    }
    return true;
  }

  /** How many answers there were, by status; 0 counts those that nobody waited for. */
  public Map<Integer, LongAdder> answers() {
    return Map.copyOf(answers);
  }

  /** Stops listening and ends what is open. */
  @Override
  public void close() {
    try {
      server.stop();
    } catch (UncheckedIOException e) {
      LOG.log(Level.DEBUG, "while closing connections", e);
    } finally {
      connections.close();
    }
  }
}

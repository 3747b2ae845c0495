package org.espalier.server.http;

import io.helidon.common.buffers.BufferData;
import io.helidon.common.concurrency.limits.Limit;
import io.helidon.common.task.InterruptableTask;
import io.helidon.webserver.ConnectionContext;
import io.helidon.webserver.http1.Http1Config;
import io.helidon.webserver.http1.Http1ConnectionSelector;
import io.helidon.webserver.spi.ServerConnection;
import io.helidon.webserver.spi.ServerConnectionSelector;
import java.time.Duration;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/**
 * The open connections. Stands between the stack and its HTTP/1.1 implementation, so that a handler
 * can find the connection that its request came in on.
 */
final class Connections implements ServerConnectionSelector, AutoCloseable {
  /** The connection of the request that is being handled. */
  static final ScopedValue<Connection> CURRENT = ScopedValue.newInstance();

  private static final Duration ROUND = Duration.ofMillis(500);

  private final Http1ConnectionSelector http;
  private final Patience patience;
  private final Set<Connection> open = ConcurrentHashMap.newKeySet();
  private final Thread guard;

  /** How long a connection may take for what it does. */
  record Patience(Duration waiting, Duration reading, Duration writing) {
    boolean isExhausted(Connection connection) {
      // The state is read before the time: a change in between makes the connection look younger.
      Connection.Doing doing = connection.doing();
      long nanos = System.nanoTime() - connection.since();
      return switch (doing) {
        case WAITING -> nanos > waiting.toNanos();
        case READING -> nanos > reading.toNanos();
        case WRITING -> nanos > writing.toNanos();
        case WORKING -> false;
      };
    }
  }

  Connections(Http1Config config, Patience patience) {
    this.http = Http1ConnectionSelector.builder().config(config).build();
    this.patience = patience;
    this.guard = Thread.ofVirtual().name("connection guard").start(this::guard);
  }

  int size() {
    return open.size();
  }

  private void guard() {
    try {
      while (true) {
        Thread.sleep(ROUND);
        for (Connection connection : open) {
          if (patience.isExhausted(connection)) {
            connection.cut();
          }
        }
      }
    } catch (InterruptedException _) {
      Thread.currentThread().interrupt(); // closed
    }
  }

  @Override
  public void close() {
    guard.interrupt();
  }

  @Override
  public int bytesToIdentifyConnection() {
    return http.bytesToIdentifyConnection();
  }

  @Override
  public Support supports(BufferData data) {
    return http.supports(data);
  }

  @Override
  public Set<String> supportedApplicationProtocols() {
    return http.supportedApplicationProtocols();
  }

  @Override
  public ServerConnection connection(ConnectionContext context) {
    return new Registered(http.connection(context), new Connection(context.serverSocket()));
  }

  /** Known as long as it is handled. */
  private final class Registered implements ServerConnection, InterruptableTask<Void> {
    private final ServerConnection http;
    private final Connection connection;

    Registered(ServerConnection http, Connection connection) {
      this.http = http;
      this.connection = connection;
    }

    @Override
    public void handle(Limit limit) throws InterruptedException {
      open.add(connection);
      try {
        ScopedValue.where(CURRENT, connection)
            .<Void, InterruptedException>call(() -> {
              http.handle(limit);
              return null;
            });
      } finally {
        open.remove(connection);
      }
    }

    @Override
    public boolean canInterrupt() {
      return http instanceof InterruptableTask<?> task && task.canInterrupt();
    }

    @Override
    public Duration idleTime() {
      return http.idleTime();
    }

    @Override
    public void close(boolean interrupt) {
      http.close(interrupt);
    }
  }
}

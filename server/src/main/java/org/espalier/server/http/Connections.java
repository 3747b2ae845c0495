package org.espalier.server.http;

import io.helidon.common.buffers.BufferData;
import io.helidon.common.buffers.DataReader;
import io.helidon.common.buffers.DataWriter;
import io.helidon.common.concurrency.limits.Limit;
import io.helidon.common.socket.HelidonSocket;
import io.helidon.common.socket.PeerInfo;
import io.helidon.common.task.InterruptableTask;
import io.helidon.webserver.ConnectionContext;
import io.helidon.webserver.ListenerContext;
import io.helidon.webserver.ProxyProtocolData;
import io.helidon.webserver.Router;
import io.helidon.webserver.http1.Http1Config;
import io.helidon.webserver.http1.Http1ConnectionSelector;
import io.helidon.webserver.spi.ServerConnection;
import io.helidon.webserver.spi.ServerConnectionSelector;
import java.time.Duration;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutorService;

/**
 * The open connections. Stands between the stack and its HTTP/1.1 implementation, so that a handler
 * can find the connection that its request came in on, and what it reads goes through it.
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
    Connection connection = new Connection(context.serverSocket(), context.dataReader());
    return new Registered(http.connection(new ReadThrough(context, connection)), connection);
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
              connection.drain(); // it was refused before its end, perhaps
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

  /** The stack's own context, except that it reads through our connection. */
  private static final class ReadThrough implements ConnectionContext {
    private final ConnectionContext context;
    private final DataReader reader;

    ReadThrough(ConnectionContext context, Connection connection) {
      this.context = context;
      this.reader = DataReader.create(connection::read);
    }

    @Override
    public DataReader dataReader() {
      return reader;
    }

    @Override
    public ListenerContext listenerContext() {
      return context.listenerContext();
    }

    @Override
    public ExecutorService executor() {
      return context.executor();
    }

    @Override
    public DataWriter dataWriter() {
      return context.dataWriter();
    }

    @Override
    public Router router() {
      return context.router();
    }

    @Override
    public Optional<ProxyProtocolData> proxyProtocolData() {
      return context.proxyProtocolData();
    }

    @Override
    public HelidonSocket serverSocket() {
      return context.serverSocket();
    }

    @Override
    public PeerInfo remotePeer() {
      return context.remotePeer();
    }

    @Override
    public PeerInfo localPeer() {
      return context.localPeer();
    }

    @Override
    public boolean isSecure() {
      return context.isSecure();
    }

    @Override
    public String socketId() {
      return context.socketId();
    }

    @Override
    public String childSocketId() {
      return context.childSocketId();
    }
  }
}

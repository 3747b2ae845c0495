package org.espalier.examples.service;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Iterator;
import java.util.concurrent.Executors;
import java.util.concurrent.Semaphore;
import org.espalier.Espalier;
import org.espalier.Generation;
import org.espalier.LanguageModel;
import org.espalier.api.EspalierException;
import org.espalier.runtime.generation.GenerationOptions;

/**
 * Continues what is posted to {@code /tales}, piece by piece as it is generated. One model serves
 * all requests; a bounded number runs at a time, and a client that goes away ends its tale.
 */
public final class TaleService implements AutoCloseable {
  private static final int MOST_AT_ONCE = 4;
  private static final int MOST_BYTES = 16 << 10;
  private static final GenerationOptions OPTIONS = GenerationOptions.DEFAULT.withMaximumTokens(60);

  private final LanguageModel model;
  private final HttpServer server;
  private final Semaphore room = new Semaphore(MOST_AT_ONCE);

  /**
   * Opens the model and begins to listen, on this machine only.
   *
   * @param port 0: any that is free
   */
  public TaleService(Path file, int port) throws IOException {
    model = Espalier.open(file);
    server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), port), 0);
    server.setExecutor(Executors.newVirtualThreadPerTaskExecutor());
    server.createContext("/tales", this::handle);
    server.createContext("/health", exchange -> answer(exchange, 200, model.device()));
    server.start();
  }

  /** Where it listens. */
  public int port() {
    return server.getAddress().getPort();
  }

  private void handle(HttpExchange exchange) throws IOException {
    byte[] body = exchange.getRequestBody().readNBytes(MOST_BYTES + 1);
    if (!exchange.getRequestMethod().equals("POST") || body.length > MOST_BYTES) {
      answer(exchange, 400, "post the beginning of a tale, of at most 16 KiB");
    } else if (!room.tryAcquire()) {
      answer(exchange, 429, "too many tales at once: try again later");
    } else {
      try {
        tell(exchange, new String(body, StandardCharsets.UTF_8));
      } finally {
        room.release();
      }
    }
  }

  /** Status 200 is sent with the first piece: until then a failure can still have its own. */
  private void tell(HttpExchange exchange, String beginning) throws IOException {
    try (Generation tale = model.generate(beginning, OPTIONS)) {
      Iterator<String> pieces = tale.iterator();
      String first = pieces.hasNext() ? pieces.next() : "";
      exchange.getResponseHeaders().add("Content-Type", "text/plain; charset=utf-8");
      exchange.sendResponseHeaders(200, 0);
      try (OutputStream out = exchange.getResponseBody()) {
        send(out, first);
        while (pieces.hasNext()) {
          send(out, pieces.next()); // fails where nobody reads any more, which closes the tale
        }
      }
    } catch (EspalierException.InvalidRequest e) {
      answer(exchange, 400, e.getMessage());
    }
  }

  private static void send(OutputStream out, String piece) throws IOException {
    out.write(piece.getBytes(StandardCharsets.UTF_8));
    out.flush();
  }

  private static void answer(HttpExchange exchange, int status, String text) throws IOException {
    byte[] body = (text + "\n").getBytes(StandardCharsets.UTF_8);
    exchange.sendResponseHeaders(status, body.length);
    exchange.getResponseBody().write(body);
    exchange.close();
  }

  /** Ends what is being told, and releases the model. */
  @Override
  public void close() {
    server.stop(0);
    model.close();
  }

  /** Takes the path of a model, and perhaps a port; serves until the process is ended. */
  public static void main(String[] arguments) throws IOException {
    int port = arguments.length > 1 ? Integer.parseInt(arguments[1]) : 8081;
    TaleService service = new TaleService(Path.of(arguments[0]), port);
    Runtime.getRuntime().addShutdownHook(new Thread(service::close));
    System.out.println("http://127.0.0.1:" + service.port() + "/tales");
  }
}

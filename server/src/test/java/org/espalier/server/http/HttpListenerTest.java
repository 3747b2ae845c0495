package org.espalier.server.http;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.SocketException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.espalier.api.EspalierException.DeviceFailure;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import tools.jackson.databind.node.ObjectNode;

/** Clients that are slow, silent or gone. */
@Timeout(60)
class HttpListenerTest {
  private static final Duration SHORT = Duration.ofMillis(400);
  private static final Duration LONG = Duration.ofMinutes(1);

  /** How the last request ended for its endpoint. */
  private final LinkedBlockingQueue<Object> ends = new LinkedBlockingQueue<>();

  private HttpListener listener;

  private void start(Duration waiting, Duration reading, Duration writing) {
    listener =
        new HttpListener(
            new HttpSettings(
                new InetSocketAddress("127.0.0.1", 0),
                Optional.empty(),
                1 << 20,
                waiting,
                reading,
                writing),
            List.of(
                new HttpListener.Path("POST", "/echo", true, observed(HttpListenerTest::echo)),
                new HttpListener.Path("GET", "/flood", true, observed(HttpListenerTest::flood)),
                new HttpListener.Path("GET", "/defect", true, HttpListenerTest::defect)));
  }

  @AfterEach
  void stop() {
    listener.close();
    assertEquals(0, listener.inProgress());
  }

  private Endpoint observed(Endpoint endpoint) {
    return exchange -> {
      try {
        endpoint.handle(exchange);
        ends.add("ended");
      } catch (RuntimeException e) {
        ends.add(e);
        throw e;
      }
    };
  }

  private static void echo(Exchange exchange) {
    exchange.send(exchange.readJson());
  }

  private static void flood(Exchange exchange) {
    ObjectNode event = Json.object().put("text", "x".repeat(100_000));
    try (EventStream stream = exchange.stream()) {
      while (true) {
        stream.send(event);
      }
    }
  }

  private static void defect(Exchange exchange) {
    throw new IllegalStateException("planted");
  }

  private Socket connect(String request) throws IOException {
    Socket socket = new Socket("127.0.0.1", listener.address().getPort());
    socket.getOutputStream().write(request.getBytes(StandardCharsets.ISO_8859_1));
    return socket;
  }

  private static final String HEAD = " HTTP/1.1\r\nHost: localhost\r\n";

  @Test
  void aClientThatReadsTooSlowlyIsCutOff() throws IOException, InterruptedException {
    start(LONG, LONG, SHORT);
    try (Socket _ = connect("GET /flood" + HEAD + "\r\n")) {
      Object end = ends.poll(20, TimeUnit.SECONDS);
      assertInstanceOf(ClientGone.class, end);
    }
  }

  @Test
  void aClientThatSaysNothingIsCutOff() throws IOException {
    start(SHORT, LONG, LONG);
    try (Socket socket = connect("")) {
      assertTrue(isCut(socket));
    }
  }

  @Test
  void aClientThatSaysHalfIsCutOff() throws IOException {
    start(SHORT, LONG, LONG);
    try (Socket socket = connect("GET /flood" + HEAD)) {
      assertTrue(isCut(socket));
    }
  }

  @Test
  void aClientThatTricklesIsCutOffToo() throws IOException, InterruptedException {
    start(SHORT, LONG, LONG);
    try (Socket socket = connect("GET /flood HTTP/1.1\r\n")) {
      OutputStream out = socket.getOutputStream();
      assertThrows(
          SocketException.class,
          () -> {
            for (int i = 0; i < 400; i++) {
              out.write(("X-" + i + ": y\r\n").getBytes(StandardCharsets.ISO_8859_1));
              Thread.sleep(50);
            }
          });
    }
  }

  @Test
  void aBodyThatComesTooSlowlyIsCutOff() throws IOException, InterruptedException {
    start(LONG, SHORT, LONG);
    try (Socket socket = connect("POST /echo" + HEAD + "Content-Length: 100\r\n\r\n{")) {
      assertTrue(isCut(socket));
      assertInstanceOf(RuntimeException.class, ends.poll(20, TimeUnit.SECONDS));
    }
  }

  @Test
  void aBodyThatBreaksOffIsNoFaultOfOurs() throws IOException, InterruptedException {
    start(LONG, LONG, LONG);
    connect("POST /echo" + HEAD + "Content-Length: 100\r\n\r\n{").close();
    assertInstanceOf(RuntimeException.class, ends.poll(20, TimeUnit.SECONDS));
    stop();
    assertTrue(listener.answers().keySet().stream().noneMatch(status -> status >= 500));
  }

  /** Whether the server ends the connection without having answered. */
  private static boolean isCut(Socket socket) throws IOException {
    InputStream in = socket.getInputStream();
    try {
      return in.read() < 0;
    } catch (SocketException _) {
      return true;
    }
  }

  @Test
  void aDefectIsToldAsOne() throws IOException {
    start(LONG, LONG, LONG);
    try (Socket socket = connect("GET /defect" + HEAD + "\r\n")) {
      byte[] answer = new byte[1000];
      int count = socket.getInputStream().read(answer);
      String text = new String(answer, 0, count, StandardCharsets.UTF_8);
      assertTrue(text.startsWith("HTTP/1.1 500") && text.contains("server_error"), text);
    }
  }

  @Test
  void aPortThatIsTakenIsSaidToBe() {
    start(LONG, LONG, LONG);
    HttpSettings same = new HttpSettings(listener.address(), Optional.empty(), 1, LONG, LONG, LONG);
    DeviceFailure failure =
        assertThrows(DeviceFailure.class, () -> new HttpListener(same, List.of()));
    assertTrue(failure.getMessage().contains("cannot listen on"), failure.getMessage());
    assertTrue(failure.getMessage().contains("in use"), failure.getMessage());
  }
}

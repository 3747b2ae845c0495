package org.espalier.server;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.InputStream;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.espalier.server.Client.Answer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Who may ask, and how: keys, origins, paths, and HTTP that is broken. */
class HttpTest extends RunningServer {
  @Test
  void onlyThoseWithTheKeyMayAsk() {
    start(options(Optional.of("s3cret"), 4, 100, Optional.empty()));
    Answer without = client.get("/v1/models");
    assertEquals(401, without.status());
    assertEquals("Bearer", without.header("WWW-Authenticate"));
    assertEquals(401, client.get("/v1/models", "Authorization", "Bearer wrong").status());
    assertEquals(401, client.get("/metrics").status());
    assertEquals(401, client.get("/v1/nothing").status());
    assertEquals(200, client.get("/v1/models", "Authorization", "bearer s3cret").status());
    assertEquals(200, client.get("/v1/models", "X-Api-Key", "s3cret").status());
    assertEquals(200, client.get("/health").status());
    assertEquals(200, client.get("/").status());
  }

  @Test
  void pagesOfOtherSitesMayNotAsk() throws IOException {
    String body = "{\"prompt\": \"a\", \"max_tokens\": 1}";
    assertEquals(
        403, client.post("/v1/completions", body, "Origin", "http://evil.example").status());
    assertEquals(403, client.post("/v1/completions", body, "Origin", "null").status());
    String own = "http://127.0.0.1:" + server.address().getPort();
    assertEquals(200, client.post("/v1/completions", body, "Origin", own).status());
    assertTrue(
        raw("GET /v1/models HTTP/1.1\r\nHost: evil.example\r\n\r\n").startsWith("HTTP/1.1 403"));
    assertTrue(
        raw("GET /v1/models HTTP/1.1\r\nHost: localhost:1\r\n\r\n").startsWith("HTTP/1.1 200"));
  }

  @Test
  void otherPathsAndMethodsAreRefused() {
    assertEquals(404, client.get("/v1/nothing").status());
    assertEquals(404, client.get("/../etc/passwd").status());
    Answer wrong = client.get("/v1/completions");
    assertEquals(405, wrong.status());
    assertEquals("POST", wrong.header("Allow"));
    assertEquals(405, client.method("DELETE", "/").status());
    assertTrue(wrong.error().contains("POST"), wrong.error());
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "nonsense\r\n\r\n",
        "GET\r\n\r\n",
        "GET / HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: localhost\r\nBad Header\r\n\r\n",
        "POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: -5\r\n\r\n",
        "POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: x\r\n\r\n",
        "POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nxx\r\n0\r\n\r\n",
        "POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n-5\r\nxx\r\n0\r\n\r\n",
        "POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n7fffffff\r\nxx\r\n0\r\n\r\n",
        "POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nContent-Length: 7\r\n\r\nhello\r\n",
        "POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: gzip\r\n\r\n",
        "GET /%ff%zz HTTP/1.1\r\nHost: localhost\r\n\r\n",
      })
  void malformedHttpIsTheClientsFault(String request) throws IOException {
    String answer = raw(request);
    assertTrue(answer.isEmpty() || answer.startsWith("HTTP/1.1 4"), answer);
  }

  @Test
  void aConnectionThatIsToBeClosedIsClosed() throws IOException {
    List<String> requests =
        List.of(
            "GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
            "PUT /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}",
            "POST /tokenize HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}",
            "\u00ff\u0001 / HTTP/1.1\r\nHost: localhost\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
            "POST /tokenize HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000000\r\n\r\n{}");
    List<Socket> sockets = new ArrayList<>();
    try {
      for (String request : requests) {
        Socket socket = new Socket("127.0.0.1", server.address().getPort());
        sockets.add(socket);
        socket.setSoTimeout(10_000);
        socket.getOutputStream().write(request.getBytes(StandardCharsets.ISO_8859_1));
      }
      for (Socket socket : sockets) {
        String answer = new String(socket.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertTrue(answer.matches("(?s)HTTP/1.1 [24].*Connection: close\r\n.*}"), answer);
      }
    } finally {
      for (Socket socket : sockets) {
        socket.close();
      }
    }
  }

  @Test
  void aConnectionServesManyRequests() throws IOException {
    String body = Body.of("prompt", "Hello").greedy(3).toString();
    String request =
        "POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n%s"
            .formatted(body.length(), body);
    try (Socket socket = new Socket("127.0.0.1", server.address().getPort())) {
      // All at once: the next request arrives while the answer to the last is worked out.
      socket.getOutputStream().write(request.repeat(5).getBytes(StandardCharsets.US_ASCII));
      InputStream in = socket.getInputStream();
      StringBuilder answers = new StringBuilder();
      byte[] piece = new byte[4096];
      while (answers.toString().split("\"finish_reason\":\"length\"", -1).length < 6) {
        int count = in.read(piece);
        assertTrue(count > 0, answers.toString());
        answers.append(new String(piece, 0, count, StandardCharsets.UTF_8));
      }
      assertEquals(5, answers.toString().split("HTTP/1.1 200", -1).length - 1);
    }
  }
}

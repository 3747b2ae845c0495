package org.espalier.server;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.BooleanSupplier;
import java.util.stream.IntStream;
import org.espalier.runtime.Model;
import org.espalier.server.Client.Answer;
import org.espalier.server.http.Json;
import org.espalier.server.model.FakeExecutable;
import org.espalier.server.model.FakeModel;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * Tests of the whole server over a fake model. One server serves all tests of a class, but for
 * those that start one of their own.
 */
@Timeout(60)
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
abstract class RunningServer {
  static final int CONTEXT = 200;
  static final String GREEDY = "\"temperature\": 0, \"ignore_eos\": true";

  FakeModel fake = new FakeModel(CONTEXT);
  Server server;
  Client client;
  Path folder;
  private Model model;
  private boolean isOrdinary;

  @BeforeAll
  void remember(@TempDir Path temporary) {
    folder = temporary;
  }

  @BeforeEach
  void startOrdinary() {
    if (!isOrdinary) {
      startFresh();
    }
    fake.executable().passMillis = 0;
  }

  /** An ordinary server that has not been asked anything. */
  void startFresh() {
    close();
    fake = new FakeModel(CONTEXT);
    start(options(Optional.empty(), 4, 100, Optional.empty()));
    isOrdinary = true;
  }

  static ServerOptions options(
      Optional<String> key, int parallel, int waiting, Optional<String> template) {
    return new ServerOptions(
        new InetSocketAddress("127.0.0.1", 0),
        key,
        Optional.empty(),
        0,
        parallel,
        waiting,
        Optional.of(100_000L),
        Duration.ofSeconds(30),
        Duration.ofSeconds(30),
        100_000,
        template);
  }

  /** Replaces the server. */
  void start(ServerOptions options) {
    close();
    server = Server.start(options);
    model = fake.open(folder, server.observer());
    server.serve(model);
    client = new Client(server.address());
  }

  /** Asks the server to stop, as a signal does. */
  boolean stop(Duration patience) throws InterruptedException {
    isOrdinary = false;
    return server.stop(patience);
  }

  @AfterAll
  void close() {
    isOrdinary = false;
    if (server != null) {
      FakeExecutable executable = fake.executable();
      server.close();
      client.close();
      model.close();
      server = null;
      assertEquals(0, executable.openSessions.get());
    }
  }

  /** What the fake model draws after a prompt, the end of the text forbidden. */
  List<Integer> continuation(List<Integer> prompt, int length) {
    List<Integer> tokens = new ArrayList<>(prompt);
    for (int i = 0; i < length; i++) {
      float[] logits = FakeExecutable.logits(tokens, FakeModel.VOCABULARY);
      int best = 0;
      for (int token = 1; token < FakeModel.END; token++) {
        best = logits[token] > logits[best] ? token : best;
      }
      tokens.add(best);
    }
    return tokens.subList(prompt.size(), tokens.size());
  }

  String text(List<Integer> tokens) {
    return fake.tokenizer().decode(tokens.stream().mapToInt(Integer::intValue).toArray());
  }

  List<Integer> tokens(String text) {
    return IntStream.of(fake.tokenizer().encode(text, true)).boxed().toList();
  }

  String expected(String prompt, int length) {
    return text(continuation(tokens(prompt), length));
  }

  static JsonNode choice(Answer answer, int index) {
    assertEquals(200, answer.status(), answer.body());
    return answer.json().path("choices").path(index);
  }

  String raw(String request) throws IOException {
    try (Socket socket = new Socket("127.0.0.1", server.address().getPort())) {
      socket.getOutputStream().write(request.getBytes(StandardCharsets.ISO_8859_1));
      byte[] answer = new byte[4096];
      int count = socket.getInputStream().read(answer);
      return count < 0 ? "" : new String(answer, 0, count, StandardCharsets.ISO_8859_1);
    }
  }

  long metric(String name) {
    return client
        .get("/metrics")
        .body()
        .lines()
        .filter(line -> line.startsWith("espalier_" + name + " "))
        .mapToLong(line -> Long.parseLong(line.substring(line.indexOf(' ') + 1)))
        .findFirst()
        .orElseThrow();
  }

  static void await(BooleanSupplier condition) {
    long end = System.nanoTime() + Duration.ofSeconds(20).toNanos();
    while (!condition.getAsBoolean()) {
      assertTrue(System.nanoTime() - end < 0, "waited too long");
    }
  }

  /** A request in the making. */
  record Body(ObjectNode object) {
    static Body of(String name, String value) {
      return new Body(Json.object().put(name, value));
    }

    Body put(String name, String value) {
      object.put(name, value);
      return this;
    }

    Body put(String name, boolean value) {
      object.put(name, value);
      return this;
    }

    Body greedy(int length) {
      object.put("temperature", 0).put("ignore_eos", true).put("max_tokens", length);
      return this;
    }

    @Override
    public String toString() {
      return object.toString();
    }
  }
}

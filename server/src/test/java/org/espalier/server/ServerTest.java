package org.espalier.server;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.espalier.api.EspalierException.InvalidRequest;
import org.espalier.server.Client.Answer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/** What it tells of itself, how it bears a crowd, and how it ends. */
class ServerTest extends RunningServer {
  private static String quoted(int[] tokens) {
    return IntStream.of(tokens)
        .mapToObj(Integer::toString)
        .collect(Collectors.joining(",", "[", "]"));
  }

  @Test
  void tellsAboutItself() {
    assertEquals("ok", client.get("/health").json().path("status").stringValue());
    JsonNode model = client.get("/v1/models").json().path("data").path(0);
    assertEquals("fake-model", model.path("id").stringValue());
    assertEquals(model, client.get("/v1/models/fake-model").json());
    assertEquals(404, client.get("/v1/models/other").status());
    ObjectNode properties = client.get("/props").json();
    assertEquals(CONTEXT, properties.path("default_generation_settings").path("n_ctx").intValue());
    assertEquals(4, properties.path("total_slots").intValue());
    assertEquals("fake-model.gguf", properties.path("model_path").stringValue());
    assertFalse(properties.toString().contains(folder.toString()));
  }

  @Test
  void tokenizesAndBack() {
    Answer tokens = client.post("/tokenize", "{\"content\": \"aé<|endoftext|>\"}");
    assertEquals(quoted(fake.tokenizer().encode("aé<|endoftext|>", true)), list(tokens));
    assertEquals(4, tokens.json().path("tokens").size());
    Answer plain =
        client.post("/tokenize", "{\"content\": \"<|endoftext|>\", \"parse_special\": false}");
    assertEquals(13, plain.json().path("tokens").size());
    Answer pieces = client.post("/tokenize", "{\"content\": \"a\", \"with_pieces\": true}");
    assertEquals("a", pieces.json().path("tokens").path(0).path("piece").stringValue());
    Answer text = client.post("/detokenize", "{\"tokens\": " + list(tokens) + "}");
    assertEquals("aé<|endoftext|>", text.json().path("content").stringValue());
    assertEquals(400, client.post("/detokenize", "{\"tokens\": 5}").status());
    assertEquals(400, client.post("/tokenize", "{}").status());
  }

  private static String list(Answer tokens) {
    return tokens.json().path("tokens").toString();
  }

  @Test
  void countsWhatItDoes() {
    startFresh();
    client.post("/v1/completions", "{\"prompt\": \"Hello\", \"max_tokens\": 12, " + GREEDY + "}");
    client.post("/v1/completions", "{}");
    Answer metrics = client.get("/metrics");
    assertEquals("text/plain; version=0.0.4; charset=utf-8", metrics.header("Content-Type"));
    for (String sample :
        List.of(
            "espalier_prompt_tokens_total 5\n",
            "espalier_generated_tokens_total 12\n",
            "espalier_texts_completed_total 1\n",
            "espalier_texts_active 0\n",
            "espalier_http_answers_total{status=\"200\"} 1\n",
            "espalier_http_answers_total{status=\"400\"} 1\n",
            "# TYPE espalier_heap_used_bytes gauge\n")) {
      assertTrue(metrics.body().contains(sample), sample + " is not in " + metrics.body());
    }
  }

  @Test
  void tooManyRequestsAreSentAwayForAWhile() throws InterruptedException {
    start(options(Optional.empty(), 1, 1, Optional.empty()));
    fake.executable().passMillis = 2;
    List<Thread> threads = new ArrayList<>();
    List<Answer> answers = Collections.synchronizedList(new ArrayList<>());
    for (int i = 0; i < 8; i++) {
      threads.add(
          Thread.ofVirtual()
              .start(() ->
                  answers.add(
                      client.post(
                          "/v1/completions", Body.of("prompt", "x").greedy(60).toString()))));
    }
    for (Thread thread : threads) {
      thread.join();
    }
    List<Answer> refused = answers.stream().filter(answer -> answer.status() == 429).toList();
    assertTrue(refused.size() >= 5 && refused.size() <= 7, "refused: " + refused.size());
    assertTrue(Integer.parseInt(refused.getFirst().header("Retry-After")) >= 1);
    assertEquals(
        "rate_limit_error", refused.getFirst().json().path("error").path("type").stringValue());
    assertTrue(answers.stream().allMatch(a -> a.status() == 200 || a.status() == 429));
  }

  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void whatNobodyWaitsForIsNotGenerated(boolean stream) throws IOException {
    startFresh();
    fake.executable().passMillis = 10;
    String body = Body.of("prompt", "Hello").put("stream", stream).greedy(190).toString();
    try (Socket socket = new Socket("127.0.0.1", server.address().getPort())) {
      socket
          .getOutputStream()
          .write(
              ("POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n%s")
                  .formatted(body.length(), body)
                  .getBytes(StandardCharsets.US_ASCII));
      await(() -> metric("texts_active") == 1);
    }
    await(() -> metric("texts_active") == 0);
    assertEquals(1, metric("texts_cancelled_total"));
    assertTrue(metric("generated_tokens_total") < 150);
  }

  @Test
  void isNotReadyBeforeItHasItsModel() {
    try (Server empty = Server.start(options(Optional.empty(), 4, 10, Optional.empty()));
        Client early = new Client(empty.address())) {
      assertEquals(503, early.get("/health").status());
      Answer answer = early.post("/v1/completions", "{\"prompt\": \"a\"}");
      assertEquals(503, answer.status());
      assertEquals("2", answer.header("Retry-After"));
      assertEquals(200, early.get("/").status());
    }
  }

  @Test
  void stoppingLetsAStreamComeToItsEnd() throws InterruptedException {
    fake.executable().passMillis = 2;
    List<Answer> answers = Collections.synchronizedList(new ArrayList<>());
    Thread streaming =
        Thread.ofVirtual()
            .start(() ->
                answers.add(
                    client.post(
                        "/v1/completions",
                        Body.of("prompt", "Hello").put("stream", true).greedy(60).toString())));
    await(() -> metric("texts_active") == 1);
    assertTrue(stop(Duration.ofSeconds(20)));
    streaming.join();
    String text =
        answers.getFirst().events().stream()
            .map(event -> event.path("choices").path(0).path("text").asString(""))
            .collect(Collectors.joining());
    assertEquals(expected("Hello", 60), text);
  }

  @Test
  void whatIsCutOffSaysSo() throws InterruptedException {
    startFresh();
    fake.executable().passMillis = 5;
    List<Answer> answers = Collections.synchronizedList(new ArrayList<>());
    Thread streaming =
        Thread.ofVirtual()
            .start(() ->
                answers.add(
                    client.post(
                        "/v1/completions",
                        Body.of("prompt", "Hello").put("stream", true).greedy(190).toString())));
    await(() -> metric("generated_tokens_total") > 3);
    assertFalse(stop(Duration.ofMillis(50)));
    streaming.join();
    assertTrue(answers.getFirst().body().contains("the server is stopping"));
    assertFalse(answers.getFirst().body().contains("[DONE]"));
  }

  @Test
  void optionsThatMakeNoSenseAreRefused() {
    assertThrows(InvalidRequest.class, () -> options(Optional.of(" "), 4, 10, Optional.empty()));
    assertThrows(
        InvalidRequest.class, () -> start(options(Optional.empty(), 4, 10, Optional.of("jinja"))));
    assertThrows(
        InvalidRequest.class, () -> start(options(Optional.empty(), 65, 10, Optional.empty())));
  }
}

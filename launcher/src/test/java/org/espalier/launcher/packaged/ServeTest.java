package org.espalier.launcher.packaged;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** The packaged server with the demo model. */
@Timeout(180)
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class ServeTest {
  private static final List<String> PROMPTS =
      List.of(
          "Once upon a time",
          "The king had three sons",
          "There was a poor woman who",
          "In the forest",
          "A wolf",
          "The youngest daughter said",
          "Long ago",
          "It was winter, and");

  private Served server;
  @TempDir private Path folder;

  @BeforeAll
  void start() throws IOException, InterruptedException {
    server = Served.start("--precision", "exact", "--parallel", "4");
  }

  @AfterAll
  void stop() {
    server.close();
  }

  private Served.Answer complete(String prompt, int length) throws IOException {
    return server.post(
        "/v1/completions",
        Map.of("prompt", prompt, "max_tokens", length, "temperature", 0, "ignore_eos", true));
  }

  @Test
  void continuesAsTheCommandLineDoes() throws Exception {
    String prompt = PROMPTS.getFirst();
    Launch launch =
        Launch.of(
            "completion",
            "-m",
            Launch.DEMO.toString(),
            "--precision",
            "exact",
            "-p",
            prompt,
            "-n",
            "60",
            "--temp",
            "0",
            "--ignore-eos");
    Served.Answer answer = complete(prompt, 60);
    assertEquals(launch.out().strip(), (prompt + answer.choice("text")).strip());
  }

  @Test
  void textsDoNotDisturbEachOther() throws Exception {
    List<String> alone = new ArrayList<>();
    for (String prompt : PROMPTS) {
      alone.add((String) complete(prompt, 40).choice("text"));
    }
    try (ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
      List<Callable<String>> work =
          PROMPTS.stream()
              .<Callable<String>>map(prompt -> () -> (String) complete(prompt, 40).choice("text"))
              .toList();
      List<String> together = new ArrayList<>();
      for (Future<String> text : threads.invokeAll(work)) {
        together.add(text.get());
      }
      assertEquals(alone, together);
    }
  }

  /** As evaluation harnesses ask: prompts of ids, echoed, with log-probabilities. */
  @Test
  void scoresAreThoseOfTheLogits() throws Exception {
    int[] tokens = IntStream.range(0, 40).map(i -> (i * 397 + 11) % 4000).toArray();
    Path file = folder.resolve("logits.f32");
    String ids = Arrays.stream(tokens).mapToObj(Integer::toString).collect(Collectors.joining(","));
    Launch launch =
        Launch.of(
            "logits",
            "-m",
            Launch.DEMO.toString(),
            "--precision",
            "exact",
            "--tokens",
            ids,
            "-o",
            file.toString());
    assertEquals(0, launch.exitCode(), launch.err());
    FloatBuffer logits =
        ByteBuffer.wrap(Files.readAllBytes(file)).order(ByteOrder.LITTLE_ENDIAN).asFloatBuffer();
    int vocabulary = logits.remaining() / tokens.length;
    Served.Answer answer =
        server.post(
            "/v1/completions",
            Map.of(
                "prompt",
                List.of(tokens),
                "max_tokens",
                1,
                "temperature",
                0,
                "logprobs",
                1,
                "echo",
                true));
    List<?> scores = (List<?>) ((Map<?, ?>) answer.choice("logprobs")).get("token_logprobs");
    assertEquals(tokens.length + 1, scores.size());
    for (int i = 1; i < tokens.length; i++) {
      double sum = 0;
      for (int k = 0; k < vocabulary; k++) {
        sum += Math.exp(logits.get((i - 1) * vocabulary + k));
      }
      double expected = logits.get((i - 1) * vocabulary + tokens[i]) - Math.log(sum);
      assertEquals(expected, ((Number) scores.get(i)).doubleValue(), 1e-4, "token " + i);
    }
  }

  @Test
  void everyTokenIsToldItsExperts() throws IOException {
    Served.Answer answer =
        server.post(
            "/v1/completions", Map.of("prompt", "A wolf", "max_tokens", 5, "experts", true));
    for (Object token : (List<?>) answer.choice("experts")) {
      List<?> layers = (List<?>) ((Map<?, ?>) token).get("layers");
      assertEquals(4, layers.size());
      for (Object layer : layers) {
        assertEquals(4, ((List<?>) ((Map<?, ?>) layer).get("experts")).size());
      }
    }
  }

  @Test
  void refusesToChatWithABaseModel() throws IOException {
    Served.Answer answer =
        server.post(
            "/v1/chat/completions",
            Map.of("messages", List.of(Map.of("role", "user", "content", "Hi"))));
    assertEquals(400, answer.status());
    assertTrue(answer.body().contains("/v1/completions"), answer.body());
  }

  @Test
  void endsWhenItIsAskedTo() throws Exception {
    Served other = Served.start("--grace", "20");
    try (ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
      Future<Served.Answer> last =
          threads.submit(() ->
              other.post(
                  "/v1/completions",
                  Map.of("prompt", "A wolf", "max_tokens", 400, "ignore_eos", true)));
      while (other.metric("texts_active") < 1 && !last.isDone()) {
        Thread.onSpinWait();
      }
      other.close();
      Map<?, ?> usage = (Map<?, ?>) last.get().json().get("usage");
      assertEquals(400, usage.get("completion_tokens"));
      assertEquals(143, other.process().exitValue());
      assertTrue(other.said().endsWith("note: stopped\n"), other.said());
    }
  }

  @Test
  void sayswhatCannotBe() throws Exception {
    Launch taken =
        Launch.of(
            "serve", "-m", Launch.DEMO.toString(), "--port", server.url().replaceAll(".*:", ""));
    assertEquals(1, taken.exitCode());
    assertTrue(taken.sentence().contains("cannot listen on 127.0.0.1"), taken.err());
    assertEquals(2, Launch.of("serve", "--port", "70000").exitCode());
    assertEquals(2, Launch.of("serve", "--host", "no.such.host.invalid", "--port", "0").exitCode());
    Launch missing = Launch.of("serve", "-m", "missing.gguf", "--port", "0");
    assertTrue(missing.sentence().contains("there is no file missing.gguf"), missing.err());
  }

  @Test
  void saysNothingOfTheHttpStack() throws IOException {
    assertFalse(server.said().contains("Helidon"), server.said());
    assertFalse(server.said().contains("INFO"), server.said());
  }
}

package org.espalier.launcher.packaged;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.jr.ob.JSON;

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

  private record Choice(String context, String rest) {}

  /** What lm-evaluation-harness's model "local-completions" sends, and how it reads the answer. */
  @Test
  void aHarnessGetsTheLogLikelihoodsOfEvaluate() throws Exception {
    Path data =
        Files.writeString(
            folder.resolve("questions.jsonl"),
            """
            {"goal": "Where did the king live?", "sol1": "in a great castle", "sol2": "under 7 stones!", "label": 0}
            {"goal": "Who came?", "sol1": "the fox", "sol2": "für drei Tage 🦊", "label": 1}
            {"goal": "What then", "sol1": "once upon a time there was a king who had three sons", "sol2": "no", "label": 0}
            """);
    Measured evaluated =
        Measured.by(
            "evaluate", "-m", Launch.DEMO.toString(), "--task", "piqa", "--data", data.toString());
    List<Double> expected = new ArrayList<>();
    List<Choice> choices = new ArrayList<>();
    for (String line : Files.readAllLines(data)) {
      Map<String, Object> question = JSON.std.mapFrom(line);
      String context = "Question: " + question.get("goal") + "\nAnswer:";
      choices.add(new Choice(context, " " + question.get("sol1")));
      choices.add(new Choice(context, " " + question.get("sol2")));
    }
    for (Map<String, Object> question : evaluated.objects("questions")) {
      Arrays.stream(Measured.numbers(question.get("ll"))).forEach(expected::add);
    }
    for (int length : new int[] {0, 1}) {
      List<Double> together = scored(choices, length);
      List<Double> alone = askedAlone(choices, length);
      for (int i = 0; i < choices.size(); i++) {
        assertEquals(expected.get(i), together.get(i), 1e-5, choices.get(i).toString());
        assertEquals(expected.get(i), alone.get(i), 1e-5, choices.get(i).toString());
      }
    }
  }

  /** One request each, eight at the same time: {@code batch_size=1,num_concurrent=8}. */
  private List<Double> askedAlone(List<Choice> choices, int length) throws Exception {
    try (ExecutorService threads = Executors.newFixedThreadPool(8)) {
      List<Callable<Double>> work =
          choices.stream()
              .<Callable<Double>>map(choice -> () -> scored(List.of(choice), length).getFirst())
              .toList();
      List<Double> sums = new ArrayList<>();
      for (Future<Double> sum : threads.invokeAll(work)) {
        sums.add(sum.get());
      }
      return sums;
    }
  }

  /** All of them in one request, as a batch. */
  private List<Double> scored(List<Choice> choices, int length) throws IOException {
    List<List<?>> prompts = new ArrayList<>();
    List<Integer> contexts = new ArrayList<>();
    for (Choice choice : choices) {
      prompts.add(ids(choice.context + choice.rest));
      contexts.add(ids(choice.context).size());
    }
    Map<String, Object> request = new HashMap<>();
    request.put("model", "tiny-tales-qtip");
    request.put("prompt", prompts);
    request.put("temperature", 0);
    request.put("max_tokens", length);
    request.put("logprobs", 1);
    request.put("seed", 1234);
    request.put("echo", true);
    List<Double> sums = new ArrayList<>();
    for (Object element : (List<?>) server.post("/v1/completions", request).json().get("choices")) {
      Map<?, ?> choice = (Map<?, ?>) element;
      List<?> values = (List<?>) ((Map<?, ?>) choice.get("logprobs")).get("token_logprobs");
      int context = contexts.get(((Number) choice.get("index")).intValue());
      sums.add(
          values.subList(context, values.size() - length).stream()
              .mapToDouble(value -> ((Number) value).doubleValue())
              .sum());
    }
    return sums;
  }

  private List<?> ids(String text) throws IOException {
    return (List<?>) server.post("/tokenize", Map.of("content", text)).json().get("tokens");
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
  void saysWhatCannotBe() throws Exception {
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

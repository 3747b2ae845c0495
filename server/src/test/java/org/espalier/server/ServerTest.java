package org.espalier.server;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.InputStream;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.BooleanSupplier;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.espalier.api.EspalierException.InvalidRequest;
import org.espalier.runtime.Model;
import org.espalier.runtime.tokenizer.Tokenizer;
import org.espalier.server.Client.Answer;
import org.espalier.server.model.FakeExecutable;
import org.espalier.server.model.FakeModel;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/** The whole server over a fake model: what clients send, and what they get. */
@Timeout(60)
class ServerTest {
  private static final int CONTEXT = 200;
  private static final String GREEDY = "\"temperature\": 0, \"ignore_eos\": true";

  private FakeModel fake = new FakeModel(CONTEXT);
  private Server server;
  private Model model;
  private Client client;
  @TempDir private Path folder;

  @BeforeEach
  void start() {
    start(options(Optional.empty(), 4, 100, Optional.empty()));
  }

  private static ServerOptions options(
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

  private void start(ServerOptions options) {
    stop();
    server = Server.start(options);
    model = fake.open(folder, server.observer());
    server.serve(model);
    client = new Client(server.address());
  }

  @AfterEach
  void stop() {
    if (server != null) {
      server.close();
      client.close();
      model.close();
      assertEquals(0, fake.executable().openSessions.get());
      server = null;
    }
  }

  private static String quoted(int[] tokens) {
    return IntStream.of(tokens)
        .mapToObj(Integer::toString)
        .collect(Collectors.joining(",", "[", "]"));
  }

  private List<Integer> continuation(List<Integer> prompt, int length) {
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

  private String text(List<Integer> tokens) {
    return fake.tokenizer().decode(tokens.stream().mapToInt(Integer::intValue).toArray());
  }

  private List<Integer> tokens(String text) {
    return IntStream.of(fake.tokenizer().encode(text, true)).boxed().toList();
  }

  private String expected(String prompt, int length) {
    return text(continuation(tokens(prompt), length));
  }

  private static JsonNode choice(Answer answer, int index) {
    assertEquals(200, answer.status(), answer.body());
    return answer.json().path("choices").path(index);
  }

  @Test
  void completesATextInOnePiece() {
    Answer answer =
        client.post(
            "/v1/completions", "{\"prompt\": \"Hello\", \"max_tokens\": 12, " + GREEDY + "}");
    assertEquals(expected("Hello", 12), choice(answer, 0).path("text").stringValue());
    assertEquals("length", choice(answer, 0).path("finish_reason").stringValue());
    assertTrue(choice(answer, 0).path("logprobs").isNull());
    ObjectNode json = answer.json();
    assertEquals("text_completion", json.path("object").stringValue());
    assertEquals("fake-model", json.path("model").stringValue());
    assertEquals(5, json.path("usage").path("prompt_tokens").intValue());
    assertEquals(12, json.path("usage").path("completion_tokens").intValue());
    assertEquals(17, json.path("usage").path("total_tokens").intValue());
  }

  @Test
  void generatesSixteenTokensWhereNothingIsSaid() {
    Answer answer = client.post("/v1/completions", "{\"prompt\": \"Hello\", \"ignore_eos\": true}");
    assertEquals(16, answer.json().path("usage").path("completion_tokens").intValue());
  }

  @Test
  void streamsTheSameText() {
    Answer answer =
        client.post(
            "/v1/completions",
            "{\"prompt\": \"Hello\", \"max_tokens\": 30, \"stream\": true, "
                + "\"stream_options\": {\"include_usage\": true}, "
                + GREEDY
                + "}");
    assertEquals("text/event-stream", answer.header("Content-Type"));
    List<ObjectNode> events = answer.events();
    String text =
        events.stream()
            .map(event -> event.path("choices").path(0).path("text").asString(""))
            .collect(Collectors.joining());
    assertEquals(expected("Hello", 30), text);
    ObjectNode usage = events.getLast();
    assertTrue(usage.path("choices").isEmpty());
    assertEquals(30, usage.path("usage").path("completion_tokens").intValue());
    JsonNode last = events.get(events.size() - 2).path("choices").path(0);
    assertEquals("length", last.path("finish_reason").stringValue());
    assertTrue(
        events.subList(0, events.size() - 2).stream()
            .allMatch(event ->
                event.path("usage").isNull()
                    && event.path("choices").path(0).path("finish_reason").isNull()));
    assertEquals(
        1, events.stream().map(event -> event.path("id").stringValue()).distinct().count());
  }

  @Test
  void takesTextsIdsAndArraysOfBoth() {
    String common = ", \"max_tokens\": 5, \"n\": 2, " + GREEDY + "}";
    int[] ids = {5, 250, 7};
    for (String prompt : List.of("[\"ab\", \"cde\"]", "[[5,250,7], [1]]", quoted(ids), "\"ab\"")) {
      Answer answer = client.post("/v1/completions", "{\"prompt\": " + prompt + common);
      JsonNode choices = answer.json().path("choices");
      assertEquals(prompt.matches("\\[[\\[\"].*") ? 4 : 2, choices.size(), answer.body());
      for (int i = 0; i < choices.size(); i++) {
        assertEquals(i, choices.path(i).path("index").intValue());
      }
      if (prompt.startsWith("[5") || prompt.startsWith("[[5")) {
        assertEquals(
            text(continuation(List.of(5, 250, 7), 5)), choices.path(1).path("text").stringValue());
      }
    }
    Answer answer = client.post("/v1/completions", "{\"prompt\": [\"ab\", \"cde\"]" + common);
    assertEquals(expected("cde", 5), choice(answer, 2).path("text").stringValue());
    assertEquals(5, answer.json().path("usage").path("prompt_tokens").intValue());
    assertEquals(20, answer.json().path("usage").path("completion_tokens").intValue());
  }

  @Test
  void aSeedGivesTheSameTextsAndEveryChoiceItsOwn() {
    String body =
        "{\"prompt\": \"ab\", \"n\": 3, \"max_tokens\": 20, \"seed\": 7, \"top_k\": 0, \"top_p\": 1,"
            + " \"min_p\": 0, \"temperature\": 1.5, \"ignore_eos\": true}";
    Answer first = client.post("/v1/completions", body);
    Answer second = client.post("/v1/completions", body);
    assertEquals(first.json().path("choices"), second.json().path("choices"));
    assertNotEquals(choice(first, 0).path("text"), choice(first, 1).path("text"));
    Answer other = client.post("/v1/completions", body.replace("\"seed\": 7", "\"seed\": 8"));
    assertEquals(choice(first, 1).path("text"), choice(other, 0).path("text"));
  }

  @Test
  void stopTextsAreNotPartOfTheText() {
    String whole = expected("Hello", 100);
    String stop = whole.substring(20, 22);
    Answer answer =
        client.post(
            "/v1/completions", Body.of("prompt", "Hello").put("stop", stop).greedy(100).toString());
    assertEquals(
        whole.substring(0, whole.indexOf(stop)), choice(answer, 0).path("text").stringValue());
    assertEquals("stop", choice(answer, 0).path("finish_reason").stringValue());
  }

  /** What lm-evaluation-harness sends and how it reads the answer. */
  @ParameterizedTest
  @ValueSource(ints = {0, 1})
  void scoresPromptsAsEvaluationHarnessesAsk(int length) {
    List<List<Integer>> prompts = List.of(List.of(1, 2, 3, 4, 5, 6, 7), List.of(9, 250, 9));
    int[] contexts = {4, 1};
    Answer answer =
        client.post(
            "/v1/completions",
            "{\"model\": \"m\", \"prompt\": [[1,2,3,4,5,6,7],[9,250,9]], \"temperature\": 0,"
                + " \"max_tokens\": "
                + length
                + ", \"logprobs\": 1, \"seed\": 1234, \"echo\": true}");
    for (int i = 0; i < prompts.size(); i++) {
      List<Integer> prompt = prompts.get(i);
      JsonNode logprobs = choice(answer, i).path("logprobs");
      JsonNode values = logprobs.path("token_logprobs");
      assertEquals(prompt.size() + length, values.size());
      assertTrue(values.path(0).isNull() && logprobs.path("top_logprobs").path(0).isNull());
      double sum = 0;
      boolean greedy = true;
      double expected = 0;
      boolean expectedGreedy = true;
      for (int k = contexts[i]; k < prompt.size(); k++) {
        double value = values.path(k).doubleValue();
        sum += value;
        double greatest = Double.NEGATIVE_INFINITY;
        for (JsonNode top : logprobs.path("top_logprobs").path(k)) {
          greatest = Math.max(greatest, top.doubleValue());
        }
        greedy &= value == greatest;
        float[] logits = FakeExecutable.logits(prompt.subList(0, k), FakeModel.VOCABULARY);
        double total = 0;
        float best = Float.NEGATIVE_INFINITY;
        for (float logit : logits) {
          total += Math.exp(logit);
          best = Math.max(best, logit);
        }
        expected += logits[prompt.get(k)] - Math.log(total);
        expectedGreedy &= logits[prompt.get(k)] == best;
      }
      assertEquals(expected, sum, 1e-6);
      assertEquals(expectedGreedy, greedy);
    }
  }

  @Test
  void echoRepeatsThePrompt() {
    Answer answer =
        client.post(
            "/v1/completions",
            "{\"prompt\": \"Hëllo\", \"max_tokens\": 4, \"echo\": true, \"logprobs\": 2, "
                + GREEDY
                + "}");
    String whole = "Hëllo" + expected("Hëllo", 4);
    assertEquals(whole, choice(answer, 0).path("text").stringValue());
    JsonNode logprobs = choice(answer, 0).path("logprobs");
    assertEquals(10, logprobs.path("tokens").size());
    assertEquals("bytes:\\xc3", logprobs.path("tokens").path(1).stringValue());
    int[] offsets = {0, 1, 1, 2, 3, 4, 5};
    for (int i = 0; i < offsets.length; i++) {
      assertEquals(offsets[i], logprobs.path("text_offset").path(i).intValue(), "token " + i);
    }
    Answer nothing =
        client.post("/v1/completions", "{\"prompt\": \"ab\", \"max_tokens\": 0, \"echo\": true}");
    assertEquals("ab", choice(nothing, 0).path("text").stringValue());
  }

  @Test
  void tellsWhichExpertsTokensUsed() {
    Answer answer =
        client.post(
            "/v1/completions",
            "{\"prompt\": [3, 4], \"max_tokens\": 3, \"experts\": true, " + GREEDY + "}");
    List<Integer> all = new ArrayList<>(List.of(3, 4));
    all.addAll(continuation(all, 3));
    JsonNode experts = choice(answer, 0).path("experts");
    assertEquals(4, experts.size());
    for (int i = 0; i < 4; i++) {
      assertEquals(i, experts.path(i).path("position").intValue());
      int[] chosen = FakeExecutable.experts(all.get(i), 1);
      JsonNode layer = experts.path(i).path("layers").path(1);
      assertEquals(1, layer.path("layer").intValue());
      assertEquals(chosen[0], layer.path("experts").path(0).intValue());
      assertEquals(chosen[1], layer.path("experts").path(1).intValue());
      assertEquals(0.75, layer.path("weights").path(0).doubleValue());
    }
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "{} | no 'prompt'",
        "{\"prompt\": 5} | 'prompt' must be a string",
        "{\"prompt\": []} | 'prompt' must be a string",
        "{\"prompt\": \"\"} | prompt is empty",
        "{\"prompt\": [[]]} | prompt is empty",
        "{\"prompt\": [1, 999]} | token 999",
        "{\"prompt\": [1, -1]} | token ids of 0 or more",
        "{\"prompt\": [1, \"a\"]} | token ids of 0 or more",
        "{\"prompt\": [{}]} | strings only",
        "{\"prompt\": \"a\", \"max_tokens\": \"many\"} | 'max_tokens' must be a whole number",
        "{\"prompt\": \"a\", \"max_tokens\": 1.5} | 'max_tokens' must be a whole number",
        "{\"prompt\": \"a\", \"max_tokens\": 99999999999} | 'max_tokens' must be a whole number",
        "{\"prompt\": \"a\", \"n\": 0} | 'n' must be",
        "{\"prompt\": \"a\", \"n\": 513} | 'n' must be",
        "{\"prompt\": [\"a\", \"b\"], \"n\": 257} | a request may ask for 512 texts",
        "{\"prompt\": \"a\", \"temperature\": -1} | 'temperature' must be a number from 0",
        "{\"prompt\": \"a\", \"temperature\": 1e999} | 'temperature' must be a number",
        "{\"prompt\": \"a\", \"top_p\": 2} | 'top_p' must be a number from 0 to 1",
        "{\"prompt\": \"a\", \"logprobs\": 21} | 'logprobs' must be",
        "{\"prompt\": \"a\", \"logprobs\": true} | 'logprobs' must be",
        "{\"prompt\": \"a\", \"stop\": 5} | 'stop' must be",
        "{\"prompt\": \"a\", \"stop\": [5]} | 'stop' must be",
        "{\"prompt\": \"a\", \"stream\": 1} | 'stream' must be true or false",
        "{\"prompt\": \"a\", \"logit_bias\": {\"x\": 1}} | 'logit_bias' must be",
        "{\"prompt\": \"a\", \"logit_bias\": {\"999\": 1}} | logit bias for token 999",
        "{\"prompt\": \"a\", \"suffix\": \"b\"} | 'suffix' is not supported",
        "{\"prompt\": \"a\", \"best_of\": 2} | 'best_of' is not supported",
        "[1] | must be a JSON object",
        "{\"prompt\": | not valid JSON",
        "'' | must be a JSON object",
        "{\"prompt\": \"a\"} x | not valid JSON",
      })
  void wrongRequestsGetASentence(String body, String sentence) {
    Answer answer = client.post("/v1/completions", body);
    assertEquals(400, answer.status(), answer.body());
    assertTrue(answer.error().contains(sentence), answer.error());
    assertEquals("invalid_request_error", answer.json().path("error").path("type").stringValue());
    assertEquals(400, answer.json().path("error").path("code").intValue());
  }

  @Test
  void aPromptThatIsTooLongIsRefusedAndOneThatFillsTheContextIsNot() {
    Answer fits =
        client.post(
            "/v1/completions", Body.of("prompt", "x".repeat(CONTEXT)).greedy(10).toString());
    assertEquals(1, fits.json().path("usage").path("completion_tokens").intValue(), fits.body());
    Answer tooLong =
        client.post(
            "/v1/completions", Body.of("prompt", "x".repeat(CONTEXT + 1)).greedy(10).toString());
    assertEquals(400, tooLong.status());
    assertTrue(tooLong.error().contains("room for 200"), tooLong.error());
  }

  @Test
  void bytesThatAreNoTextAreRefused() {
    for (byte[] bytes :
        List.of(
            new byte[] {'{', '"', 'p', '"', ':', '"', (byte) 0xFF, '"', '}'},
            new byte[] {(byte) 0xC3},
            new byte[1000],
            new byte[] {(byte) 0xFE, (byte) 0xFF, 0, '{'})) {
      assertEquals(400, client.post("/v1/completions", bytes).status());
    }
    Answer surrogate =
        client.post(
            "/v1/completions",
            "{\"prompt\": \"a\\ud800\", \"max_tokens\": 2, \"echo\": true, \"stop\": \"\\udc00\"}");
    assertEquals(200, surrogate.status(), surrogate.body());
    Answer echoed = client.post("/v1/completions", "{\"prompt\": \"a\", \"n\": \"\\ud800\"}");
    assertEquals(400, echoed.status(), echoed.body());
  }

  @Test
  void deepNestingAndLargeBodiesAreRefused() {
    Answer deep = client.post("/v1/completions", "{\"prompt\": " + "[".repeat(50_000));
    assertEquals(400, deep.status());
    Answer large = client.post("/v1/completions", "x".repeat(100_001));
    assertEquals(413, large.status());
    assertTrue(large.body().contains("\"error\""), large.body());
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

  @Test
  void aBaseModelDoesNotChat() {
    Answer answer =
        client.post(
            "/v1/chat/completions", "{\"messages\": [{\"role\": \"user\", \"content\": \"Hi\"}]}");
    assertEquals(400, answer.status());
    assertTrue(answer.error().contains("base model"), answer.error());
    assertTrue(answer.error().contains("--chat-template"), answer.error());
  }

  private static final String CONVERSATION =
      "{\"messages\": [{\"role\": \"system\", \"content\": \"S\"}, {\"role\": \"user\", \"content\":"
          + " [{\"type\": \"text\", \"text\": \"Hi\"}]}], \"max_tokens\": 6, \"logprobs\": true,"
          + " \"top_logprobs\": 2, "
          + GREEDY;

  private List<Integer> conversation() {
    List<Integer> prompt = new ArrayList<>(List.of(FakeModel.END));
    Tokenizer tokenizer = fake.tokenizer();
    for (int token : tokenizer.encode("<|system|>\nS\n<|user|>\nHi\n<|assistant|>\n", false)) {
      prompt.add(token);
    }
    return prompt;
  }

  @Test
  void chatsWhereATemplateIsGiven() {
    start(options(Optional.empty(), 4, 100, Optional.of("tulu")));
    Answer answer = client.post("/v1/chat/completions", CONVERSATION + ", \"n\": 2}");
    List<Integer> expected = continuation(conversation(), 6);
    for (int i = 0; i < 2; i++) {
      JsonNode message = choice(answer, i).path("message");
      assertEquals("assistant", message.path("role").stringValue());
      assertEquals(text(expected), message.path("content").stringValue());
      JsonNode logprobs = choice(answer, i).path("logprobs").path("content");
      assertEquals(6, logprobs.size());
      assertEquals(2, logprobs.path(0).path("top_logprobs").size());
      assertEquals(
          fake.tokenizer().bytes(expected.getFirst())[0] & 0xFF,
          logprobs.path(0).path("bytes").path(0).intValue());
    }
    assertEquals("chat.completion", answer.json().path("object").stringValue());
    assertEquals(
        conversation().size(), answer.json().path("usage").path("prompt_tokens").intValue());
  }

  @Test
  void streamsAChatAsClientsExpectIt() {
    stop();
    fake =
        new FakeModel(CONTEXT)
            .with(
                "tokenizer.chat_template",
                """
                {{ bos_token }}
                {%- for message in messages -%}
                {%- if message['role'] == 'system' -%}
                {{- '<|system|>\\n' + message['content'] + '\\n' -}}
                {%- elif message['role'] == 'user' -%}
                {{- '<|user|>\\n' + message['content'] + '\\n' -}}
                {%- elif message['role'] == 'assistant' -%}
                {%- if not loop.last -%}
                {{- '<|assistant|>\\n' + message['content'] + eos_token + '\\n' -}}
                {%- else -%}
                {{- '<|assistant|>\\n' + message['content'] + eos_token -}}
                {%- endif -%}
                {%- endif -%}
                {%- if loop.last and add_generation_prompt -%}
                {{- '<|assistant|>\\n' -}}
                {%- endif -%}
                {%- endfor -%}\
                """);
    start(options(Optional.empty(), 4, 100, Optional.empty()));
    List<ObjectNode> events =
        client.post("/v1/chat/completions", CONVERSATION + ", \"stream\": true}").events();
    JsonNode first = events.getFirst().path("choices").path(0);
    assertEquals("assistant", first.path("delta").path("role").stringValue());
    JsonNode last = events.getLast().path("choices").path(0);
    assertTrue(last.path("delta").isEmpty());
    assertEquals("length", last.path("finish_reason").stringValue());
    String text =
        events.stream()
            .map(event -> event.path("choices").path(0).path("delta").path("content").asString(""))
            .collect(Collectors.joining());
    assertEquals(text(continuation(conversation(), 6)), text);
    assertEquals("chat.completion.chunk", events.getFirst().path("object").stringValue());
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "{} | 'messages' must be an array",
        "{\"messages\": []} | 'messages' must be an array",
        "{\"messages\": [5]} | must be an object",
        "{\"messages\": [{}]} | no 'role'",
        "{\"messages\": [{\"role\": \"tool\"}]} | the role 'tool'",
        "{\"messages\": [{\"role\": \"user\", \"content\": [{\"type\": \"image_url\"}]}]} | must be text",
        "{\"messages\": [{\"role\": \"user\"}], \"tools\": [{}]} | 'tools' is not supported",
        "{\"messages\": [{\"role\": \"user\"}], \"response_format\": {\"type\": \"json_object\"}} | plain text",
        "{\"messages\": [{\"role\": \"user\"}], \"top_logprobs\": 2} | needs 'logprobs'",
      })
  void wrongChatsGetASentence(String body, String sentence) {
    start(options(Optional.empty(), 4, 100, Optional.of("tulu")));
    Answer answer = client.post("/v1/chat/completions", body);
    assertEquals(400, answer.status(), answer.body());
    assertTrue(answer.error().contains(sentence), answer.error());
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

  private String raw(String request) throws IOException {
    try (Socket socket = new Socket("127.0.0.1", server.address().getPort())) {
      socket.getOutputStream().write(request.getBytes(StandardCharsets.ISO_8859_1));
      byte[] answer = new byte[4096];
      int count = socket.getInputStream().read(answer);
      return count < 0 ? "" : new String(answer, 0, count, StandardCharsets.ISO_8859_1);
    }
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

  @ParameterizedTest
  @ValueSource(
      strings = {
        "GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
        "PUT /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}",
        "POST /tokenize HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}",
        "\u00ff\u0001 / HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
        "POST /tokenize HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000000\r\n\r\n{}",
      })
  void aConnectionThatIsToBeClosedIsClosed(String request) throws IOException {
    try (Socket socket = new Socket("127.0.0.1", server.address().getPort())) {
      socket.setSoTimeout(10_000);
      socket.getOutputStream().write(request.getBytes(StandardCharsets.ISO_8859_1));
      String answer = new String(socket.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
      assertTrue(answer.matches("(?s)HTTP/1.1 [24].*Connection: close\r\n.*}"), answer);
    }
  }

  @Test
  void tooManyRequestsAreSentAwayForAWhile() throws InterruptedException {
    start(options(Optional.empty(), 1, 1, Optional.empty()));
    fake.executable().passMillis = 5;
    List<Thread> threads = new ArrayList<>();
    List<Answer> answers = java.util.Collections.synchronizedList(new ArrayList<>());
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

  private long metric(String name) {
    return client
        .get("/metrics")
        .body()
        .lines()
        .filter(line -> line.startsWith("espalier_" + name + " "))
        .mapToLong(line -> Long.parseLong(line.substring(line.indexOf(' ') + 1)))
        .findFirst()
        .orElseThrow();
  }

  private static void await(BooleanSupplier condition) {
    long end = System.nanoTime() + Duration.ofSeconds(20).toNanos();
    while (!condition.getAsBoolean()) {
      assertTrue(System.nanoTime() - end < 0, "waited too long");
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
    fake.executable().passMillis = 5;
    List<Answer> answers = java.util.Collections.synchronizedList(new ArrayList<>());
    Thread streaming =
        Thread.ofVirtual()
            .start(() ->
                answers.add(
                    client.post(
                        "/v1/completions",
                        Body.of("prompt", "Hello").put("stream", true).greedy(60).toString())));
    await(() -> metric("texts_active") == 1);
    assertTrue(server.stop(Duration.ofSeconds(20)));
    streaming.join();
    String text =
        answers.getFirst().events().stream()
            .map(event -> event.path("choices").path(0).path("text").asString(""))
            .collect(Collectors.joining());
    assertEquals(expected("Hello", 60), text);
  }

  @Test
  void whatIsCutOffSaysSo() throws InterruptedException {
    fake.executable().passMillis = 5;
    List<Answer> answers = java.util.Collections.synchronizedList(new ArrayList<>());
    Thread streaming =
        Thread.ofVirtual()
            .start(() ->
                answers.add(
                    client.post(
                        "/v1/completions",
                        Body.of("prompt", "Hello").put("stream", true).greedy(190).toString())));
    await(() -> metric("generated_tokens_total") > 3);
    assertFalse(server.stop(Duration.ofMillis(50)));
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

  /** A request in the making. */
  private record Body(ObjectNode object) {
    static Body of(String name, String value) {
      return new Body(org.espalier.server.http.Json.object().put(name, value));
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

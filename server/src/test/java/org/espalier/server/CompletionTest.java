package org.espalier.server;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.espalier.server.Client.Answer;
import org.espalier.server.model.FakeExecutable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/** Completions: what clients send, and what they get. */
class CompletionTest extends RunningServer {
  private static String quoted(int[] tokens) {
    return IntStream.of(tokens)
        .mapToObj(Integer::toString)
        .collect(Collectors.joining(",", "[", "]"));
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
    assertTrue(large.error().contains("the limit of 100,000 bytes"), large.body());
  }
}

package org.espalier.server;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.espalier.server.Client.Answer;
import org.espalier.server.http.Json;
import org.espalier.server.model.FakeExecutable;
import org.espalier.server.model.FakeModel;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * What lm-evaluation-harness sends through its model "local-completions", and how it reads the
 * answers: it takes the log-probabilities of a prompt from the end of the context on, without those
 * of what was generated, and calls a token greedy where none was likelier.
 */
class HarnessTest extends RunningServer {
  private static final List<List<Integer>> PROMPTS =
      List.of(List.of(1, 2, 3, 4, 5, 6, 7), List.of(9, 250, 9), List.of(72, 105, 33, 33));
  private static final int[] CONTEXTS = {4, 1, 2};

  /** A sum of log-probabilities, and whether each token was the likeliest. */
  private record Score(double sum, boolean greedy) {}

  /** As the client writes it; older ones ask for 0 tokens, newer ones for 1. */
  private static ObjectNode scoring(Object prompt, int length) {
    ObjectNode request = Json.object();
    request.put("model", "fake-model");
    request.putPOJO("prompt", prompt);
    request.put("temperature", 0).put("max_tokens", length).put("logprobs", 1);
    return request.put("seed", 1234).put("echo", true);
  }

  private Answer ask(ObjectNode request) {
    // Where no key is set the client sends an empty one.
    return client.post(
        "/v1/completions",
        request.toString(),
        "Authorization",
        "Bearer ",
        "Content-Type",
        "application/json");
  }

  private static Score read(JsonNode choice, int context, int length) {
    JsonNode values = choice.path("logprobs").path("token_logprobs");
    JsonNode tops = choice.path("logprobs").path("top_logprobs");
    double sum = 0;
    boolean greedy = true;
    for (int k = context; k < values.size() - length; k++) {
      sum += values.path(k).doubleValue();
      double greatest = Double.NEGATIVE_INFINITY;
      for (JsonNode top : tops.path(k)) {
        greatest = Math.max(greatest, top.doubleValue());
      }
      greedy &= values.path(k).doubleValue() == greatest;
    }
    return new Score(sum, greedy);
  }

  private static Score expected(List<Integer> prompt, int context) {
    double sum = 0;
    boolean greedy = true;
    for (int k = context; k < prompt.size(); k++) {
      float[] logits = FakeExecutable.logits(prompt.subList(0, k), FakeModel.VOCABULARY);
      double total = 0;
      float best = Float.NEGATIVE_INFINITY;
      for (float logit : logits) {
        total += Math.exp(logit);
        best = Math.max(best, logit);
      }
      sum += logits[prompt.get(k)] - Math.log(total);
      greedy &= logits[prompt.get(k)] == best;
    }
    return new Score(sum, greedy);
  }

  private static void assertScore(List<Integer> prompt, int context, JsonNode choice, int length) {
    JsonNode logprobs = choice.path("logprobs");
    for (String array : List.of("tokens", "token_logprobs", "top_logprobs", "text_offset")) {
      assertEquals(prompt.size() + length, logprobs.path(array).size(), array);
    }
    assertTrue(logprobs.path("token_logprobs").path(0).isNull());
    assertTrue(logprobs.path("top_logprobs").path(0).isNull());
    Score expected = expected(prompt, context);
    Score found = read(choice, context, length);
    assertEquals(expected.sum, found.sum, 1e-6);
    assertEquals(expected.greedy, found.greedy);
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 1})
  void batchesOfTokenIdsAreScored(int length) {
    Answer answer = ask(scoring(PROMPTS, length));
    for (int i = 0; i < PROMPTS.size(); i++) {
      assertEquals(i, choice(answer, i).path("index").intValue());
      assertScore(PROMPTS.get(i), CONTEXTS[i], choice(answer, i), length);
    }
  }

  /** With {@code num_concurrent}, and {@code batch_size} 1: still an array of arrays. */
  @Test
  void requestsAtTheSameTimeAreScored() throws Exception {
    try (ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
      List<Future<Answer>> answers = new ArrayList<>();
      for (int i = 0; i < 24; i++) {
        ObjectNode request = scoring(List.of(PROMPTS.get(i % PROMPTS.size())), 1);
        answers.add(threads.submit(() -> ask(request)));
      }
      for (int i = 0; i < answers.size(); i++) {
        int prompt = i % PROMPTS.size();
        assertScore(PROMPTS.get(prompt), CONTEXTS[prompt], choice(answers.get(i).get(), 0), 1);
      }
    }
  }

  /** With {@code tokenized_requests=False}. */
  @Test
  void textsAreScoredAsTheirTokensAre() {
    JsonNode text = choice(ask(scoring("Hi!!", 1)), 0).path("logprobs");
    JsonNode ids = choice(ask(scoring(List.of(tokens("Hi!!")), 1)), 0).path("logprobs");
    assertEquals(4 + 1, ids.path("tokens").size());
    assertEquals(ids, text);
  }

  /** The client leaves out the last value: it must be there whatever was generated. */
  @Test
  void anEndOfTextIsATokenLikeAnyOther() {
    List<Integer> prompt = promptBeforeAnEnd();
    Answer answer = ask(scoring(List.of(prompt), 1));
    assertScore(prompt, 1, choice(answer, 0), 1);
    assertEquals("stop", choice(answer, 0).path("finish_reason").stringValue());
    JsonNode tokens = choice(answer, 0).path("logprobs").path("tokens");
    assertEquals("<|endoftext|>", tokens.path(prompt.size()).stringValue());
  }

  private static List<Integer> promptBeforeAnEnd() {
    for (int first = 0; first < 256; first++) {
      for (int second = 0; second < 256; second++) {
        List<Integer> prompt = List.of(first, second);
        float[] logits = FakeExecutable.logits(prompt, FakeModel.VOCABULARY);
        boolean ends = true;
        for (int token = 0; token < FakeModel.END; token++) {
          ends &= logits[token] < logits[FakeModel.END];
        }
        if (ends) {
          return prompt;
        }
      }
    }
    throw new AssertionError("no text of two tokens ends");
  }

  /** Rolling log-likelihoods begin after a single token, the end of a text. */
  @Test
  void aTextIsScoredFromItsFirstTokenOn() {
    List<Integer> prompt = List.of(FakeModel.END, 72, 105);
    assertScore(prompt, 1, choice(ask(scoring(List.of(prompt), 1)), 0), 1);
  }

  @Test
  void generatesUntilAStopText() {
    String whole = expected("Hello", 60);
    String stop = whole.substring(10, 12);
    ObjectNode request = Json.object();
    request.putPOJO("prompt", List.of(tokens("Hello"), tokens("ab")));
    request.put("model", "fake-model").put("max_tokens", 60).put("temperature", 0);
    request.putArray("stop").add(stop).add("\n\nQuestion:").add("<|endoftext|>");
    request.put("seed", 1234);
    request.putObject("logit_bias").put(Integer.toString(FakeModel.END), -100);
    Answer answer = ask(request);
    assertEquals(
        whole.substring(0, whole.indexOf(stop)), choice(answer, 0).path("text").stringValue());
    assertEquals(1, choice(answer, 1).path("index").intValue());
  }

  /** It asks whether it may use the server's tokenizer, and takes its own where it may not. */
  @Test
  void hasNoTokenizerForClientsToCopy() {
    assertEquals(404, client.get("/tokenizer_info").status());
  }
}

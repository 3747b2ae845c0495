package org.espalier.server.openai;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.stream.IntStream;
import org.espalier.runtime.generation.GenerationOptions;
import org.espalier.runtime.tokenizer.Tokenizer;
import org.espalier.server.http.HttpFailure;
import org.espalier.server.scheduling.SequenceRequest;
import tools.jackson.databind.JsonNode;

/**
 * What {@code /v1/completions} is asked for.
 *
 * @param prompts token ids
 * @param perPrompt texts for each of them
 * @param echo whether the prompt is repeated before its continuation
 * @param logprobs how many likeliest tokens are named; empty: no probabilities
 * @param experts whether it is told which experts each token used
 */
record CompletionRequest(
    List<int[]> prompts,
    int perPrompt,
    boolean echo,
    OptionalInt logprobs,
    boolean experts,
    boolean stream,
    boolean includeUsage,
    GenerationOptions generation) {

  /** Texts of one request, and numbers in its answer, are bounded: both are kept in memory. */
  private static final int MOST_TEXTS = 512;

  private static final long MOST_NUMBERS = 4_000_000;

  /** As many alternatives as OpenAI's chat names; its completions name fewer. */
  static final int MOST_ALTERNATIVES = 20;

  /** What OpenAI's interface generates where a request does not say how much. */
  private static final int DEFAULT_LENGTH = 16;

  static CompletionRequest read(Fields fields, Tokenizer tokenizer) {
    fields.refuse("suffix", "the text between two others cannot be generated");
    int perPrompt = fields.integer("n", 1, MOST_TEXTS).orElse(1);
    int bestOf = fields.integer("best_of", 1, MOST_TEXTS).orElse(perPrompt);
    if (bestOf != perPrompt) {
      throw HttpFailure.badRequest("'best_of' is not supported: it must be absent or equal to 'n'");
    }
    int length = fields.integer("max_tokens", -1, Integer.MAX_VALUE).orElse(DEFAULT_LENGTH);
    boolean stream = fields.flag("stream");
    CompletionRequest request =
        new CompletionRequest(
            prompts(fields, tokenizer),
            perPrompt,
            fields.flag("echo"),
            fields.integer("logprobs", 0, MOST_ALTERNATIVES),
            fields.flag("experts"),
            stream,
            stream && includeUsage(fields),
            GenerationFields.read(fields, length));
    request.requireModesty();
    return request;
  }

  static boolean includeUsage(Fields fields) {
    return fields.object("stream_options").map(o -> o.flag("include_usage")).orElse(false);
  }

  private void requireModesty() {
    if ((long) prompts.size() * perPrompt > MOST_TEXTS) {
      throw HttpFailure.badRequest(
          "a request may ask for %d texts, not for %d prompts times 'n' = %d: send several"
              .formatted(MOST_TEXTS, prompts.size(), perPrompt));
    }
    long tokens = prompts.stream().mapToLong(prompt -> prompt.length).sum() * perPrompt;
    long numbers = scoresPrompt() ? tokens * (2 + logprobs.orElse(0)) : 0;
    if (numbers > MOST_NUMBERS) {
      throw HttpFailure.badRequest(
          "the answer would hold %,d probabilities, and the limit is %,d: send several requests"
              .formatted(numbers, MOST_NUMBERS));
    }
  }

  private static List<int[]> prompts(Fields fields, Tokenizer tokenizer) {
    JsonNode prompt =
        fields
            .node("prompt")
            .orElseThrow(() -> HttpFailure.badRequest("there is no 'prompt' to continue"));
    if (prompt.isString()) {
      return List.of(tokens(prompt.stringValue(), tokenizer));
    }
    if (!prompt.isArray() || prompt.isEmpty()) {
      throw HttpFailure.badRequest(
          "'prompt' must be a string, an array of strings, an array of token ids, or an array of"
              + " such arrays");
    }
    if (prompt.get(0).isNumber()) {
      return List.of(Fields.tokens("prompt", prompt));
    }
    if (prompt.size() > MOST_TEXTS) {
      throw HttpFailure.badRequest(
          "a request may have %d prompts, not %d: send several"
              .formatted(MOST_TEXTS, prompt.size()));
    }
    List<int[]> prompts = new ArrayList<>(prompt.size());
    for (JsonNode element : prompt) {
      prompts.add(
          switch (element) {
            case JsonNode text when text.isString() -> tokens(text.stringValue(), tokenizer);
            case JsonNode ids when ids.isArray() -> Fields.tokens("prompt", ids);
            default ->
                throw HttpFailure.badRequest(
                    "an array as 'prompt' must hold strings only, or arrays of token ids only");
          });
    }
    return prompts;
  }

  /** A text's tokens, after the one that begins a text where the model has such. */
  static int[] tokens(String text, Tokenizer tokenizer) {
    int[] tokens = tokenizer.encode(text, true);
    OptionalInt first = tokenizer.beginningOfText();
    return first.isEmpty() || (tokens.length > 0 && tokens[0] == first.getAsInt())
        ? tokens
        : IntStream.concat(first.stream(), IntStream.of(tokens)).toArray();
  }

  private boolean scoresPrompt() {
    return echo && logprobs.isPresent();
  }

  /** The texts to generate, those of one prompt after one another. */
  List<SequenceRequest> sequences() {
    List<SequenceRequest> sequences = new ArrayList<>();
    for (int[] prompt : prompts) {
      for (int i = 0; i < perPrompt; i++) {
        sequences.add(
            new SequenceRequest(
                prompt,
                GenerationFields.withSeed(generation, i),
                logprobs,
                scoresPrompt(),
                experts));
      }
    }
    return sequences;
  }

  /** What collects them. */
  List<Choice> choices(Tokenizer tokenizer) {
    List<Choice> choices = new ArrayList<>();
    for (int[] prompt : prompts) {
      Optional<int[]> echoed = echo ? Optional.of(prompt) : Optional.empty();
      for (int i = 0; i < perPrompt; i++) {
        choices.add(
            new CompletionChoice(
                choices.size(), tokenizer, echoed, scoresPrompt(), logprobs.isPresent(), experts));
      }
    }
    return choices;
  }
}

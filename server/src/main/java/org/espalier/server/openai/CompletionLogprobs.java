package org.espalier.server.openai;

import java.util.Optional;
import org.espalier.runtime.tokenizer.Tokenizer;
import org.espalier.runtime.tokenizer.Utf8Stream;
import org.espalier.server.http.Json;
import org.espalier.server.scheduling.TokenScore;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * The {@code logprobs} of a completion: parallel arrays of tokens, their log-probabilities, the
 * likeliest tokens in their places, and where in the text they begin.
 */
final class CompletionLogprobs {
  /** What stands for a probability of zero, which JSON cannot write as a logarithm. */
  static final double IMPOSSIBLE = -9999;

  private final Tokenizer tokenizer;
  private final Utf8Stream characters = new Utf8Stream();
  private int offset;
  private ObjectNode arrays = empty();

  CompletionLogprobs(Tokenizer tokenizer) {
    this.tokenizer = tokenizer;
  }

  private static ObjectNode empty() {
    ObjectNode arrays = Json.object();
    arrays.putArray("tokens");
    arrays.putArray("token_logprobs");
    arrays.putArray("top_logprobs");
    arrays.putArray("text_offset");
    return arrays;
  }

  /** The first token of a prompt, which nothing precedes. */
  void addFirst(int token) {
    add(token, Optional.empty());
  }

  /** A scored token. */
  void add(TokenScore score) {
    add(score.token(), Optional.of(score));
  }

  private void add(int token, Optional<TokenScore> score) {
    array("tokens").add(TokenNames.of(tokenizer, token));
    array("text_offset").add(offset);
    offset += characters.accept(tokenizer.bytes(token)).length();
    if (score.isEmpty()) {
      array("token_logprobs").addNull();
      array("top_logprobs").addNull();
      return;
    }
    array("token_logprobs").add(finite(score.get().logProbability()));
    ObjectNode top = array("top_logprobs").addObject();
    for (TokenScore.Alternative alternative : score.get().alternatives()) {
      // Two tokens may have the same text; the likelier one keeps it.
      top.putIfAbsent(
          TokenNames.of(tokenizer, alternative.token()),
          top.numberNode(finite(alternative.logProbability())));
    }
    top.putIfAbsent(
        TokenNames.of(tokenizer, token), top.numberNode(finite(score.get().logProbability())));
  }

  private ArrayNode array(String name) {
    return (ArrayNode) arrays.get(name);
  }

  static double finite(double logProbability) {
    return Math.max(IMPOSSIBLE, logProbability);
  }

  /** What was added since the last time. */
  ObjectNode take() {
    ObjectNode taken = arrays;
    arrays = empty();
    return taken;
  }
}

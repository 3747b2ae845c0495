package org.espalier.server.openai;

import org.espalier.runtime.tokenizer.Tokenizer;
import org.espalier.server.http.Json;
import org.espalier.server.scheduling.TokenScore;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/** The {@code logprobs} of a chat answer: a list of tokens, each with its alternatives. */
final class ChatLogprobs {
  private final Tokenizer tokenizer;
  private ArrayNode content = Json.array();

  ChatLogprobs(Tokenizer tokenizer) {
    this.tokenizer = tokenizer;
  }

  void add(TokenScore score) {
    ObjectNode entry = content.addObject();
    put(entry, score.token(), score.logProbability());
    ArrayNode top = entry.putArray("top_logprobs");
    for (TokenScore.Alternative alternative : score.alternatives()) {
      put(top.addObject(), alternative.token(), alternative.logProbability());
    }
  }

  private void put(ObjectNode target, int token, double logProbability) {
    target.put("token", TokenNames.of(tokenizer, token));
    target.put("logprob", CompletionLogprobs.finite(logProbability));
    ArrayNode bytes = target.putArray("bytes");
    for (byte value : tokenizer.bytes(token)) {
      bytes.add(value & 0xFF);
    }
  }

  /** What was added since the last time. */
  ObjectNode take() {
    ObjectNode taken = Json.object();
    taken.set("content", content);
    content = Json.array();
    return taken;
  }
}

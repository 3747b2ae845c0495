package org.espalier.server.openai;

import java.util.Optional;
import org.espalier.runtime.tokenizer.Tokenizer;
import org.espalier.server.http.Json;
import org.espalier.server.scheduling.Event;
import org.espalier.server.scheduling.TokenRouting;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/** A text that continues a prompt. */
final class CompletionChoice implements Choice {
  private final int index;
  private final Tokenizer tokenizer;
  private final Optional<CompletionLogprobs> logprobs;
  private final boolean routing;
  private final StringBuilder text = new StringBuilder();
  private Optional<String> finishReason = Optional.empty();
  private ArrayNode experts = Json.array();
  private boolean news;

  /**
   * A choice.
   *
   * @param echoed the prompt where it is to be repeated
   * @param scored whether the tokens of the prompt come with probabilities
   */
  CompletionChoice(
      int index,
      Tokenizer tokenizer,
      Optional<int[]> echoed,
      boolean scored,
      boolean logprobs,
      boolean routing) {
    this.index = index;
    this.tokenizer = tokenizer;
    this.logprobs = logprobs ? Optional.of(new CompletionLogprobs(tokenizer)) : Optional.empty();
    this.routing = routing;
    echoed.ifPresent(prompt -> {
      text.append(tokenizer.decode(prompt));
      news = true;
      if (scored) {
        this.logprobs.orElseThrow().addFirst(prompt[0]);
      }
    });
  }

  @Override
  public void accept(Event event) {
    news = true;
    switch (event) {
      case Event.Scored scored ->
          scored.scores().forEach(score -> logprobs.orElseThrow().add(score));
      case Event.Routed routed -> routed.tokens().forEach(this::addExperts);
      case Event.Drawn drawn -> {
        text.append(drawn.text());
        drawn.score().ifPresent(score -> logprobs.orElseThrow().add(score));
        news = !drawn.text().isEmpty() || drawn.score().isPresent() || !experts.isEmpty();
      }
      case Event.Ended ended -> {
        text.append(ended.rest());
        finishReason = Optional.of(Choice.finishReason(ended));
      }
      case Event.Failed _ -> throw new IllegalStateException("failures concern all choices");
    }
  }

  private void addExperts(TokenRouting routed) {
    ObjectNode entry = experts.addObject();
    entry.put("position", routed.position());
    entry.put("token", TokenNames.of(tokenizer, routed.token()));
    ArrayNode layers = entry.putArray("layers");
    for (TokenRouting.Layer layer : routed.layers()) {
      ObjectNode chosen = layers.addObject().put("layer", layer.layer());
      ArrayNode ids = chosen.putArray("experts");
      ArrayNode weights = chosen.putArray("weights");
      for (int i = 0; i < layer.experts().length; i++) {
        ids.add(layer.experts()[i]);
        weights.add(Math.round(layer.weights()[i] * 1e4) / 1e4);
      }
    }
  }

  @Override
  public boolean hasNews() {
    return news;
  }

  @Override
  public ObjectNode takeChunk() {
    ObjectNode choice = Json.object().put("index", index).put("text", text.toString());
    logprobs.ifPresentOrElse(
        arrays -> choice.set("logprobs", arrays.take()), () -> choice.putNull("logprobs"));
    finishReason.ifPresentOrElse(
        reason -> choice.put("finish_reason", reason), () -> choice.putNull("finish_reason"));
    if (routing) {
      choice.set("experts", experts);
      experts = Json.array();
    }
    text.setLength(0);
    news = false;
    return choice;
  }

  @Override
  public ObjectNode takeWhole() {
    return takeChunk();
  }
}

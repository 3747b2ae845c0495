package org.espalier.server.openai;

import java.util.Optional;
import org.espalier.runtime.tokenizer.Tokenizer;
import org.espalier.server.http.Json;
import org.espalier.server.scheduling.Event;
import tools.jackson.databind.node.ObjectNode;

/** An answer in a conversation. In a stream its first chunk names the role and its last the end. */
final class ChatChoice implements Choice {
  private final int index;
  private final Optional<ChatLogprobs> logprobs;
  private final StringBuilder text = new StringBuilder();
  private Optional<String> finishReason = Optional.empty();
  private boolean begun;
  private boolean news = true;

  ChatChoice(int index, Tokenizer tokenizer, boolean logprobs) {
    this.index = index;
    this.logprobs = logprobs ? Optional.of(new ChatLogprobs(tokenizer)) : Optional.empty();
  }

  @Override
  public void accept(Event event) {
    switch (event) {
      case Event.Drawn drawn -> {
        text.append(drawn.text());
        if (!drawn.ending()) {
          drawn.score().ifPresent(score -> logprobs.orElseThrow().add(score));
        }
        news |= !drawn.text().isEmpty() || drawn.score().isPresent();
      }
      case Event.Ended ended -> {
        text.append(ended.rest());
        finishReason = Optional.of(Choice.finishReason(ended));
        news = true;
      }
      case Event.Scored _, Event.Routed _, Event.Failed _ ->
          throw new IllegalStateException("a chat asks for none of these: " + event);
    }
  }

  @Override
  public boolean hasNews() {
    return news;
  }

  @Override
  public ObjectNode takeChunk() {
    ObjectNode choice = Json.object().put("index", index);
    ObjectNode delta = choice.putObject("delta");
    boolean last = begun && text.isEmpty() && finishReason.isPresent();
    if (!begun) {
      delta.put("role", "assistant").put("content", "");
    } else if (!last) {
      delta.put("content", text.toString());
      text.setLength(0);
    }
    if (begun && logprobs.isPresent()) {
      choice.set("logprobs", logprobs.get().take());
    } else {
      choice.putNull("logprobs");
    }
    if (last) {
      choice.put("finish_reason", finishReason.orElseThrow());
    } else {
      choice.putNull("finish_reason");
    }
    news = !last && (!text.isEmpty() || finishReason.isPresent());
    begun = true;
    return choice;
  }

  @Override
  public ObjectNode takeWhole() {
    ObjectNode choice = Json.object().put("index", index);
    choice.putObject("message").put("role", "assistant").put("content", text.toString());
    logprobs.ifPresentOrElse(
        list -> choice.set("logprobs", list.take()), () -> choice.putNull("logprobs"));
    return choice.put("finish_reason", finishReason.orElseThrow());
  }
}

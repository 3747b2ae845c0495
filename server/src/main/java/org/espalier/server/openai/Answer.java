package org.espalier.server.openai;

import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import org.espalier.runtime.generation.FinishReason;
import org.espalier.server.http.EventStream;
import org.espalier.server.http.Exchange;
import org.espalier.server.http.HttpFailure;
import org.espalier.server.http.Json;
import org.espalier.server.scheduling.Event;
import org.espalier.server.scheduling.Ticket;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/** Follows a submission and answers with what comes of it, at the end or as it comes. */
final class Answer {
  /** How soon it is noticed that nobody waits for the answer any more. */
  private static final Duration LOOK = Duration.ofMillis(200);

  private static final Duration SILENCE = Duration.ofSeconds(10);

  private final Header header;
  private final List<? extends Choice> choices;
  private final int choicesPerPrompt;
  private int open;
  private long promptTokens;
  private long reusedTokens;
  private long drawnTokens;

  /**
   * What an answer says of itself.
   *
   * @param object kind of a complete answer
   * @param chunk kind of a piece of one
   */
  record Header(String id, String object, String chunk, String model, long created) {
    static Header of(String id, String object, String chunk, String model) {
      return new Header(id, object, chunk, model, Instant.now().getEpochSecond());
    }

    ObjectNode envelope(boolean whole) {
      return Json.object()
          .put("id", id)
          .put("object", whole ? object : chunk)
          .put("created", created)
          .put("model", model);
    }
  }

  /**
   * An answer that consists of some texts.
   *
   * @param choicesPerPrompt how many neighbouring choices share a prompt
   */
  Answer(Header header, List<? extends Choice> choices, int choicesPerPrompt) {
    this.header = header;
    this.choices = choices;
    this.choicesPerPrompt = choicesPerPrompt;
    this.open = choices.size();
  }

  /** Waits for everything and sends it as one object. */
  void sendWhole(Exchange exchange, Ticket ticket) throws InterruptedException {
    exchange.watch();
    while (open > 0) {
      Optional<Event> event = ticket.next(LOOK);
      exchange.requireClient();
      event.ifPresent(this::accept);
    }
    ObjectNode answer = header.envelope(true);
    ArrayNode list = answer.putArray("choices");
    choices.forEach(choice -> list.add(choice.takeWhole()));
    answer.set("usage", usage());
    exchange.send(answer);
  }

  /**
   * Sends what comes as it comes. The answer begins with the first event, so that a refusal still
   * has a status of its own, or after a long silence.
   */
  void sendStream(Exchange exchange, Ticket ticket, boolean includeUsage)
      throws InterruptedException {
    exchange.watch();
    Optional<Event> first = Optional.empty();
    for (long silent = 0; first.isEmpty() && silent < SILENCE.toNanos(); silent += LOOK.toNanos()) {
      first = ticket.next(LOOK);
      exchange.requireClient();
    }
    first.ifPresent(this::accept);
    try (EventStream stream = exchange.stream()) {
      send(stream, includeUsage);
      try {
        follow(exchange, ticket, stream, includeUsage);
      } catch (RuntimeException failure) {
        // The status cannot be changed any more.
        stream.send(Json.error(HttpFailure.of(failure).orElseThrow(() -> failure)));
        return;
      }
      if (includeUsage) {
        ObjectNode last = header.envelope(false);
        last.putArray("choices");
        last.set("usage", usage());
        stream.send(last);
      }
      stream.sendDone();
    }
  }

  private void follow(Exchange exchange, Ticket ticket, EventStream stream, boolean includeUsage)
      throws InterruptedException {
    long silent = 0;
    while (open > 0) {
      Optional<Event> event = ticket.next(LOOK);
      exchange.requireClient();
      if (event.isPresent()) {
        silent = 0;
        accept(event.get());
        send(stream, includeUsage);
      } else {
        silent += LOOK.toNanos();
        if (silent >= SILENCE.toNanos()) {
          silent = 0;
          stream.sendSignOfLife();
        }
      }
    }
  }

  private void send(EventStream stream, boolean includeUsage) {
    for (Choice choice : choices) {
      while (choice.hasNews()) {
        ObjectNode chunk = header.envelope(false);
        chunk.putArray("choices").add(choice.takeChunk());
        if (includeUsage) {
          chunk.putNull("usage");
        }
        stream.send(chunk);
      }
    }
  }

  private void accept(Event event) {
    switch (event) {
      case Event.Failed(RuntimeException failure) -> throw failure;
      case Event.Scored scored -> choices.get(scored.choice()).accept(event);
      case Event.Routed routed -> choices.get(routed.choice()).accept(event);
      case Event.Drawn drawn -> choices.get(drawn.choice()).accept(event);
      case Event.Ended ended -> {
        if (ended.reason() == FinishReason.CANCELLED) {
          throw HttpFailure.of(503, "the server is stopping");
        }
        open--;
        count(ended);
        choices.get(ended.choice()).accept(event);
      }
    }
  }

  private void count(Event.Ended ended) {
    if (ended.choice() % choicesPerPrompt == 0) {
      promptTokens += ended.promptTokens();
      reusedTokens += ended.reusedTokens();
    }
    drawnTokens += ended.drawnTokens();
  }

  private ObjectNode usage() {
    ObjectNode usage =
        Json.object()
            .put("prompt_tokens", promptTokens)
            .put("completion_tokens", drawnTokens)
            .put("total_tokens", promptTokens + drawnTokens);
    usage.putObject("prompt_tokens_details").put("cached_tokens", reusedTokens);
    return usage;
  }
}

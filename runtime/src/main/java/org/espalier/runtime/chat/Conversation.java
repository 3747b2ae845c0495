package org.espalier.runtime.chat;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.function.Consumer;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.espalier.api.backend.Session;
import org.espalier.runtime.Model;
import org.espalier.runtime.chat.ChatMessage.Author;
import org.espalier.runtime.generation.FinishReason;
import org.espalier.runtime.generation.GenerationListener;
import org.espalier.runtime.generation.GenerationOptions;
import org.espalier.runtime.generation.GenerationResult;
import org.espalier.runtime.generation.Generator;
import org.espalier.runtime.tokenizer.Tokenizer;

/**
 * A conversation with a model. What was said stays in the session, so that a turn costs only its
 * own tokens. Where the context becomes too short, the oldest questions and their answers are
 * forgotten. Not for several threads at once.
 */
public final class Conversation implements AutoCloseable {
  private final Tokenizer tokenizer;
  private final Session session;
  private final Generator generator;
  private final ChatForm form;
  private final Consumer<String> notices;
  private List<ChatMessage> messages;
  private final Optional<ChatMessage> system;

  /** What the session has seen, by position. */
  private int[] seen = {};

  /**
   * Begins a conversation.
   *
   * @param system sets the scene; stays when anything else is forgotten
   * @param contextLength positions; 0 means the model's own
   * @param notices receives a sentence when something is forgotten
   */
  public Conversation(
      Model model,
      ChatForm form,
      Optional<String> system,
      int contextLength,
      Consumer<String> notices) {
    this(
        model.tokenizer(),
        model.newSession(contextLength),
        model.plan().vocabulary(),
        model.batch(),
        form,
        system,
        notices);
  }

  Conversation(
      Tokenizer tokenizer,
      Session session,
      int vocabulary,
      int batch,
      ChatForm form,
      Optional<String> system,
      Consumer<String> notices) {
    this.tokenizer = tokenizer;
    this.session = session;
    this.generator = new Generator(session, tokenizer, vocabulary, batch);
    this.form = form;
    this.notices = notices;
    this.system = system.map(ChatMessage::system);
    this.messages = this.system.stream().toList();
  }

  /**
   * Says something and lets the model answer. When that fails, or is cancelled before the answer
   * has begun, the conversation is as before.
   *
   * @param options for the answer; the form's own stop texts are added
   * @throws org.espalier.api.EspalierException.InvalidRequest when the message alone does not fit
   *     the context
   */
  public GenerationResult say(
      String message, GenerationOptions options, GenerationListener listener) {
    List<ChatMessage> asked = fitting(with(messages, ChatMessage.user(message)));
    int[] tokens = form.encode(tokenizer, asked);
    int known = rewind(tokens);
    boolean done = false;
    try {
      GenerationResult result =
          generator.generate(
              Arrays.copyOfRange(tokens, known, tokens.length), withStops(options), listener);
      remember(tokens, result);
      done = true;
      if (!(result.reason() == FinishReason.CANCELLED && result.tokens().isEmpty())) {
        messages = with(asked, ChatMessage.assistant(result.text()));
      }
      return result;
    } finally {
      if (!done) {
        session.truncate(Math.min(known, session.position()));
        seen = Arrays.copyOf(seen, Math.min(known, seen.length));
      }
    }
  }

  /** Forgets everything that was said, but not the scene. */
  public void reset() {
    messages = system.stream().toList();
  }

  /** What was said, in order. */
  public List<ChatMessage> messages() {
    return messages;
  }

  /** Without the oldest turns, if an answer would find less than a quarter of the context. */
  private List<ChatMessage> fitting(List<ChatMessage> all) {
    int room = session.contextLength() - session.contextLength() / 4;
    List<ChatMessage> kept = all;
    while (form.encode(tokenizer, kept).length > room && withoutOldest(kept).isPresent()) {
      kept = withoutOldest(kept).get();
    }
    if (kept.size() < all.size()) {
      notices.accept(
          "the conversation is too long for the context of %d tokens: its oldest %d messages are forgotten"
              .formatted(session.contextLength(), all.size() - kept.size()));
    }
    return kept;
  }

  /** Without the first question and its answer, if it is not the last question. */
  private static Optional<List<ChatMessage>> withoutOldest(List<ChatMessage> all) {
    int first = all.getFirst().author() == Author.SYSTEM ? 1 : 0;
    return all.size() - first < 3
        ? Optional.empty()
        : Optional.of(
            Stream.concat(all.stream().limit(first), all.stream().skip(first + 2L)).toList());
  }

  private static List<ChatMessage> with(List<ChatMessage> some, ChatMessage more) {
    List<ChatMessage> all = new ArrayList<>(some);
    all.add(more);
    return List.copyOf(all);
  }

  /** Takes the session back to where these tokens depart from it; at least one is left to say. */
  private int rewind(int[] tokens) {
    int same = Arrays.mismatch(seen, tokens);
    int known = same < 0 ? tokens.length : same;
    known = Math.min(Math.min(known, tokens.length - 1), session.position());
    session.truncate(known);
    seen = Arrays.copyOf(seen, known);
    return known;
  }

  private void remember(int[] tokens, GenerationResult result) {
    seen =
        IntStream.concat(IntStream.of(tokens), result.tokens().stream().mapToInt(Integer::intValue))
            .limit(session.position())
            .toArray();
  }

  private GenerationOptions withStops(GenerationOptions options) {
    return options.withStop(
        Stream.concat(options.stop().stream(), form.stops().stream())
            .distinct()
            .toArray(String[]::new));
  }

  @Override
  public void close() {
    session.close();
  }
}

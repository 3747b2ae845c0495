package org.espalier;

import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.Stream;
import org.espalier.api.EspalierException.InvalidRequest;
import org.espalier.api.backend.Session;
import org.espalier.api.format.Metadata;
import org.espalier.runtime.Model;
import org.espalier.runtime.chat.ChatForm;
import org.espalier.runtime.chat.ChatMessage;
import org.espalier.runtime.chat.Conversation;
import org.espalier.runtime.generation.GenerationOptions;
import org.espalier.runtime.generation.Generator;
import org.espalier.runtime.tokenizer.Tokenizer;

/**
 * An open model. Safe for use by many threads; closing it cancels what is still being generated.
 */
public final class LanguageModel implements AutoCloseable {
  private final Model model;
  private final List<String> notices;
  private final Set<Generation> running = ConcurrentHashMap.newKeySet();
  private final Set<Chat> chats = ConcurrentHashMap.newKeySet();
  private boolean closed;

  LanguageModel(Model model, List<String> notices) {
    this.model = model;
    this.notices = notices;
  }

  /**
   * Continues a text until the model ends it or its context is full.
   *
   * @return a generation that has begun; its pieces can be read as they come
   * @throws InvalidRequest when the text has no tokens or too many
   */
  public Generation generate(String prompt) {
    return generate(prompt, GenerationOptions.DEFAULT);
  }

  /**
   * Continues a text.
   *
   * @return a generation that has begun
   * @throws InvalidRequest when the model is closed
   */
  public Generation generate(String prompt, GenerationOptions options) {
    return generate(tokenizer().encodePrompt(prompt), options);
  }

  /**
   * Answers the last message of a conversation that the caller keeps, in the form that the file's
   * chat template asks for. {@link #chat} is faster where the same conversation goes on.
   *
   * @param options the form's own stop texts are added
   * @throws org.espalier.api.EspalierException.Unsupported as {@link #chat}
   */
  public Generation answer(List<ChatMessage> messages, GenerationOptions options) {
    ChatForm form = ChatForm.of(metadata());
    Stream<String> stops = Stream.concat(options.stop().stream(), form.stops().stream());
    return generate(
        form.encode(tokenizer(), messages), options.withStop(stops.toArray(String[]::new)));
  }

  private Generation generate(int[] tokens, GenerationOptions options) {
    return begin(listener -> {
      try (Session session = model.newSession(0)) {
        return new Generator(session, tokenizer(), model.plan().vocabulary(), model.batch())
            .generate(tokens, options, listener);
      }
    });
  }

  /**
   * Begins a conversation, in the form that the file's chat template asks for.
   *
   * @param system sets the scene; may be empty
   * @throws org.espalier.api.EspalierException.Unsupported when the file has no chat template, as
   *     those of base models, or one that is not known
   */
  public Chat chat(String system) {
    ChatForm form = ChatForm.of(metadata());
    Optional<String> scene = system.isEmpty() ? Optional.empty() : Optional.of(system);
    Chat chat = new Chat(this, new Conversation(model, form, scene, 0, notices::add));
    chats.add(chat);
    return chat;
  }

  void ended(Chat chat) {
    chats.remove(chat);
  }

  /** Under one lock with closing, so that nothing begins that no one would end. */
  synchronized Generation begin(Generation.Work work) {
    if (closed) {
      throw new InvalidRequest("the model is closed");
    }
    Generation generation = new Generation(work, running::remove);
    running.add(generation);
    generation.begin();
    return generation;
  }

  /** The continuation of a text, when all of it is there. */
  public String complete(String prompt, GenerationOptions options) {
    try (Generation generation = generate(prompt, options)) {
      return generation.result().text();
    }
  }

  /** The ids of a text; names of control tokens in it become those tokens. */
  public int[] tokenize(String text) {
    return tokenizer().encode(text, true);
  }

  /** The text of some ids. */
  public String detokenize(int... tokens) {
    return tokenizer().decode(tokens);
  }

  private Tokenizer tokenizer() {
    return model.tokenizer();
  }

  /** How many tokens prompt and continuation may have together. */
  public int contextLength() {
    return model.plan().contextLength();
  }

  /** The key–value part of the file. */
  public Metadata metadata() {
    return model.metadata();
  }

  /** What runs it, in words: {@code "cpu: AVX-512, 4 threads"}. */
  public String device() {
    return model.backend() + ": " + model.device();
  }

  /** Sentences that a user should read once: what the file leaves open and how it is read. */
  public List<String> notices() {
    return List.copyOf(notices);
  }

  /** Cancels what is being generated, waits for its end, and releases all memory. */
  @Override
  public void close() {
    synchronized (this) {
      closed = true;
    }
    running.forEach(Generation::close);
    chats.forEach(Chat::close);
    model.close();
  }
}

package org.espalier;

import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.espalier.api.EspalierException.InvalidRequest;
import org.espalier.api.format.Metadata;
import org.espalier.runtime.Model;
import org.espalier.runtime.generation.GenerationOptions;
import org.espalier.runtime.tokenizer.Tokenizer;

/**
 * An open model. Safe for use by many threads; closing it cancels what is still being generated.
 */
public final class LanguageModel implements AutoCloseable {
  private final Model model;
  private final List<String> notices;
  private final Set<Generation> running = ConcurrentHashMap.newKeySet();
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
    int[] tokens = tokenizer().encode(prompt, true);
    Generation generation = new Generation(model, tokens, options, running::remove);
    begin(generation);
    return generation;
  }

  /** Under one lock with closing, so that nothing begins that no one would end. */
  private synchronized void begin(Generation generation) {
    if (closed) {
      throw new InvalidRequest("the model is closed");
    }
    running.add(generation);
    generation.begin();
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
    model.close();
  }
}

package org.espalier.runtime.generation;

import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;
import org.espalier.api.EspalierException.InvalidRequest;
import org.espalier.api.backend.Activations.Tokens;
import org.espalier.api.backend.Rows;
import org.espalier.api.backend.Session;
import org.espalier.runtime.event.PromptBatch;
import org.espalier.runtime.event.TokenDrawn;
import org.espalier.runtime.sampling.Sampler;
import org.espalier.runtime.sampling.SamplingOptions;
import org.espalier.runtime.tokenizer.Tokenizer;

/**
 * Runs the loop: prompt in batches, then token by token.
 *
 * <p>A generator follows one session and remembers which tokens it has put there, so that in a
 * conversation of several calls penalties see the earlier turns too. The last token that a call
 * draws is not yet part of the session: a call that continues the text begins its prompt with it.
 */
public final class Generator {
  /** Positions that a prompt must leave free, as in llama.cpp's tools. */
  private static final int RESERVED = 4;

  private final Session session;
  private final TokenTexts texts;
  private final int vocabulary;
  private final int batch;
  private final int[] single = new int[1];
  private final Tokens next = new Tokens(single);
  private final float[] logits;

  /** Tokens by position, as far as this generator has put them there. */
  private int[] history = {};

  private int remembered;

  /**
   * A generator over one session.
   *
   * @param batch most prompt tokens per forward pass
   * @param vocabulary values per row of logits
   */
  public Generator(Session session, Tokenizer tokenizer, int vocabulary, int batch) {
    this(session, TokenTexts.of(tokenizer), vocabulary, batch);
  }

  Generator(Session session, TokenTexts texts, int vocabulary, int batch) {
    if (batch < 1) {
      throw new InvalidRequest("a batch must hold at least 1 token: " + batch);
    }
    this.session = session;
    this.texts = texts;
    this.vocabulary = vocabulary;
    this.batch = batch;
    this.logits = new float[vocabulary];
  }

  /**
   * Appends the prompt to the session and generates. An empty prompt stands for the token that
   * begins a text, where the model has one.
   *
   * @throws org.espalier.api.EspalierException.InvalidRequest when the prompt is empty or longer
   *     than the context less 4 tokens
   */
  public GenerationResult generate(
      int[] prompt, GenerationOptions options, GenerationListener listener) {
    int[] tokens = prompt.length == 0 ? beginning() : prompt;
    requireRoom(tokens.length);
    requireKnown(tokens);
    Sampler sampler = new Sampler(sampling(options), options.seed(), session.contextLength());
    Generation generation =
        new Generation(
            sampler, new TextStream(texts, new StopTexts(options.stop())), options, listener);
    recall(sampler);
    return generation.run(tokens);
  }

  private int[] beginning() {
    int token =
        texts
            .beginningOfText()
            .orElseThrow(() ->
                new InvalidRequest(
                    "the prompt is empty, and this model has no token that begins a text: give"
                        + " at least one word"));
    return new int[] {token};
  }

  private void requireRoom(int tokens) {
    int context = session.contextLength();
    int taken = session.position();
    if (tokens > context - RESERVED - taken) {
      throw new InvalidRequest(
          "the prompt has %d tokens, but the context of %d has room for %d%s: shorten the prompt"
              .concat(" or open a longer context")
              .formatted(
                  tokens,
                  context,
                  Math.max(0, context - RESERVED - taken),
                  taken == 0 ? "" : " after the %d before it".formatted(taken)));
    }
  }

  private void requireKnown(int[] tokens) {
    for (int token : tokens) {
      if (token < 0 || token >= vocabulary) {
        throw new InvalidRequest(
            "the prompt has token %d, but this model's tokens go from 0 to %d"
                .formatted(token, vocabulary - 1));
      }
    }
  }

  private SamplingOptions sampling(GenerationOptions options) {
    return options.ignoreEndOfText()
        ? options
            .sampling()
            .forbidding(IntStream.range(0, drawable()).filter(texts::endsGeneration).toArray())
        : options.sampling();
  }

  /** Rows of padding after the last token of the tokenizer mean nothing and are never drawn. */
  private int drawable() {
    return Math.min(vocabulary, texts.size());
  }

  /** Shows the sampler what is in the session already. */
  private void recall(Sampler sampler) {
    remembered = Math.min(remembered, session.position());
    for (int i = 0; i < remembered; i++) {
      sampler.accept(history[i]);
    }
  }

  private void remember(int[] tokens) {
    if (history.length < remembered + tokens.length) {
      history = Arrays.copyOf(history, Math.max(remembered + tokens.length, 2 * history.length));
    }
    System.arraycopy(tokens, 0, history, remembered, tokens.length);
    remembered += tokens.length;
  }

  /** One call: what it has drawn so far and how long it took. */
  private final class Generation {
    private final Sampler sampler;
    private final TextStream text;
    private final GenerationOptions options;
    private final GenerationListener listener;
    private int[] drawn = new int[16];
    private int drawnCount;
    private int promptTokens;
    private long promptNanos;
    private int evaluations;
    private long evaluationNanos;

    Generation(
        Sampler sampler, TextStream text, GenerationOptions options, GenerationListener listener) {
      this.sampler = sampler;
      this.text = text;
      this.options = options;
      this.listener = listener;
    }

    GenerationResult run(int[] prompt) {
      FinishReason reason = readPrompt(prompt) ? drawTokens() : FinishReason.CANCELLED;
      if (reason != FinishReason.STOP_TEXT) {
        String rest = text.finish();
        if (!rest.isEmpty()) {
          listener.flush(rest);
        }
      }
      List<Integer> tokens = Arrays.stream(drawn, 0, drawnCount).boxed().toList();
      return new GenerationResult(
          tokens, text.text(), reason, promptTokens, promptNanos, evaluations, evaluationNanos);
    }

    /** Only the last position of the prompt passes through the head. */
    private boolean readPrompt(int[] prompt) {
      for (int from = 0; from < prompt.length; from += batch) {
        if (listener.cancelled()) {
          return false;
        }
        PromptBatch event = new PromptBatch();
        event.begin();
        long start = System.nanoTime();
        int to = Math.min(prompt.length, from + batch);
        int[] piece = Arrays.copyOfRange(prompt, from, to);
        boolean last = to == prompt.length;
        Rows rows = session.forward(new Tokens(piece), last ? 1 : 0);
        if (last) {
          rows.read(0, logits, 0);
        }
        promptNanos += System.nanoTime() - start;
        if (event.shouldCommit()) {
          event.tokens = piece.length;
          event.position = session.position() - piece.length;
          event.commit();
        }
        promptTokens = to;
        remember(piece);
        for (int token : piece) {
          sampler.accept(token);
        }
        listener.prompt(to, prompt.length);
      }
      return true;
    }

    private FinishReason drawTokens() {
      if (options.maximumTokens() == 0) {
        return FinishReason.LENGTH;
      }
      TokenDrawn event = new TokenDrawn();
      event.begin();
      int token = draw(event);
      Optional<FinishReason> end = take(token);
      while (end.isEmpty()) {
        token = advance(token);
        end = take(token);
      }
      return end.get();
    }

    /** Puts a drawn token into the session and draws the one after it. */
    private int advance(int token) {
      TokenDrawn event = new TokenDrawn();
      event.begin();
      long start = System.nanoTime();
      single[0] = token;
      session.forward(next, 1).read(0, logits, 0);
      remember(single);
      evaluations++;
      evaluationNanos += System.nanoTime() - start;
      return draw(event);
    }

    private int draw(TokenDrawn event) {
      long start = System.nanoTime();
      int token = sampler.sample(logits, 0, drawable());
      long nanos = System.nanoTime() - start;
      evaluationNanos += nanos;
      listener.sampled(nanos);
      if (event.shouldCommit()) {
        event.token = token;
        event.position = session.position();
        event.sampling = nanos;
        event.commit();
      }
      return token;
    }

    /** Notes a drawn token, and says why it is the last if it is. */
    private Optional<FinishReason> take(int token) {
      if (drawnCount == drawn.length) {
        drawn = Arrays.copyOf(drawn, 2 * drawnCount);
      }
      drawn[drawnCount++] = token;
      sampler.accept(token);
      if (texts.endsGeneration(token)) {
        listener.token(token, "");
        return Optional.of(FinishReason.END_OF_TEXT);
      }
      listener.token(token, text.accept(token));
      if (text.stopped()) {
        return Optional.of(FinishReason.STOP_TEXT);
      }
      if (drawnCount == options.maximumTokens()) {
        return Optional.of(FinishReason.LENGTH);
      }
      if (session.position() >= session.contextLength()) {
        return Optional.of(FinishReason.CONTEXT_FULL);
      }
      return listener.cancelled() ? Optional.of(FinishReason.CANCELLED) : Optional.empty();
    }
  }
}

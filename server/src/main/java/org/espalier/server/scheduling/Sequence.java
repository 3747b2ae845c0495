package org.espalier.server.scheduling;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.stream.IntStream;
import org.espalier.api.backend.Activations.Tokens;
import org.espalier.api.backend.Rows;
import org.espalier.api.backend.Session;
import org.espalier.api.backend.Step;
import org.espalier.runtime.event.PromptBatch;
import org.espalier.runtime.event.TokenDrawn;
import org.espalier.runtime.generation.FinishReason;
import org.espalier.runtime.generation.GenerationOptions;
import org.espalier.runtime.generation.TextStream;
import org.espalier.runtime.sampling.Sampler;
import org.espalier.runtime.sampling.SamplingOptions;

/** One text on its way: first its prompt goes in, then token by token what was drawn. */
final class Sequence {
  private final ServedModel model;
  private final Ticket ticket;
  private final int choice;
  private final SequenceRequest request;
  private final Session session;
  private int reused;
  private final Sampler sampler;
  private final TextStream text;
  private final long begun = System.nanoTime();

  /** Tokens by position; beyond the session's position stand those that have yet to go in. */
  private int[] tokens;

  private int known;
  private int drawn;

  /** What Flight Recorder is told of the step under way. */
  private PromptBatch reading = new PromptBatch();

  private TokenDrawn drawing = new TokenDrawn();
  private Optional<FinishReason> end = Optional.empty();

  /**
   * Begins a text.
   *
   * @param session that holds nothing, or tokens with which the prompt begins
   */
  Sequence(ServedModel model, Ticket ticket, int choice, SequenceRequest request, Session session) {
    this.model = model;
    this.ticket = ticket;
    this.choice = choice;
    this.request = request;
    this.session = session;
    this.reused = session.position();
    GenerationOptions generation = request.generation();
    this.sampler = new Sampler(sampling(generation), generation.seed(), model.contextLength());
    this.text = new TextStream(model.tokenizer(), generation.stop());
    this.tokens = request.prompt().clone();
    this.known = tokens.length;
    for (int token : tokens) {
      sampler.accept(token);
    }
  }

  private SamplingOptions sampling(GenerationOptions generation) {
    return generation.ignoreEndOfText()
        ? generation
            .sampling()
            .forbidding(
                IntStream.range(0, model.drawable())
                    .filter(model.tokenizer()::endsGeneration)
                    .toArray())
        : generation.sampling();
  }

  Ticket ticket() {
    return ticket;
  }

  Session session() {
    return session;
  }

  /** Tokens by position of the session, and perhaps more. */
  int[] tokens() {
    return tokens;
  }

  int[] prompt() {
    return request.prompt();
  }

  /** Positions of the prompt that need not be read where another session has them. */
  int reusable() {
    return request.reusable();
  }

  /** How many reusable positions another text begins with. */
  int common(int[] other) {
    int end = Math.min(reusable(), other.length);
    int mismatch = Arrays.mismatch(request.prompt(), 0, end, other, 0, end);
    return mismatch < 0 ? end : mismatch;
  }

  /**
   * Takes a beginning over from another session, if the backend can.
   *
   * @return whether it can
   */
  boolean copyFrom(Session other, int positions) {
    boolean copied = session.copyFrom(other, positions);
    reused = session.position();
    return copied;
  }

  /** Positions that it has or may yet take. */
  int positions() {
    return request.positions(model.contextLength());
  }

  boolean wantsRouting() {
    return request.routing();
  }

  /** Tokens that have yet to go in. */
  int pending() {
    return known - session.position();
  }

  /** Whether its prompt is still going in. */
  boolean isReading() {
    return session.position() < request.prompt().length;
  }

  /** Whether every row of a step goes through the head, which takes memory. */
  boolean isScoring() {
    return request.scorePrompt() && isReading();
  }

  boolean hasEnded() {
    return end.isPresent();
  }

  /** Its share of a pass: so many of the pending tokens. */
  Step step(int rows) {
    int from = session.position();
    beginEvent();
    Tokens input = new Tokens(Arrays.copyOfRange(tokens, from, from + rows));
    return new Step(session, input, wanted(rows));
  }

  private void beginEvent() {
    if (isReading()) {
      reading = new PromptBatch();
      reading.begin();
    } else {
      drawing = new TokenDrawn();
      drawing.begin();
    }
  }

  private void endReading(int from, int rows) {
    if (reading.shouldCommit()) {
      reading.tokens = rows;
      reading.position = from;
      reading.commit();
    }
    drawing = new TokenDrawn();
    drawing.begin();
  }

  private void endDrawing(int token, long nanos) {
    if (drawing.shouldCommit()) {
      drawing.token = token;
      drawing.position = session.position();
      drawing.sampling = nanos;
      drawing.commit();
    }
  }

  private int wanted(int rows) {
    if (isScoring()) {
      return rows;
    }
    return rows == pending() && request.generation().maximumTokens() != 0 ? 1 : 0;
  }

  /**
   * Takes the results of a step, when the session has moved on already.
   *
   * @param row of the pass where the step's rows begin
   */
  void take(int rows, Rows results, float[] logits, RoutingRecorder routing, int row) {
    int from = session.position() - rows;
    if (from < request.prompt().length) {
      endReading(from, rows);
    }
    if (request.routing()) {
      tellRouting(from, rows, routing, row);
    }
    if (request.scorePrompt() && from < request.prompt().length) {
      tellScores(from, results, logits);
    }
    if (pending() > 0) {
      return;
    }
    if (request.generation().maximumTokens() == 0) {
      end(FinishReason.LENGTH);
      return;
    }
    results.read(results.count() - 1, logits, 0);
    draw(logits);
  }

  private void tellRouting(int from, int rows, RoutingRecorder routing, int row) {
    List<TokenRouting> routed = new ArrayList<>(rows);
    for (int i = 0; i < rows; i++) {
      routed.add(new TokenRouting(from + i, tokens[from + i], routing.layers(row + i)));
    }
    ticket.tell(new Event.Routed(choice, routed));
  }

  /** The row of a position tells of the token after it. */
  private void tellScores(int from, Rows results, float[] logits) {
    List<TokenScore> scores = new ArrayList<>(results.count());
    int last = request.prompt().length - 1;
    for (int i = 0; i < results.count() && from + i < last; i++) {
      results.read(i, logits, 0);
      scores.add(score(logits, tokens[from + i + 1]));
    }
    if (!scores.isEmpty()) {
      ticket.tell(new Event.Scored(choice, scores));
    }
  }

  private TokenScore score(float[] logits, int token) {
    OptionalInt alternatives = request.alternatives();
    return Scorer.score(logits, model.vocabulary(), token, alternatives.orElse(0));
  }

  private void draw(float[] logits) {
    long start = System.nanoTime();
    int token = sampler.sample(logits, 0, model.drawable());
    endDrawing(token, System.nanoTime() - start);
    sampler.accept(token);
    drawn++;
    Optional<TokenScore> score =
        request.alternatives().isPresent() ? Optional.of(score(logits, token)) : Optional.empty();
    boolean ending = model.tokenizer().endsGeneration(token);
    ticket.tell(new Event.Drawn(choice, token, ending ? "" : text.accept(token), ending, score));
    if (ending) {
      end(FinishReason.END_OF_TEXT);
    } else if (text.stopped()) {
      end(FinishReason.STOP_TEXT);
    } else if (drawn == request.generation().maximumTokens()) {
      end(FinishReason.LENGTH);
    } else if (session.position() >= session.contextLength()) {
      end(FinishReason.CONTEXT_FULL);
    } else {
      append(token);
    }
  }

  private void append(int token) {
    if (known == tokens.length) {
      tokens = Arrays.copyOf(tokens, Math.max(16, 2 * known));
    }
    tokens[known++] = token;
  }

  /** Ends the text, for a reason of its own or of others. */
  void end(FinishReason reason) {
    if (hasEnded()) {
      return;
    }
    end = Optional.of(reason);
    String rest = reason == FinishReason.STOP_TEXT ? "" : text.finish();
    ticket.tell(new Event.Ended(choice, reason, rest, request.prompt().length, reused, drawn));
  }

  /** Ends without a word: its ticket tells why. */
  void abandon() {
    end = Optional.of(FinishReason.CANCELLED);
  }

  long begun() {
    return begun;
  }

  int drawn() {
    return drawn;
  }

  int promptLength() {
    return request.prompt().length;
  }

  /** Why it ended. */
  Optional<FinishReason> reason() {
    return end;
  }

  int reused() {
    return reused;
  }
}

package org.espalier.runtime.evaluation;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.OptionalInt;
import org.espalier.api.EspalierException.InvalidRequest;
import org.espalier.api.backend.Session;
import org.espalier.runtime.Model;
import org.espalier.runtime.evaluation.pass.LogSoftmax;
import org.espalier.runtime.evaluation.pass.Passes;
import org.espalier.runtime.evaluation.pass.Sessions;
import org.espalier.runtime.evaluation.pass.Stretch;

/** Measures how surprised a model is by a text. */
public final class Perplexity {
  private Perplexity() {}

  /**
   * Measures. Windows that are shorter than a pass go through the model several at a time.
   *
   * @param tokens of the text, as the protocol wants them encoded
   * @param progress is told the perplexity after every window
   * @throws InvalidRequest when there are too few tokens
   */
  public static PerplexityResult measure(
      Model model, int[] tokens, PerplexityOptions options, Progress progress) {
    int window = options.window();
    int fewest = options.protocol().fewestTokens(window);
    if (tokens.length < fewest) {
      throw new InvalidRequest(
          "the text has %d tokens; windows of %d need at least %d: choose shorter windows or a longer text"
              .formatted(tokens.length, window, fewest));
    }
    int windows = tokens.length / window;
    if (options.mostWindows() > 0) {
      windows = Math.min(windows, options.mostWindows());
    }
    int together = Math.min(windows, Math.max(1, model.batch() / window));
    try (Sessions sessions = new Sessions(model, together, window)) {
      return new Measurement(model, tokens, options, windows, progress).run(sessions.all());
    }
  }

  /** One run. */
  private static final class Measurement {
    private final int[] tokens;
    private final int windows;
    private final PerplexityOptions options;
    private final OptionalInt beginning;
    private final int vocabulary;
    private final Passes passes;
    private final Progress progress;
    private final Mean nll = new Mean();

    Measurement(
        Model model, int[] tokens, PerplexityOptions options, int windows, Progress progress) {
      this.tokens = tokens;
      this.windows = windows;
      this.options = options;
      this.beginning =
          switch (options.protocol()) {
            case LLAMA -> model.tokenizer().beginningOfText();
            case HF -> OptionalInt.empty();
          };
      this.vocabulary = model.plan().vocabulary();
      this.passes = new Passes(model, progress::passed);
      this.progress = progress;
    }

    PerplexityResult run(List<Session> sessions) {
      for (int first = 0; first < windows; first += sessions.size()) {
        int count = Math.min(sessions.size(), windows - first);
        double[][] losses = new double[count][];
        List<Stretch> stretches = new ArrayList<>(count);
        for (int i = 0; i < count; i++) {
          losses[i] = new double[options.protocol().scored(options.window())];
          stretches.add(stretch(sessions.get(i), first + i, losses[i]));
        }
        passes.run(stretches);
        for (int i = 0; i < count; i++) {
          Arrays.stream(losses[i]).forEach(nll::add);
          progress.advanced(first + i + 1, windows, Math.exp(nll.mean()));
        }
      }
      return new PerplexityResult(options, windows, nll.count(), nll.mean(), nll.standardError());
    }

    /** All of a window but its last token, after which nothing is predicted. */
    private Stretch stretch(Session session, int index, double[] losses) {
      int start = index * options.window();
      int[] input = Arrays.copyOfRange(tokens, start, start + options.window() - 1);
      beginning.ifPresent(token -> input[0] = token);
      int firstTarget = start + options.window() - losses.length;
      session.truncate(0);
      return new Stretch(
          session,
          input,
          losses.length,
          (row, logits) ->
              losses[row] =
                  LogSoftmax.logSum(logits, vocabulary) - logits[tokens[firstTarget + row]]);
    }
  }
}

package org.espalier.runtime.evaluation.divergence;

import java.io.IOException;
import java.util.Arrays;
import java.util.Optional;
import java.util.stream.IntStream;
import org.espalier.api.EspalierException.DeviceFailure;
import org.espalier.api.EspalierException.InvalidRequest;
import org.espalier.api.backend.Activations.Tokens;
import org.espalier.api.backend.Rows;
import org.espalier.api.backend.Session;
import org.espalier.runtime.Model;
import org.espalier.runtime.evaluation.Progress;

/**
 * Compares a model with a reference, position by position: disjoint windows of a text, every
 * position of each. Both go along the text together, so that only a few rows of logits are kept.
 */
public final class Comparison {
  /** Positions that are compared at a time, by all cores. */
  private static final int SLOTS = 32;

  private final Model model;
  private final int[] tokens;
  private final int window;
  private final int windows;
  private final Progress progress;
  private final float[][] logits;
  private final Positions positions;

  private Comparison(Model model, int[] tokens, int window, int windows, Progress progress) {
    this.model = model;
    this.tokens = tokens;
    this.window = window;
    this.windows = windows;
    this.progress = progress;
    this.logits = new float[SLOTS][model.plan().vocabulary()];
    this.positions = new Positions(Math.multiplyExact(window, windows));
  }

  /**
   * Compares with another model.
   *
   * @param window tokens per window
   * @param mostWindows where to stop; 0: at the end of the text
   * @param save whether to keep the reference's predictions for later
   * @param progress is told the mean KL after every window
   * @throws InvalidRequest when the tokenizers differ or the text is too short
   */
  public static ComparisonResult measure(
      Model model,
      Model reference,
      int[] tokens,
      int window,
      int mostWindows,
      Optional<SaveOptions> save,
      Progress progress) {
    int common = CommonTokens.of(model, reference);
    int windows = windows(tokens, window, mostWindows);
    Comparison comparison = new Comparison(model, tokens, window, windows, progress);
    try {
      if (save.isEmpty()) {
        return comparison.run(
            new ModelRows(reference, common, window, SLOTS, Optional.empty()), common);
      }
      try (ReferenceWriter writer =
          new ReferenceWriter(
              save.get().target(),
              header(reference, common, tokens, window, windows, save.get()))) {
        ComparisonResult result =
            comparison.run(
                new ModelRows(reference, common, window, SLOTS, Optional.of(writer)), common);
        writer.finish();
        return result;
      }
    } catch (IOException e) {
      throw new DeviceFailure(
          "the reference's predictions cannot be saved (%s)".formatted(e.getMessage()), e);
    }
  }

  /**
   * Compares with saved predictions; windows are those of the file.
   *
   * @throws InvalidRequest when they belong to another tokenizer or another text
   */
  public static ComparisonResult measure(
      Model model, SavedReference reference, int[] tokens, Progress progress) {
    int common = reference.commonTokens(model, tokens);
    try {
      return new Comparison(model, tokens, reference.window(), reference.windows(), progress)
          .run(reference.rows(common, SLOTS), common);
    } catch (IOException e) {
      throw new DeviceFailure(
          "%s cannot be read (%s)".formatted(reference.path(), e.getMessage()), e);
    }
  }

  private static ReferenceHeader header(
      Model reference, int common, int[] tokens, int window, int windows, SaveOptions save) {
    return new ReferenceHeader(
        Math.min(save.topTokens(), common),
        common,
        window,
        windows,
        ReferenceHeader.hash(tokens, window * windows),
        reference.tokenizer().fingerprint(),
        reference.artifact().path().getFileName().toString());
  }

  private static int windows(int[] tokens, int window, int mostWindows) {
    if (window < 2) {
      throw new InvalidRequest("a window must have at least 2 tokens, not " + window);
    }
    int windows = tokens.length / window;
    if (windows == 0) {
      throw new InvalidRequest(
          "the text has %d tokens, which is less than a window of %d"
              .formatted(tokens.length, window));
    }
    return mostWindows > 0 ? Math.min(windows, mostWindows) : windows;
  }

  private ComparisonResult run(ReferenceRows reference, int common) throws IOException {
    try (reference;
        Session session = model.newSession(window)) {
      int batch = Math.min(model.batch(), reference.batch());
      for (int index = 0; index < windows; index++) {
        session.truncate(0);
        reference.begin();
        for (int from = 0; from < window; from += batch) {
          int to = Math.min(window, from + batch);
          int[] piece = Arrays.copyOfRange(tokens, index * window + from, index * window + to);
          reference.advance(piece);
          compare(session.forward(new Tokens(piece), piece.length), reference, index, from);
          progress.passed();
        }
        progress.advanced(index + 1, windows, positions.meanKl());
      }
    }
    return positions.result(window, windows, common);
  }

  private void compare(Rows rows, ReferenceRows reference, int index, int from) throws IOException {
    Divergence[] found = new Divergence[SLOTS];
    for (int start = 0; start < rows.count(); start += SLOTS) {
      int count = Math.min(SLOTS, rows.count() - start);
      for (int slot = 0; slot < count; slot++) {
        rows.read(start + slot, logits[slot], 0);
        reference.load(start + slot, slot);
      }
      int first = index * window + from + start;
      IntStream.range(0, count)
          .parallel()
          .forEach(slot ->
              found[slot] =
                  reference.divergence(slot, logits[slot], first + slot, target(first + slot)));
      reference.compared(count);
      for (int slot = 0; slot < count; slot++) {
        positions.add(found[slot]);
      }
    }
  }

  /** The token after a position; none after the last of a window. */
  private int target(int position) {
    return (position + 1) % window == 0 ? Divergence.NO_TARGET : tokens[position + 1];
  }
}

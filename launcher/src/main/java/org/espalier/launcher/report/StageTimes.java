package org.espalier.launcher.report;

import java.util.Locale;
import org.espalier.api.backend.Observer;
import org.espalier.api.model.ActivationSite;
import org.espalier.api.model.Stage;
import org.espalier.launcher.console.Table;

/**
 * Adds up how long each kind of stage takes, for the prompt and for the tokens after it. Asked by
 * the thread that generates; the backend tells it on the same thread.
 */
public final class StageTimes implements Observer {
  /** Where the time of a pass goes. */
  private enum Part {
    EMBEDDING,
    ATTENTION,
    EXPERTS,
    HEAD,
    SAMPLING
  }

  private final long[][] nanos = new long[2][Part.values().length];
  private int phase;

  /** All zero. */
  public StageTimes() {}

  @Override
  public boolean wants(ActivationSite site) {
    return false;
  }

  @Override
  public boolean wantsRouting() {
    return false;
  }

  @Override
  public boolean wantsTimes() {
    return true;
  }

  @Override
  public void ran(Stage stage, int rows, long time) {
    Part part =
        switch (stage) {
          case Stage.Embedding _ -> Part.EMBEDDING;
          case Stage.Attention _ -> Part.ATTENTION;
          case Stage.MixtureOfExperts _ -> Part.EXPERTS;
          case Stage.Head _ -> Part.HEAD;
        };
    nanos[phase][part.ordinal()] += time;
  }

  /** The prompt is in; what comes now is generation. */
  public void promptEnded() {
    phase = 1;
  }

  /** A token was drawn. */
  public void sampled(long time) {
    nanos[1][Part.SAMPLING.ordinal()] += time;
  }

  /**
   * A table of them.
   *
   * @param promptTokens positions of the prompt
   * @param promptNanos for them, all told
   * @param runs passes after the prompt
   * @param runNanos for them, all told
   */
  public String table(int promptTokens, long promptNanos, int runs, long runNanos) {
    Table table = new Table("lrrrr");
    table.row("stage", "prompt, ms per token", "share", "generation, ms per token", "share");
    long promptLeft = promptNanos;
    long runsLeft = runNanos;
    for (Part part : Part.values()) {
      long inPrompt = nanos[0][part.ordinal()];
      long inRuns = nanos[1][part.ordinal()];
      row(table, name(part), inPrompt, promptTokens, promptNanos, inRuns, runs, runNanos);
      promptLeft -= inPrompt;
      runsLeft -= inRuns;
    }
    row(table, "other", promptLeft, promptTokens, promptNanos, runsLeft, runs, runNanos);
    return table.text();
  }

  private static void row(
      Table table,
      String name,
      long inPrompt,
      int promptTokens,
      long promptNanos,
      long inRuns,
      int runs,
      long runNanos) {
    table.row(
        name,
        each(inPrompt, promptTokens),
        share(inPrompt, promptNanos),
        each(inRuns, runs),
        share(inRuns, runNanos));
  }

  private static String each(long nanos, int count) {
    return count == 0 ? "-" : String.format(Locale.ROOT, "%.3f", Math.max(nanos, 0) / 1e6 / count);
  }

  private static String share(long nanos, long total) {
    return total == 0
        ? "-"
        : String.format(Locale.ROOT, "%.1f %%", 100.0 * Math.max(nanos, 0) / total);
  }

  private static String name(Part part) {
    return part.name().toLowerCase(Locale.ROOT);
  }
}

package org.espalier.launcher.option;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ThreadLocalRandom;
import picocli.CommandLine.Option;

/** How much is generated, and where it ends. */
public final class GenerationFlags {
  @Option(
      names = {"-n", "--predict", "--n-predict"},
      paramLabel = "N",
      description =
          "Most tokens to generate; -1: until the text ends or the context is full. Default:"
              + " ${DEFAULT-VALUE}.")
  private int predict = -1;

  @Option(
      names = {"-c", "--ctx-size"},
      paramLabel = "N",
      description =
          "Positions of the context, prompt included; 0: as many as the model was trained for."
              + " Default: ${DEFAULT-VALUE}.")
  private int context = 0;

  @Option(
      names = {"-s", "--seed"},
      paramLabel = "N",
      description =
          "Equal seeds give equal texts; -1: a random one, which is printed. Default:"
              + " ${DEFAULT-VALUE}.")
  private long seed = -1;

  @Option(names = "--ignore-eos", description = "Never draws the token that ends the text.")
  private boolean ignoreEndOfText;

  @Option(
      names = {"-r", "--reverse-prompt"},
      paramLabel = "TEXT",
      description = "Ends where this text appears. May be given several times.")
  private List<String> stops = new ArrayList<>();

  /** −1: no limit. */
  public int predict() {
    return Math.max(predict, -1);
  }

  /** 0: the model's own; negative values are for the command to refuse. */
  public int context() {
    return context;
  }

  /** The seed, drawn where none was given. */
  public long seed() {
    return seed >= 0 ? seed : ThreadLocalRandom.current().nextLong(1L << 32);
  }

  /** Whether the token that ends the text is never drawn. */
  public boolean ignoreEndOfText() {
    return ignoreEndOfText;
  }

  /** Texts that end generation, as they were typed. */
  public List<String> stops() {
    return stops;
  }
}

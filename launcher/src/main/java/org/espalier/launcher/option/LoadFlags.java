package org.espalier.launcher.option;

import java.net.URI;
import java.time.Duration;
import java.util.Optional;
import java.util.OptionalInt;
import org.espalier.server.load.LoadOptions;
import picocli.CommandLine.Option;

/** Which server to load, and how much. */
public final class LoadFlags {
  @Option(
      names = "--url",
      paramLabel = "URL",
      description = "The server. Default: ${DEFAULT-VALUE}.")
  private URI url = URI.create("http://127.0.0.1:8080");

  @Option(names = "--api-key", paramLabel = "KEY", description = "Its key, where it has one.")
  private Optional<String> key = Optional.empty();

  @Option(
      names = "--streams",
      paramLabel = "N",
      converter = PositiveConverter.class,
      description = "Clients that stream texts at the same time. Default: ${DEFAULT-VALUE}.")
  private int streams = 64;

  @Option(
      names = "--seconds",
      paramLabel = "N",
      converter = PositiveConverter.class,
      description = "For how long. Default: ${DEFAULT-VALUE}.")
  private int seconds = 300;

  @Option(
      names = "--prompt-words",
      paramLabel = "N",
      converter = PositiveConverter.class,
      description = "Words of each prompt. Default: a random number up to 60.")
  private Optional<Integer> promptWords = Optional.empty();

  @Option(
      names = "--length",
      paramLabel = "N",
      converter = PositiveConverter.class,
      description = "Tokens of each text. Default: a random number up to 120.")
  private Optional<Integer> length = Optional.empty();

  @Option(
      names = "--random",
      paramLabel = "N",
      description = "Random requests to send meanwhile. Default: ${DEFAULT-VALUE}.")
  private int random = 10_000;

  @Option(names = "--no-faults", description = "Leaves out the clients that misbehave.")
  private boolean noFaults;

  @Option(
      names = {"-s", "--seed"},
      paramLabel = "N",
      description = "Of everything that is random. Default: ${DEFAULT-VALUE}.")
  private long seed = 1;

  /** How to load it. */
  public LoadOptions options() {
    return new LoadOptions(
        url,
        key,
        streams,
        Duration.ofSeconds(seconds),
        number(promptWords),
        number(length),
        random,
        !noFaults,
        seed);
  }

  private static OptionalInt number(Optional<Integer> value) {
    return value.map(OptionalInt::of).orElseGet(OptionalInt::empty);
  }
}

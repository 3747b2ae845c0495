package org.espalier.launcher.command;

import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * What users of llama.cpp's tools, or of later versions, may ask for and this version cannot do: it
 * says so rather than doing something else.
 */
public final class LaterWork {
  private static final Map<String, String> FLAGS =
      Map.ofEntries(
          Map.entry(
              "-mu",
              "download from any address; give -hf USER/MODEL, or download the file and give it with -m"),
          Map.entry(
              "--model-url",
              "download from any address; give -hf USER/MODEL, or download the file and give it with -m"),
          Map.entry("-cnv", "converse within completion; the command chat does"),
          Map.entry("--conversation", "converse within completion; the command chat does"),
          Map.entry("-i", "converse within completion; the command chat does"),
          Map.entry("--interactive", "converse within completion; the command chat does"));

  private LaterWork() {}

  /** The sentence about the first argument that is known and not yet supported. */
  public static Optional<String> sentence(List<String> arguments) {
    for (String argument : arguments) {
      String flag = argument.startsWith("--") ? argument.split("=", 2)[0] : argument;
      if (FLAGS.containsKey(flag)) {
        return Optional.of(notYet(flag, FLAGS.get(flag)));
      }
    }
    return Optional.empty();
  }

  private static String notYet(String name, String what) {
    return name + " is not supported: this version cannot yet " + what;
  }
}

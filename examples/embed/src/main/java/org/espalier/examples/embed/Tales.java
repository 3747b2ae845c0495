package org.espalier.examples.embed;

import java.io.PrintStream;
import java.nio.file.Path;
import org.espalier.Espalier;
import org.espalier.Generation;
import org.espalier.LanguageModel;
import org.espalier.api.EspalierException;
import org.espalier.runtime.generation.GenerationOptions;
import org.espalier.runtime.sampling.SamplingOptions;

/** Tells tales: as they come, two at once, and one that is broken off. */
public final class Tales {
  private static final GenerationOptions SHORT =
      GenerationOptions.DEFAULT
          .withMaximumTokens(30)
          .withSampling(SamplingOptions.DEFAULT.withTemperature(0));

  private Tales() {}

  /** Takes the path of a model. */
  public static void main(String[] arguments) {
    PrintStream out = System.out;
    try (LanguageModel model = Espalier.open(Path.of(arguments[0]))) {
      out.printf("context of %d tokens%n", model.contextLength());
      tellAsItComes(model, out);
      tellTwoAtOnce(model, out);
      breakOff(model, out);
    } catch (EspalierException e) {
      out.println(e.getMessage()); // one sentence: what, where, what to do
    }
  }

  private static void tellAsItComes(LanguageModel model, PrintStream out) {
    out.print("Once upon a time");
    try (Generation tale = model.generate("Once upon a time", SHORT)) {
      for (String piece : tale) {
        out.print(piece);
      }
      out.printf("%n(%s)%n", tale.result().reason());
    }
  }

  private static void tellTwoAtOnce(LanguageModel model, PrintStream out) {
    try (Generation king = model.generate("The king", SHORT);
        Generation witch = model.generate("The witch", SHORT)) {
      out.println("The king" + king.result().text());
      out.println("The witch" + witch.result().text());
    }
  }

  private static void breakOff(LanguageModel model, PrintStream out) {
    try (Generation tale = model.generate("There was once")) {
      out.println("There was once" + tale.iterator().next() + " ...");
      tale.cancel(); // from any thread; closing would do it too
      out.printf("(%s)%n", tale.result().reason());
    }
  }
}

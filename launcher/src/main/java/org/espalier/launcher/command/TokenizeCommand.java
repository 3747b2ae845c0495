package org.espalier.launcher.command;

import jakarta.inject.Inject;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.concurrent.Callable;
import org.espalier.api.EspalierException.InvalidRequest;
import org.espalier.launcher.console.Console;
import org.espalier.launcher.console.ExitCode;
import org.espalier.launcher.option.CommonFlags;
import org.espalier.launcher.option.ModelFlags;
import org.espalier.launcher.option.PromptFlags;
import org.espalier.runtime.tokenizer.Tokenizer;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import tools.jackson.core.JacksonException;
import tools.jackson.core.JsonParser;
import tools.jackson.core.JsonToken;
import tools.jackson.jr.ob.JSON;

/** Shows how a model cuts a text into tokens. */
@Command(
    name = "tokenize",
    header = "Shows how a model cuts a text into tokens.",
    description = {
      "",
      "Prints id and text of every token, one per line. The file needs no weights. Nothing is added"
          + " before or after the text."
    },
    sortOptions = false,
    abbreviateSynopsis = true,
    optionListHeading = "%nOutput:%n",
    footerHeading = "%nExamples:%n",
    footer = {
      "  espalier tokenize -m model.gguf -p \"Hello world\"",
      "  espalier tokenize -m model.gguf -f story.txt --ids",
      "  espalier tokenize -m model.gguf --jsonl < texts.jsonl"
    })
final class TokenizeCommand implements Callable<Integer> {
  private final Console console;
  private final ModelOpening opening;

  @ArgGroup(validate = false, order = 1, heading = "%nText:%n")
  private PromptFlags text = new PromptFlags();

  @ArgGroup(validate = false, order = 2, heading = "%nModel:%n")
  private ModelFlags model = new ModelFlags();

  @Mixin private CommonFlags common = new CommonFlags();

  @Option(names = "--ids", description = "Prints the ids as one JSON array.")
  private boolean ids;

  @Option(
      names = "--jsonl",
      description =
          "Reads one JSON string per line from standard input, escapes not processed, and prints"
              + " one JSON array of ids per line.")
  private boolean lines;

  @Option(
      names = "--no-parse-special",
      description = "Takes the names of control tokens, such as <|endoftext|>, as plain text.")
  private boolean plain;

  @Inject
  TokenizeCommand(Console console, ModelOpening opening) {
    this.console = console;
    this.opening = opening;
  }

  @Override
  public Integer call() throws IOException {
    if (lines && text.given()) {
      throw new InvalidRequest("--jsonl reads standard input: give neither -p nor -f");
    }
    String given = lines ? "" : text.read(console);
    Tokenizer tokenizer = opening.tokenizer(model);
    if (lines) {
      eachLine(tokenizer);
    } else if (ids) {
      console.print(array(tokenizer.encode(given, !plain)) + "\n");
    } else {
      for (int token : tokenizer.encode(given, !plain)) {
        console.print("%6d -> '%s'%n".formatted(token, visible(tokenizer.decode(token))));
      }
    }
    console.flush();
    return ExitCode.OK;
  }

  private void eachLine(Tokenizer tokenizer) throws IOException {
    BufferedReader reader =
        new BufferedReader(new InputStreamReader(console.in(), StandardCharsets.UTF_8));
    int number = 0;
    for (String line = reader.readLine(); line != null; line = reader.readLine()) {
      number++;
      console.print(array(tokenizer.encode(string(line, number), !plain)) + "\n");
      if (!reader.ready()) {
        console.flush(); // whoever asks line by line waits for this answer
      }
    }
  }

  private static String string(String line, int number) {
    try (JsonParser parser = JSON.std.createParser(line)) {
      if (parser.nextToken() == JsonToken.VALUE_STRING) {
        String value = parser.getString();
        if (parser.nextToken() == null) {
          return value;
        }
      }
    } catch (JacksonException _) {
      // told below
    }
    throw new InvalidRequest("line %d of standard input is not one JSON string".formatted(number));
  }

  private static String array(int[] tokens) {
    return Arrays.toString(tokens);
  }

  private static String visible(String text) {
    StringBuilder shown = new StringBuilder();
    text.codePoints()
        .forEach(point -> {
          switch (point) {
            case '\n' -> shown.append("\\n");
            case '\r' -> shown.append("\\r");
            case '\t' -> shown.append("\\t");
            default -> {
              if (Character.getType(point) == Character.CONTROL) {
                shown.append("\\x%02x".formatted(point));
              } else {
                shown.appendCodePoint(point);
              }
            }
          }
        });
    return shown.toString();
  }
}

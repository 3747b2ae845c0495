package org.espalier.launcher.option;

import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Optional;
import org.espalier.api.EspalierException.InvalidRequest;
import org.espalier.launcher.console.Console;
import picocli.CommandLine.Option;

/** The text to begin with. */
public final class PromptFlags {
  /** Longer texts fit no context; reading them would only fill the memory. */
  private static final int MOST_BYTES = 64 << 20;

  @Option(
      names = {"-p", "--prompt"},
      paramLabel = "TEXT",
      description = "The text.")
  private Optional<String> text = Optional.empty();

  @Option(
      names = {"-f", "--file"},
      paramLabel = "FILE",
      description = "A file with the text; one newline at its end is dropped. - is standard input.")
  private Optional<String> file = Optional.empty();

  @Option(
      names = {"-e", "--escape"},
      description = {
        "Reads \\n, \\t, \\\\, \\xHH and the like in the text as the characters that they stand for:"
            + " the default."
      })
  private boolean escape;

  @Option(names = "--no-escape", description = "Takes the text as it is.")
  private boolean noEscape;

  /** Whether there is a text. */
  public boolean given() {
    return text.isPresent() || file.isPresent();
  }

  /** The text, escapes processed. */
  public String read(Console console) throws IOException {
    if (text.isPresent() && file.isPresent()) {
      throw new InvalidRequest("both -p and -f were given: give one of them");
    }
    String raw =
        text.isPresent()
            ? text.get()
            : readFile(
                file.orElseThrow(() -> new InvalidRequest("there is no text: give -p or -f")),
                console);
    return unescape(raw);
  }

  /** Any other text of the command line, escapes processed as in the prompt. */
  public String unescape(String raw) {
    return noEscape && !escape ? raw : Escapes.process(raw);
  }

  private static String readFile(String name, Console console) throws IOException {
    if (!name.equals("-") && Files.isDirectory(Path.of(name))) {
      throw new InvalidRequest(name + " is a folder: name the file in it");
    }
    byte[] bytes;
    try (InputStream in = name.equals("-") ? console.in() : Files.newInputStream(Path.of(name))) {
      bytes = in.readNBytes(MOST_BYTES + 1);
    } catch (NoSuchFileException _) {
      throw new InvalidRequest("there is no file " + name);
    }
    if (bytes.length > MOST_BYTES) {
      throw new InvalidRequest(
          "%s is larger than %d MiB: no context holds that".formatted(name, MOST_BYTES >> 20));
    }
    String content = decode(bytes, name, console);
    return content.endsWith("\n") ? content.substring(0, content.length() - 1) : content;
  }

  private static String decode(byte[] bytes, String name, Console console) {
    try {
      return StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(bytes)).toString();
    } catch (CharacterCodingException _) {
      console.note(name + " is not UTF-8 throughout; what is not is read as U+FFFD");
      return new String(bytes, StandardCharsets.UTF_8);
    }
  }
}

package org.espalier.examples.embed;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Runs the program as its user would: the module path, and leave for the CUDA backend to look for
 * its driver.
 */
class TalesTest {
  @TempDir private Path folder;

  private static final Path MODULES = Path.of(System.getProperty("espalier.modules"));
  private static final String MODEL =
      Path.of(System.getProperty("espalier.models"), "tiny-tales-qtip.gguf").toString();

  private List<String> run(String model) throws IOException, InterruptedException {
    return run(
        0,
        "--enable-native-access=org.espalier.backend.cuda,jcuda",
        "-p",
        MODULES.toString(),
        "-m",
        "org.espalier.examples.embed/org.espalier.examples.embed.Tales",
        model);
  }

  private List<String> run(int status, String... arguments)
      throws IOException, InterruptedException {
    Path out = folder.resolve("out");
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(List.of(arguments));
    Process process =
        new ProcessBuilder(command).redirectErrorStream(true).redirectOutput(out.toFile()).start();
    if (!process.waitFor(2, TimeUnit.MINUTES)) {
      process.destroyForcibly();
      throw new AssertionError("still running: " + Files.readString(out));
    }
    assertEquals(status, process.exitValue(), Files.readString(out));
    return Files.readAllLines(out, StandardCharsets.UTF_8).stream()
        .filter(line -> !line.startsWith("WARNING: Using incubator modules"))
        .toList();
  }

  @Test
  void isAModule() {
    assertTrue(Tales.class.getModule().isNamed());
  }

  private static Path program() throws IOException {
    try (Stream<Path> jars = Files.list(MODULES)) {
      return jars.filter(jar -> jar.getFileName().toString().startsWith("espalier-example-embed"))
          .findFirst()
          .orElseThrow();
    }
  }

  /** A program that is no module runs too, with Espalier on the module path. */
  @Test
  void aProgramOnTheClassPathTellsThemToo() throws Exception {
    List<String> lines =
        run(
            0,
            "--enable-native-access=org.espalier.backend.cuda,jcuda",
            "-p",
            MODULES.toString(),
            "--add-modules",
            "org.espalier.launcher",
            "-cp",
            program().toString(),
            "org.espalier.examples.embed.Tales",
            MODEL);
    assertEquals("context of 1024 tokens", lines.getFirst());
  }

  @Test
  void allOnTheClassPathIsRefusedWithWhatToDo() throws Exception {
    String all =
        String.join(
            "\n",
            run(
                0,
                "-cp",
                MODULES.resolve("*").toString(),
                "org.espalier.examples.embed.Tales",
                MODEL));
    assertTrue(all.contains("java -p JARS --add-modules org.espalier.launcher -cp PROGRAM"), all);
  }

  @Test
  void talesAreTold() throws Exception {
    List<String> lines =
        run(Path.of(System.getProperty("espalier.models"), "tiny-tales-qtip.gguf").toString());
    String all = String.join("\n", lines);
    assertEquals("context of 1024 tokens", lines.getFirst());
    assertTrue(all.contains("\nOnce upon a time, "), all);
    assertTrue(all.contains("\n(LENGTH)\nThe king"), all);
    assertTrue(all.contains("\nThe witch"), all);
    assertTrue(all.matches("(?s).*There was once.* \\.\\.\\.\n\\(CANCELLED\\)"), all);
    List<String> again =
        run(Path.of(System.getProperty("espalier.models"), "tiny-tales-qtip.gguf").toString());
    assertEquals(lines.getLast(), again.getLast());
    int king = all.indexOf("The king");
    assertEquals(
        all.substring(0, king), String.join("\n", again).substring(0, king), "temperature 0");
    assertNotEquals(-1, king);
  }

  @Test
  void aMissingModelIsOneSentence() throws Exception {
    List<String> lines = run(folder.resolve("none.gguf").toString());
    assertEquals(1, lines.size(), lines.toString());
    assertTrue(lines.getFirst().contains("there is no file"), lines.toString());
  }
}

package org.espalier.launcher.packaged;

import java.io.File;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import org.espalier.launcher.InProcess;

/**
 * One launch of the packaged program in a process of its own, on the module path, as the espalier
 * script does it.
 *
 * @param exitCode of the process
 * @param out its standard output
 * @param err its standard error, without what the JVM itself says
 */
record Launch(int exitCode, String out, String err) {
  private static final String INCUBATOR_LINE =
      "WARNING: Using incubator modules: jdk.incubator.vector";

  /** Models that tests share. */
  static final Path MODELS = Path.of(System.getProperty("espalier.models"));

  /** The folder of the product's jars. */
  static final Path MODULES = Path.of(System.getProperty("espalier.modules"));

  static final Path DEMO = MODELS.resolve("tiny-tales-qtip.gguf");

  /** The same model as the independent implementation of the published algorithm quantised it. */
  static final Path REFERENCE = MODELS.resolve("reference/tiny-tales-qtip.gguf");

  /** Runs a command with the modules of the product alone. */
  static Launch of(String... arguments) throws IOException, InterruptedException {
    return with(List.of(), "", arguments);
  }

  /** Runs a command in this process: for what needs none of its own, and many times as fast. */
  static Launch here(String... arguments) {
    InProcess run = InProcess.run(arguments);
    return new Launch(run.exitCode(), run.out(), run.err());
  }

  /** Runs a command in an environment that has some variables more. */
  static Launch in(Map<String, String> environment, String... arguments)
      throws IOException, InterruptedException {
    Path folder = Files.createTempDirectory(Path.of("target"), "launch-");
    Path out = folder.resolve("out");
    Path err = folder.resolve("err");
    ProcessBuilder builder = builder(List.of(), arguments);
    builder.environment().putAll(environment);
    return ended(
        builder.redirectOutput(out.toFile()).redirectError(err.toFile()).start(), out, err);
  }

  /** Runs a command that may take half an hour. */
  static Launch patiently(String... arguments) throws IOException, InterruptedException {
    Path folder = Files.createTempDirectory(Path.of("target"), "launch-");
    Path out = folder.resolve("out");
    Path err = folder.resolve("err");
    return ended(begin(out, err, arguments), out, err, 30);
  }

  /**
   * Runs a command.
   *
   * @param plugins jars or folders of jars beside the product's
   * @param in standard input
   */
  static Launch with(List<Path> plugins, String in, String... arguments)
      throws IOException, InterruptedException {
    Path folder = Files.createTempDirectory(Path.of("target"), "launch-");
    Path out = folder.resolve("out");
    Path err = folder.resolve("err");
    Path input = Files.writeString(folder.resolve("in"), in);
    Process process =
        builder(plugins, arguments)
            .redirectInput(input.toFile())
            .redirectOutput(out.toFile())
            .redirectError(err.toFile())
            .start();
    return ended(process, out, err);
  }

  /** Runs a command on a module path of which everything is named, the product's jars too. */
  static Launch on(List<Path> modulePath, String... arguments)
      throws IOException, InterruptedException {
    Path folder = Files.createTempDirectory(Path.of("target"), "launch-");
    Path out = folder.resolve("out");
    Path err = folder.resolve("err");
    Process process =
        javaOn(modulePath, arguments)
            .redirectOutput(out.toFile())
            .redirectError(err.toFile())
            .start();
    return ended(process, out, err);
  }

  /** Begins a command whose process the caller wants to signal. */
  static Process begin(Path out, Path err, String... arguments) throws IOException {
    return builder(List.of(), arguments)
        .redirectOutput(out.toFile())
        .redirectError(err.toFile())
        .start();
  }

  /** The same, with standard output for the caller to read. */
  static Process pipe(Path err, String... arguments) throws IOException {
    return builder(List.of(), arguments).redirectError(err.toFile()).start();
  }

  /** Waits for the end of a process. */
  static Launch ended(Process process, Path out, Path err)
      throws IOException, InterruptedException {
    return ended(process, out, err, 2);
  }

  private static Launch ended(Process process, Path out, Path err, int minutes)
      throws IOException, InterruptedException {
    if (!process.waitFor(minutes, TimeUnit.MINUTES)) {
      process.destroyForcibly();
      throw new AssertionError("still running: " + Files.readString(err));
    }
    String said =
        Files.readString(err)
            .lines()
            .filter(line -> !line.equals(INCUBATOR_LINE))
            .map(line -> line + "\n")
            .reduce("", String::concat);
    return new Launch(process.exitValue(), Files.readString(out, StandardCharsets.UTF_8), said);
  }

  /** The sentence that ended it: the one line on standard error that is no note. */
  String sentence() {
    List<String> lines = err.lines().filter(line -> !line.startsWith("note: ")).toList();
    if (lines.size() != 1 || !lines.getFirst().startsWith("espalier: ")) {
      throw new AssertionError("not one sentence: " + err);
    }
    return lines.getFirst();
  }

  private static ProcessBuilder builder(List<Path> plugins, String... arguments) {
    List<Path> path = new ArrayList<>(List.of(MODULES));
    path.addAll(plugins);
    return javaOn(path, arguments);
  }

  private static ProcessBuilder javaOn(List<Path> path, String... arguments) {
    List<String> command =
        new ArrayList<>(
            List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-XX:+UseSerialGC",
                "-Xmx1g",
                "-Despalier.home=" + MODELS.getParent(),
                "-p",
                path.stream().map(Path::toString).collect(Collectors.joining(File.pathSeparator)),
                "--enable-native-access=dev.hardwood.core,snappy.java,org.espalier.backend.cuda,jcuda",
                "-m",
                "org.espalier.launcher/org.espalier.launcher.Main"));
    command.addAll(List.of(arguments));
    return new ProcessBuilder(command);
  }
}

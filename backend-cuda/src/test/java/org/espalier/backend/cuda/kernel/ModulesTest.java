package org.espalier.backend.cuda.kernel;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The committed PTX: made of these sources, for old drivers, for every architecture. */
class ModulesTest {
  private static final String AGAIN = "run ./backend-cuda/compile-kernels where nvcc is";

  @ParameterizedTest
  @ValueSource(ints = {75, 80})
  void isMadeOfTheseSources(int capability) throws Exception {
    MessageDigest digest = MessageDigest.getInstance("SHA-256");
    try (Stream<Path> files = Files.list(Path.of("src/main/cuda"))) {
      for (Path file : files.sorted().toList()) {
        digest.update(Files.readAllBytes(file));
      }
    }
    String first = Modules.text(capability).lines().findFirst().orElseThrow();
    String hash = HexFormat.of().formatHex(digest.digest());
    assertTrue(first.endsWith("sources " + hash), () -> "sources have changed: " + AGAIN);
  }

  @ParameterizedTest
  @ValueSource(ints = {75, 80})
  void suitsOldDrivers(int capability) {
    List<String> lines = Modules.text(capability).lines().toList();
    assertTrue(lines.contains(".version 7.0"), "PTX 7.0 is what drivers from CUDA 11.0 on read");
    assertTrue(lines.contains(".target sm_" + capability));
  }

  @ParameterizedTest
  @ValueSource(ints = {75, 80})
  void hasEveryKernel(int capability) {
    Matcher matcher =
        Pattern.compile("\\.visible \\.entry (\\w+)\\(").matcher(Modules.text(capability));
    Set<String> found = new TreeSet<>(matcher.results().map(r -> r.group(1)).toList());
    Set<String> known =
        Arrays.stream(Kernel.values())
            .map(Kernel::symbol)
            .collect(Collectors.toCollection(TreeSet::new));
    assertEquals(known, found);
  }

  @ParameterizedTest
  @ValueSource(ints = {75, 80, 86, 89, 90})
  void assembles(int architecture, @TempDir Path folder) throws Exception {
    Path ptx = folder.resolve("kernels.ptx");
    Files.writeString(ptx, Modules.text(architecture));
    String log = assemble(ptx, architecture, folder.resolve("kernels.cubin"));
    Matcher spills = Pattern.compile("(\\d+) bytes spill stores").matcher(log);
    List<String> bytes = spills.results().map(r -> r.group(1)).toList();
    assertEquals(Kernel.values().length, bytes.size(), log);
    assertTrue(bytes.stream().allMatch("0"::equals), () -> "registers are spilled:\n" + log);
  }

  private static String assemble(Path ptx, int architecture, Path cubin)
      throws IOException, InterruptedException {
    Path log = cubin.resolveSibling("log");
    Process process;
    try {
      process =
          new ProcessBuilder(
                  "ptxas", "-v", "-arch=sm_" + architecture, ptx.toString(), "-o", cubin.toString())
              .redirectErrorStream(true)
              .redirectOutput(log.toFile())
              .start();
    } catch (IOException _) {
      assumeTrue(false, "nothing was assembled: ptxas of the CUDA toolkit is not on the PATH");
      throw new IllegalStateException("an assumption that was false went on");
    }
    assertTrue(process.waitFor(2, TimeUnit.MINUTES), "ptxas does not end");
    String text = Files.readString(log);
    assertEquals(0, process.exitValue(), text);
    return text;
  }

  @Test
  void servesTuringAndLater() {
    assertEquals("kernels-75.ptx", Modules.name(Modules.OLDEST));
    assertEquals("kernels-80.ptx", Modules.name(80));
    assertEquals("kernels-80.ptx", Modules.name(100));
  }
}

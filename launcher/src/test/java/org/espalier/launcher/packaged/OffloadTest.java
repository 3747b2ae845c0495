package org.espalier.launcher.packaged;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.jr.ob.JSON;

/** Offloading as packaged: the CPU's logits to the last bit, and what is said about it. */
class OffloadTest {
  private static final String TOKENS =
      IntStream.range(0, 40)
          .mapToObj(i -> String.valueOf(i * 97 % 4000))
          .collect(Collectors.joining(","));

  @TempDir private Path folder;

  private byte[] logits(String precision, String batch, String... more) throws Exception {
    Path out = folder.resolve("logits-" + Math.abs(Arrays.hashCode(more)));
    String[] arguments = {
      "logits",
      "-m",
      Launch.DEMO.toString(),
      "--tokens",
      TOKENS,
      "--out",
      out.toString(),
      "--precision",
      precision,
      "-b",
      batch,
      "-t",
      "2"
    };
    Launch launch =
        Launch.of(Stream.concat(Stream.of(arguments), Stream.of(more)).toArray(String[]::new));
    assertEquals(0, launch.exitCode(), launch.err());
    return Files.readAllBytes(out);
  }

  /** Half of the layers from disk, half on a second backend. */
  @Test
  void givesTheSameBitsFromDiskAndASecondBackendTogether() throws Exception {
    assertArrayEquals(
        logits("exact", "40", "--backend", "cpu"),
        logits(
            "exact",
            "40",
            "--backend",
            "offload",
            "--host-memory",
            "400M",
            "--n-cpu-moe",
            "2",
            "--backend-option",
            "expert-places=5",
            "--backend-option",
            "offload-device=cpu"));
  }

  @Test
  void givesTheSameBitsFromDiskTokenByToken() throws Exception {
    assertArrayEquals(
        logits("fast", "1", "--backend", "cpu"),
        logits(
            "fast",
            "1",
            "--qtip-expert-offload",
            "--host-memory",
            "400M",
            "--backend-option",
            "expert-places=5"));
  }

  @Test
  void saysWhatItDoesInOneLine() throws Exception {
    Launch launch =
        Launch.of(
            "completion",
            "-m",
            Launch.DEMO.toString(),
            "-p",
            "Once",
            "-n",
            "20",
            "--temp",
            "0",
            "--qtip-expert-offload",
            "-v");
    assertEquals(0, launch.exitCode(), launch.err());
    assertEquals(1, launch.err().lines().filter(line -> line.contains("there is no GPU")).count());
    assertTrue(launch.err().contains("so experts are read from disk"), launch.err());
    assertTrue(
        launch.err().lines().anyMatch(line -> line.matches("experts: \\d.*% of .* from disk.*")),
        launch.err());
    assertTrue(launch.err().contains("experts of layer 3 in memory: "), launch.err());
  }

  @Test
  void tellsWhereEveryExpertLives() throws Exception {
    Launch launch =
        Launch.of(
            "explain",
            "-m",
            Launch.DEMO.toString(),
            "--json",
            "--backend",
            "offload",
            "-ncmoe",
            "1",
            "--backend-option",
            "offload-device=cpu");
    assertEquals(0, launch.exitCode(), launch.err());
    List<?> homes = (List<?>) JSON.std.mapFrom(launch.out()).get("experts");
    assertEquals(4, homes.size());
    assertEquals("cpu", ((Map<?, ?>) homes.getFirst()).get("place"));
    launch =
        Launch.of(
            "bench",
            "-m",
            Launch.DEMO.toString(),
            "-p",
            "0",
            "-n",
            "8",
            "-r",
            "1",
            "-o",
            "json",
            "-t",
            "2",
            "--host-memory",
            "1G",
            "--backend-option",
            "expert-places=8");
    assertEquals(0, launch.exitCode(), launch.err());
    Map<?, ?> experts =
        (Map<?, ?>) ((Map<?, ?>) JSON.std.listFrom(launch.out()).getFirst()).get("experts");
    assertTrue(((Number) experts.get("bytes_moved")).longValue() > 0, launch.out());
    assertTrue(((Number) experts.get("hit_rate")).doubleValue() < 1, launch.out());
  }

  @Test
  void saysWhatCannotBe() throws IOException, InterruptedException {
    String[] completion = {
      "completion", "-m", Launch.DEMO.toString(), "-p", "x", "-n", "1", "-c", "64"
    };
    Launch tooSmall = launch(completion, "--host-memory", "20M");
    assertEquals(1, tooSmall.exitCode(), tooSmall.err());
    assertTrue(tooSmall.sentence().contains("give --host-memory "), tooSmall.err());
    Launch nonsense = launch(completion, "--host-memory", "lots");
    assertEquals(2, nonsense.exitCode(), nonsense.err());
    assertTrue(nonsense.sentence().contains("not an amount of memory"), nonsense.err());
  }

  private static Launch launch(String[] arguments, String... more)
      throws IOException, InterruptedException {
    return Launch.of(Stream.concat(Stream.of(arguments), Stream.of(more)).toArray(String[]::new));
  }
}

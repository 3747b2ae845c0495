package org.espalier.launcher.packaged;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.jr.ob.JSON;

/** Offloading as packaged: the CPU's tokens and logits to the last bit, and what is said. */
class OffloadTest {
  private static final String DEMO = Launch.DEMO.toString();
  private static final String TOKENS =
      IntStream.range(0, 40)
          .mapToObj(i -> String.valueOf(i * 97 % 4000))
          .collect(Collectors.joining(","));

  @TempDir private Path folder;

  private static Launch success(String line, String... more) throws Exception {
    Launch launch =
        Launch.of(
            Stream.concat(Stream.of(line.split(" ")), Stream.of(more)).toArray(String[]::new));
    assertEquals(0, launch.exitCode(), launch.err());
    return launch;
  }

  private byte[] logits(String name, String more) throws Exception {
    Path out = folder.resolve(name);
    success(
        "logits --tokens " + TOKENS + " --precision fast -b 40 -t 2 " + more,
        "-m",
        DEMO,
        "--out",
        out.toString());
    return Files.readAllBytes(out);
  }

  /** Fast arithmetic: half of the layers from disk, half on a second backend. */
  @Test
  void givesTheSameBitsFromDiskAndASecondBackendTogether() throws Exception {
    try (ExecutorService both = Executors.newVirtualThreadPerTaskExecutor()) {
      Future<byte[]> one = both.submit(() -> logits("one", "--backend cpu"));
      assertArrayEquals(
          logits(
              "two",
              "--backend offload --host-memory 400M --n-cpu-moe 2"
                  + " --backend-option expert-places=5 --backend-option offload-device=cpu"),
          one.get());
    }
  }

  /** Token by token, with a twelfth of the experts in memory. */
  @Test
  void generatesTheSameTextAndSaysHow() throws Exception {
    String line = "completion -p Once -n 40 --temp 0 -t 2 ";
    Launch launch;
    try (ExecutorService both = Executors.newVirtualThreadPerTaskExecutor()) {
      Future<Launch> plain = both.submit(() -> success(line + "--backend cpu", "-m", DEMO));
      launch =
          success(
              line + "--qtip-expert-offload --host-memory 400M --backend-option expert-places=5 -v",
              "-m",
              DEMO);
      assertEquals(plain.get().out(), launch.out());
    }
    assertEquals(1, launch.err().lines().filter(text -> text.contains("there is no GPU")).count());
    assertTrue(launch.err().contains("so experts are read from disk"), launch.err());
    assertTrue(
        launch
            .err()
            .lines()
            .anyMatch(text ->
                text.matches("experts: \\d.* MB per token from disk.* at [\\d,]+ MB/s, .*")),
        launch.err());
    assertTrue(launch.err().contains("experts of layer 3 in memory: "), launch.err());
    assertTrue(launch.err().contains("experts of layer 3 in disk: "), launch.err());
  }

  @Test
  void tellsInJsonWhereEveryExpertLivesAndWhatMoved() throws Exception {
    Launch launch;
    try (ExecutorService both = Executors.newVirtualThreadPerTaskExecutor()) {
      Future<Launch> explained =
          both.submit(() ->
              success(
                  "explain --json --backend offload -ncmoe 1 --backend-option offload-device=cpu",
                  "-m",
                  DEMO));
      launch =
          success(
              "bench -p 0 -n 8 -r 1 -o json -t 2 --host-memory 1G --backend-option expert-places=8",
              "-m",
              DEMO);
      List<?> homes = (List<?>) JSON.std.mapFrom(explained.get().out()).get("experts");
      assertEquals(4, homes.size());
      assertEquals("cpu", ((Map<?, ?>) homes.getFirst()).get("place"));
    }
    Map<?, ?> experts =
        (Map<?, ?>) ((Map<?, ?>) JSON.std.listFrom(launch.out()).getFirst()).get("experts");
    assertTrue(((Number) experts.get("bytes_moved")).longValue() > 0, launch.out());
    assertTrue(((Number) experts.get("hit_rate")).doubleValue() < 1, launch.out());
    assertTrue(((Number) experts.get("bytes_per_second")).doubleValue() > 0, launch.out());
  }

  @Test
  void saysThatMemoryIsTooSmall() throws Exception {
    Launch launch =
        Launch.of(
            "completion", "-m", DEMO, "-p", "x", "-n", "1", "-c", "64", "--host-memory", "20M");
    assertEquals(1, launch.exitCode(), launch.err());
    assertTrue(launch.sentence().contains("give --host-memory "), launch.err());
  }

  @Test
  void saysThatTheFileHasChangedUnderneath() throws Exception {
    Path copy = Files.copy(Launch.DEMO, folder.resolve("model.gguf"));
    Path out = folder.resolve("out");
    Path err = folder.resolve("err");
    Process process =
        Launch.begin(
            out,
            err,
            ("completion -p Once -n 900 -t 2 --ignore-eos --host-memory 400M"
                    + " --backend-option expert-places=5 -m "
                    + copy)
                .split(" "));
    long start = System.nanoTime();
    while (Files.size(out) == 0 && process.isAlive() && System.nanoTime() - start < 60e9) {
      Thread.sleep(10);
    }
    Files.setLastModifiedTime(copy, FileTime.fromMillis(0));
    Launch launch = Launch.ended(process, out, err);
    assertEquals(1, launch.exitCode(), launch.err());
    List<String> sentences =
        launch.err().lines().filter(line -> line.startsWith("espalier: ")).toList();
    assertEquals(1, sentences.size(), launch.err());
    assertTrue(
        sentences.getFirst().contains("has changed since the model was opened"), launch.err());
  }
}

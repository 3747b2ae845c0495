package org.espalier.launcher.packaged;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.Collectors;
import org.espalier.Espalier;
import org.espalier.Generation;
import org.espalier.LanguageModel;
import org.espalier.api.EspalierException;
import org.espalier.runtime.generation.FinishReason;
import org.espalier.runtime.generation.GenerationOptions;
import org.espalier.runtime.sampling.SamplingOptions;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Broken off at any moment: no thread stays, no process hangs, and the code is the right one. */
@Timeout(600)
class InterruptionAtRandomTest {
  private static final ModuleLayer LAYER = PackagedLayer.of();
  private static final GenerationOptions LONG =
      GenerationOptions.DEFAULT.withMaximumTokens(400).withSampling(SamplingOptions.GREEDY);

  @TempDir private Path folder;
  private final Random random = new Random(1);
  private Set<String> threads = Set.of();

  @BeforeEach
  void noteThreads() {
    try (LanguageModel model = open()) {
      model.complete("Once", LONG.withMaximumTokens(2)); // whatever the JVM starts for itself
    }
    threads = threads();
  }

  @AfterEach
  void noThreadStays() {
    Set<String> now = threads();
    for (int wait = 0; !threads.containsAll(now) && wait < 50; wait++) {
      LockSupport.parkNanos(20_000_000); // a thread that has ended may still be listed
      now = threads();
    }
    now.removeAll(threads);
    assertEquals(Set.of(), now, "threads that stayed");
  }

  private static Set<String> threads() {
    return Thread.getAllStackTraces().keySet().stream()
        .filter(thread -> !thread.getName().matches("(junit|surefire|ForkJoin|process reaper).*"))
        .map(thread -> thread.getName() + " " + thread.threadId())
        .collect(Collectors.toCollection(TreeSet::new));
  }

  private static LanguageModel open() {
    return Espalier.open(Launch.DEMO, Espalier.defaults().withThreads(3), LAYER);
  }

  private void pause(int mostMilliseconds) {
    LockSupport.parkNanos((long) (random.nextDouble() * mostMilliseconds * 1_000_000));
  }

  @Test
  void generationsThatAreCancelledOrClosed() {
    try (LanguageModel model = open()) {
      for (int i = 0; i < 12; i++) {
        Generation one = model.generate("Once upon a time", LONG);
        Generation other = model.generate("The king", LONG);
        pause(40);
        one.cancel();
        if (i % 2 == 0) {
          other.close();
        } else {
          other.cancel();
        }
        for (Generation generation : List.of(one, other)) {
          FinishReason reason = generation.result().reason();
          assertTrue(reason == FinishReason.CANCELLED || reason == FinishReason.LENGTH);
        }
      }
    }
  }

  @Test
  void modelsThatAreClosedWhileTheyGenerate() {
    for (int i = 0; i < 4; i++) {
      LanguageModel model = open();
      Generation one = model.generate("Once upon a time", LONG);
      Generation other = model.generate("The king", LONG);
      pause(60);
      model.close();
      assertTrue(one.ended() && other.ended());
    }
  }

  /** Whatever a thread is doing when it is interrupted, it ends, and what it opened is closed. */
  @Test
  void threadsThatAreInterrupted() throws Exception {
    int refused = 0;
    for (int i = 0; i < 12; i++) {
      AtomicReference<Throwable> failure = new AtomicReference<>();
      Thread thread =
          Thread.ofPlatform()
              .name("interrupted " + i)
              .start(() -> {
                try (LanguageModel model = open()) {
                  model.complete("Once upon a time", LONG);
                } catch (Throwable e) {
                  failure.set(e);
                }
              });
      pause(i < 7 ? 30 : 400);
      thread.interrupt();
      assertTrue(thread.join(Duration.ofSeconds(100)), "it ends");
      Throwable thrown = failure.get();
      assertTrue(thrown == null || thrown instanceof EspalierException, () -> "" + thrown);
      refused += thrown == null ? 0 : 1;
    }
    assertTrue(refused < 12, "interrupts after loading only cancel");
  }

  @ParameterizedTest
  @ValueSource(strings = {"completion", "perplexity", "inspect"})
  void controlCAtAnyMoment(String command) throws Exception {
    Path text = Files.writeString(folder.resolve("text"), "Once upon a time. ".repeat(3000));
    String[] line =
        switch (command) {
          case "completion" -> new String[] {command, "-p", "Once", "-n", "900", "--ignore-eos"};
          case "perplexity" ->
              new String[] {command, "-m", Launch.DEMO.toString(), "-f", "" + text};
          default -> new String[] {command, Launch.DEMO.toString(), "--check"};
        };
    for (int i = 0; i < 3; i++) {
      Path out = folder.resolve("out" + i);
      Path err = folder.resolve("err" + i);
      Process process = Launch.begin(out, err, line);
      LockSupport.parkNanos((long) ((i + random.nextDouble()) * 600_000_000L));
      interrupt(process);
      assertTrue(process.waitFor(100, TimeUnit.SECONDS), "it ends");
      String said = Files.readString(err);
      int code = process.exitValue();
      assertTrue(code == 130 || code == 0, code + ": " + said);
      assertFalse(said.contains("defect") || said.contains("\tat "), said);
    }
  }

  private static void interrupt(Process process) throws IOException, InterruptedException {
    new ProcessBuilder("kill", "-INT", Long.toString(process.pid()))
        .redirectErrorStream(true)
        .start()
        .waitFor();
  }

  /** Pages of a mapped file that are gone fault when they are read: that must not end the VM. */
  @ParameterizedTest
  @ValueSource(strings = {"fast", "exact"})
  void aFileThatIsTruncatedWhileItIsRead(String precision) throws Exception {
    for (int i = 0; i < 2; i++) {
      Path model = folder.resolve("model" + i + ".gguf");
      Files.copy(Launch.DEMO, model);
      Path out = folder.resolve("out");
      Path err = folder.resolve("err");
      Process process =
          Launch.begin(
              out,
              err,
              "completion",
              "-m",
              model.toString(),
              "-p",
              "Once upon a time",
              "-n",
              "1000",
              "--ignore-eos",
              "--precision",
              precision);
      while (process.isAlive() && Files.size(out) < 500 + 500 * i) {
        LockSupport.parkNanos(5_000_000);
      }
      assertTrue(process.isAlive(), Files.readString(err));
      try (RandomAccessFile file = new RandomAccessFile(model.toFile(), "rw")) {
        file.setLength(4096L * (1 + 1500 * i));
      }
      assertTrue(process.waitFor(100, TimeUnit.SECONDS), "it ends");
      List<String> said = new ArrayList<>(Files.readAllLines(err));
      said.removeIf(line -> !line.startsWith("espalier: "));
      assertEquals(1, process.exitValue(), Files.readString(err));
      assertEquals(1, said.size(), said.toString());
      assertTrue(said.getFirst().contains("truncated or replaced while in use"), said.toString());
    }
  }
}

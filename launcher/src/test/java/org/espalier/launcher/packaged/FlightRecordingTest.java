package org.espalier.launcher.packaged;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import jdk.jfr.consumer.RecordedEvent;
import jdk.jfr.consumer.RecordingFile;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What the JDK's Flight Recorder, and {@code --verbose}, tell of a completion. */
class FlightRecordingTest {
  private static final int LAYERS = 4;

  @TempDir private Path folder;

  @Test
  void aRecordingHoldsEveryEvent() throws Exception {
    Path recording = folder.resolve("espalier.jfr");
    Launch launch =
        Launch.in(
            Map.of(
                "JAVA_TOOL_OPTIONS", "-XX:StartFlightRecording:filename=%s".formatted(recording)),
            "completion",
            "-p",
            "Once upon a time there was a king",
            "-n",
            "6",
            "--temp",
            "0",
            "-b",
            "4");
    assertEquals(0, launch.exitCode(), launch.err());
    Map<String, List<RecordedEvent>> events =
        RecordingFile.readAllEvents(recording).stream()
            .filter(event -> event.getEventType().getName().startsWith("org.espalier."))
            .collect(Collectors.groupingBy(event -> event.getEventType().getName()));

    List<RecordedEvent> tokens = events.get("org.espalier.Token");
    assertEquals(6, tokens.size());
    for (RecordedEvent token : tokens.subList(1, 6)) {
      assertTrue(token.getDuration().compareTo(token.getDuration("sampling")) > 0);
    }
    List<RecordedEvent> batches = events.get("org.espalier.PromptBatch");
    int prompt = batches.stream().mapToInt(batch -> batch.getInt("tokens")).sum();
    assertEquals(prompt, tokens.getFirst().getInt("position"));
    assertEquals(List.of(0, 4), batches.stream().map(batch -> batch.getInt("position")).toList());

    List<RecordedEvent> loads = events.get("org.espalier.ExpertLoad");
    assertEquals(LAYERS * (batches.size() + 5), loads.size());
    for (RecordedEvent load : loads) {
      int rows = load.getInt("rows");
      assertTrue(load.getInt("experts") >= 4 && load.getInt("experts") <= 16);
      assertTrue(load.getInt("busiest") >= 1 && load.getInt("busiest") <= rows);
      assertEquals(0, load.getLong("moved"));
    }
    List<RecordedEvent> choices = events.get("org.espalier.KernelChoice");
    assertEquals(2 + LAYERS * 8, choices.size());
    assertTrue(
        choices.stream().anyMatch(choice -> choice.getString("kernel").startsWith("qtip")),
        choices.toString());
  }

  @Test
  void lentExpertsTellWhatWasReadForThem() throws Exception {
    Path recording = folder.resolve("lent.jfr");
    Launch launch =
        Launch.in(
            Map.of(
                "JAVA_TOOL_OPTIONS", "-XX:StartFlightRecording:filename=%s".formatted(recording)),
            "completion",
            "-p",
            "Once upon a time",
            "-n",
            "4",
            "--temp",
            "0",
            "--host-memory",
            "600M");
    assertEquals(0, launch.exitCode(), launch.err());
    List<RecordedEvent> loads =
        RecordingFile.readAllEvents(recording).stream()
            .filter(event -> event.getEventType().getName().equals("org.espalier.ExpertLoad"))
            .toList();
    for (RecordedEvent load : loads.subList(0, LAYERS)) {
      assertTrue(load.getLong("moved") > 0, "nothing is in memory at first");
    }
    long all = loads.stream().mapToLong(load -> load.getLong("moved")).sum();
    assertTrue(all <= Files.size(Launch.DEMO), "each expert is read once: " + all);
  }

  @Test
  void verboseTellsWhereTheTimeWent() throws Exception {
    Launch launch =
        Launch.of("completion", "-p", "Once upon a time", "-n", "8", "--temp", "0", "--verbose");
    assertEquals(0, launch.exitCode(), launch.err());
    for (String stage : List.of("embedding", "attention", "experts", "head", "sampling", "other")) {
      assertTrue(
          launch.err().matches("(?s).*\n  %s +\\S+ +\\S+ %% +\\S+ +\\S+ %%\n.*".formatted(stage)),
          launch.err());
    }
    Launch plain = Launch.of("completion", "-p", "Once upon a time", "-n", "8", "--temp", "0");
    assertFalse(plain.err().contains("sampling"), plain.err());
    assertEquals(plain.out(), launch.out());
  }
}

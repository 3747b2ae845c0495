package org.espalier.backend.cuda;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import jdk.jfr.Recording;
import jdk.jfr.consumer.RecordedEvent;
import jdk.jfr.consumer.RecordingFile;
import org.espalier.api.backend.Activations;
import org.espalier.api.backend.Precision;
import org.espalier.api.backend.Session;
import org.espalier.api.model.Stage;
import org.espalier.backend.cuda.emulator.Machine;
import org.espalier.runtime.Model;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What Flight Recorder is told of experts on a GPU. */
@Tag("cuda")
class ExpertLoadTest {
  private static final int[] PASSES = {11, 1, 1, 1};

  @TempDir private Path folder;

  @BeforeEach
  void needsMachine() {
    Machine.need();
    Machine.reset();
  }

  @Test
  void everyPassIsToldForEveryLayer() throws Exception {
    for (RecordedEvent load : recorded(Map.of())) {
      assertEquals(0, load.getLong("moved"), "everything is on the device");
    }
  }

  @Test
  void bytesReadFromTheHostAreCounted() throws Exception {
    long some = moved(Map.of("device-memory", "400K"));
    long all = moved(Map.of("device-memory", "0"));
    assertTrue(0 < some && some < all, "%d of %d".formatted(some, all));
  }

  private long moved(Map<String, String> settings) throws Exception {
    return recorded(settings).stream().mapToLong(load -> load.getLong("moved")).sum();
  }

  private List<RecordedEvent> recorded(Map<String, String> settings) throws Exception {
    Path file = folder.resolve("events" + settings.hashCode() + ".jfr");
    int[] layers;
    int used;
    try (Recording recording = new Recording();
        Model model = SmallModels.open("tiny-tales-qtip.gguf", Precision.FAST, 16, settings);
        Session session = model.newSession(64)) {
      List<Stage.MixtureOfExperts> mixtures =
          model.plan().stages().stream()
              .filter(Stage.MixtureOfExperts.class::isInstance)
              .map(Stage.MixtureOfExperts.class::cast)
              .toList();
      layers = mixtures.stream().mapToInt(Stage.MixtureOfExperts::layer).toArray();
      used = mixtures.getFirst().used();
      recording.enable("org.espalier.ExpertLoad").withoutThreshold();
      recording.start();
      for (int rows : PASSES) {
        session.forward(new Activations.Tokens(new int[rows]), 1);
      }
      recording.stop();
      recording.dump(file);
    }
    List<RecordedEvent> loads =
        RecordingFile.readAllEvents(file).stream()
            .filter(event -> event.getEventType().getName().equals("org.espalier.ExpertLoad"))
            .toList();
    assertEquals(PASSES.length * layers.length, loads.size());
    for (int i = 0; i < loads.size(); i++) {
      RecordedEvent load = loads.get(i);
      int rows = PASSES[i / layers.length];
      assertEquals(layers[i % layers.length], load.getInt("layer"));
      assertEquals(rows, load.getInt("rows"));
      int experts = load.getInt("experts");
      assertTrue(experts >= used && experts <= used * rows, experts + " experts");
      assertTrue(load.getInt("busiest") >= 1 && load.getInt("busiest") <= rows);
    }
    return loads;
  }
}

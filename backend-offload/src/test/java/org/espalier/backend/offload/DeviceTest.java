package org.espalier.backend.offload;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.espalier.api.EspalierException.InvalidRequest;
import org.espalier.api.EspalierException.Unsupported;
import org.espalier.api.Offer;
import org.espalier.api.backend.Accelerator;
import org.espalier.api.backend.Activations;
import org.espalier.api.backend.Backend;
import org.espalier.api.backend.BackendId;
import org.espalier.api.backend.BackendProvider;
import org.espalier.api.backend.CompileOptions;
import org.espalier.api.backend.Executable;
import org.espalier.api.backend.ExpertTraffic;
import org.espalier.api.backend.Footprint;
import org.espalier.api.backend.Precision;
import org.espalier.api.backend.Session;
import org.espalier.api.backend.SessionOptions;
import org.espalier.api.model.ModelPlan;
import org.espalier.api.model.Stage;
import org.espalier.api.tensor.ElementType;
import org.espalier.testkit.fixture.PlanBuilder;
import org.espalier.testkit.fixture.PlanFixtures;
import org.espalier.testkit.reference.ReferenceBackend;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What a device is told, with a device that only remembers it. */
class DeviceTest {
  /** Gate, up and down of 8 × 16 floats each. */
  private static final long EXPERT = 3 * 8 * 16 * 4;

  private final ModelPlan plan = PlanBuilder.seeded(3).layers(3).experts(8, 2, 8).build();

  /** What a device was asked to compile. */
  private record Asked(ModelPlan plan, CompileOptions options) {}

  private record Remembering(Backend backend, List<Asked> asked) implements Backend {
    @Override
    public BackendId id() {
      return new BackendId("device");
    }

    @Override
    public String device() {
      return "a device";
    }

    @Override
    public Optional<Accelerator> accelerator() {
      return Optional.of(
          new Accelerator() {
            @Override
            public String name() {
              return "a device";
            }

            @Override
            public double memoryBandwidth() {
              return 1e12;
            }

            @Override
            public double hostBandwidth() {
              return 1e3; // so slow that any CPU is faster
            }
          });
    }

    @Override
    public Footprint footprint(ModelPlan plan, CompileOptions options, SessionOptions session) {
      return backend.footprint(plan, options, session);
    }

    @Override
    public Offer<Executable> compile(ModelPlan plan, CompileOptions options) {
      asked.add(new Asked(plan, options));
      return backend.compile(plan, options);
    }

    @Override
    public void close() {
      backend.close();
    }
  }

  private static Backend open(List<Asked> asked, Map<String, String> settings) {
    BackendProvider.Context context =
        new BackendProvider.Context() {
          @Override
          public int threads() {
            return 1;
          }

          @Override
          public Map<String, String> settings() {
            return settings;
          }

          @Override
          public Offer<Backend> other(BackendId id) {
            Backend reference = ReferenceBackend.create();
            return Offer.accepted(
                id.value().equals("cuda") ? new Remembering(reference, asked) : reference);
          }
        };
    return new OffloadBackendProvider().open(context).orElseThrow(Unsupported::new);
  }

  private static float[] run(Executable executable) {
    float[] logits = new float[executable.plan().vocabulary()];
    try (Session session = executable.open(new SessionOptions(20, ElementType.F32))) {
      session.forward(PlanFixtures.prompt(executable.plan(), 9), 0);
      session.forward(new Activations.Tokens(3), 1).read(0, logits, 0);
    }
    return logits;
  }

  @Test
  void keepsInTheDeviceWhatEarlierRunsUsedMost(@TempDir Path folder) throws Exception {
    CompileOptions options = CompileOptions.of(Precision.EXACT, 16);
    float[] expected;
    try (Backend reference = ReferenceBackend.create()) {
      expected = run(reference.compile(plan, options).orElseThrow(Unsupported::new));
    }
    Path profile = folder.resolve("profile");
    Map<String, String> settings =
        Map.of(
            "device-memory",
            String.valueOf(6 * EXPERT),
            "n-cpu-moe",
            "1",
            "expert-profile",
            profile.toString());
    List<Asked> first = new ArrayList<>();
    try (Backend backend = open(first, settings);
        Executable executable = backend.compile(plan, options).orElseThrow(Unsupported::new)) {
      assertArrayEquals(expected, run(executable));
      assertTrue(
          executable.notices().getFirst().contains("in the device's memory"),
          executable.notices().toString());
      int homes =
          executable.traffic().orElseThrow().homes().stream()
              .filter(home -> home.place().equals("host memory for device"))
              .mapToInt(home -> home.experts().size())
              .sum();
      assertEquals(10, homes, "of the 16 experts of two layers 6 are near");
    }
    assertEquals(2, first.size(), "two slices, around the experts of the first layer");
    assertEquals(6, near(first.getLast().options));
    List<String> lines = Files.readAllLines(profile);
    long uses = lines.stream().mapToLong(line -> Long.parseLong(line.split(" ")[2])).sum();
    assertEquals(10 * 3 * 2, uses, "10 positions, 3 layers, 2 experts each");
    List<Asked> second = new ArrayList<>();
    try (Backend backend = open(second, settings);
        Executable executable = backend.compile(plan, options).orElseThrow(Unsupported::new)) {
      assertArrayEquals(expected, run(executable));
    }
    CompileOptions told = second.getLast().options;
    long best =
        lines.stream()
            .filter(line -> !line.startsWith("0 "))
            .mapToLong(line -> Long.parseLong(line.split(" ")[2]))
            .max()
            .orElseThrow();
    for (String line : lines) {
      String[] numbers = line.split(" ");
      if (!numbers[0].equals("0") && Long.parseLong(numbers[2]) == best) {
        assertTrue(
            told.placement().isNear(Integer.parseInt(numbers[0]), Integer.parseInt(numbers[1])),
            line);
      }
    }
    assertEquals(6, near(told));
  }

  private static int near(CompileOptions options) {
    int near = 0;
    for (int layer = 0; layer < 3; layer++) {
      for (int expert = 0; expert < 8; expert++) {
        near += options.placement().isNear(layer, expert) ? 1 : 0;
      }
    }
    return near;
  }

  /** Layers whose experts the host computes, and what is said about it. */
  private String choice(String... more) {
    Map<String, String> settings = new HashMap<>();
    settings.put("device-memory", String.valueOf(16 * EXPERT));
    for (int i = 0; i < more.length; i += 2) {
      settings.put(more[i], more[i + 1]);
    }
    List<Asked> asked = new ArrayList<>();
    CompileOptions options = CompileOptions.of(Precision.EXACT, 16);
    try (Backend reference = ReferenceBackend.create();
        Backend backend = open(asked, settings);
        Executable executable = backend.compile(plan, options).orElseThrow(Unsupported::new)) {
      assertArrayEquals(
          run(reference.compile(plan, options).orElseThrow(Unsupported::new)), run(executable));
      long onDevice =
          asked.stream()
              .flatMap(each -> each.plan.stages().stream())
              .filter(Stage.MixtureOfExperts.class::isInstance)
              .count();
      assertEquals(onDevice > 0, executable.traffic().orElseThrow().used() > 0);
      List<String> notices = executable.notices();
      return (3 - onDevice) + (notices.size() > 1 ? " " + notices.getLast() : "");
    }
  }

  /** 16 of 24 experts fit: those of two layers, or two thirds of each. */
  @Test
  void leavesLayersToTheHostWhereThatCostsLess() {
    String[] stated = {"link-speed", "1e6", "cpu-expert-time", "1e-6"};
    String said = choice(stated);
    assertTrue(
        said.startsWith(
            "1 the CPU computes the experts of layers 0 to 0 (an expert takes 1536 µs over the link, at 0.0 GB/s, and 1 µs on the CPU; "),
        said);
    assertTrue(said.endsWith("--n-cpu-moe 1 makes it so always"), said);
    assertTrue(choice("link-speed", "1e12", "cpu-expert-time", "1e-6").startsWith("0 the CPU"));
    assertTrue(choice().startsWith("1 the CPU computes"), "as measured");
    assertEquals("0", choice("far-experts", "read"));
    assertEquals("0", choice("far-experts", "copy"));
    assertTrue(choice("far-experts", "cpu").startsWith("1 the CPU computes"));
    assertEquals("2", choice("n-cpu-moe", "2"));
    assertThrows(InvalidRequest.class, () -> choice("far-experts", "somewhere"));
    assertThrows(InvalidRequest.class, () -> choice("link-speed", "fast"));
  }

  @Test
  void givesTheDeviceEverythingWhereNothingWasSaid() {
    List<Asked> asked = new ArrayList<>();
    try (Backend backend = open(asked, Map.of());
        Executable executable =
            backend
                .compile(plan, CompileOptions.of(Precision.EXACT, 16))
                .orElseThrow(Unsupported::new)) {
      run(executable);
      assertEquals(
          List.of("device", "device", "device"),
          executable.traffic().orElseThrow().homes().stream()
              .map(ExpertTraffic.Home::place)
              .toList());
    }
    assertEquals(1, asked.size());
    assertEquals(plan.stages().size(), asked.getFirst().plan.stages().size());
  }
}

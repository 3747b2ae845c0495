package org.espalier.backend.offload;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.FileTime;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalInt;
import java.util.OptionalLong;
import java.util.stream.Stream;
import org.espalier.api.EspalierException.DeviceFailure;
import org.espalier.api.EspalierException.Unsupported;
import org.espalier.api.Offer;
import org.espalier.api.backend.Activations;
import org.espalier.api.backend.Backend;
import org.espalier.api.backend.CompileOptions;
import org.espalier.api.backend.Executable;
import org.espalier.api.backend.ExpertPlacement;
import org.espalier.api.backend.ExpertStore;
import org.espalier.api.backend.ExpertTraffic;
import org.espalier.api.backend.Observer;
import org.espalier.api.backend.Precision;
import org.espalier.api.backend.Rows;
import org.espalier.api.backend.Session;
import org.espalier.api.backend.SessionOptions;
import org.espalier.api.model.ActivationSite;
import org.espalier.api.model.ModelPlan;
import org.espalier.api.model.Stage;
import org.espalier.api.tensor.ElementType;
import org.espalier.api.tensor.FileMap;
import org.espalier.testkit.fixture.PlanFixture;
import org.espalier.testkit.fixture.PlanFixtures;
import org.espalier.testkit.reference.ReferenceBackend;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Experts from disk: the same bits, whatever the number of places, and one sentence per fault. */
class LendingTest {
  private static final int ROWS = 16;
  private static final SessionOptions SESSION = new SessionOptions(64, ElementType.F32);

  @TempDir private Path folder;

  static Stream<PlanFixture> fixtures() {
    return PlanFixtures.all().stream();
  }

  private CompileOptions options(ModelPlan plan, Observer observer) throws IOException {
    return new CompileOptions(
        Precision.EXACT,
        ROWS,
        OptionalLong.empty(),
        observer,
        OptionalInt.of(64),
        FilledFile.of(plan, folder.resolve("model")),
        ExpertStore.NONE,
        ExpertPlacement.UNDECIDED);
  }

  private static Executable compile(Backend backend, ModelPlan plan, CompileOptions options) {
    return backend.compile(plan, options).orElseThrow(Unsupported::new);
  }

  private static int used(ModelPlan plan) {
    return plan.stages().stream()
        .mapToInt(stage -> stage instanceof Stage.MixtureOfExperts m ? m.used() : 0)
        .max()
        .orElseThrow();
  }

  /** A prompt, then one token after another. */
  private static List<float[]> run(Executable executable) {
    List<float[]> logits = new ArrayList<>();
    try (Session session = executable.open(SESSION)) {
      read(session.forward(PlanFixtures.prompt(executable.plan(), 9), 9), logits);
      for (int i = 0; i < 8; i++) {
        int token = i * 7 % executable.plan().vocabulary();
        read(session.forward(new Activations.Tokens(token), 1), logits);
      }
    }
    return logits;
  }

  private static void read(Rows rows, List<float[]> target) {
    for (int row = 0; row < rows.count(); row++) {
      float[] values = new float[rows.width()];
      rows.read(row, values, 0);
      target.add(values);
    }
  }

  private static void assertSame(List<float[]> expected, List<float[]> actual) {
    assertEquals(expected.size(), actual.size());
    for (int i = 0; i < expected.size(); i++) {
      assertArrayEquals(expected.get(i), actual.get(i), "row " + i);
    }
  }

  @ParameterizedTest
  @MethodSource("fixtures")
  void givesTheSameBitsWithAnyNumberOfPlaces(PlanFixture fixture) throws IOException {
    ModelPlan plan = fixture.plan();
    CompileOptions options = options(plan, Observer.NONE);
    List<float[]> expected;
    try (Backend reference = ReferenceBackend.create()) {
      expected = run(compile(reference, plan, options));
    }
    int experts =
        plan.stages().stream()
            .mapToInt(stage -> stage instanceof Stage.MixtureOfExperts m ? m.experts() : 0)
            .sum();
    for (int places : new int[] {1, used(plan) + 1, experts}) {
      try (Backend backend =
              Others.overHost("host-memory", "1G", "expert-places", String.valueOf(places));
          Executable executable = compile(backend, plan, options)) {
        assertSame(expected, run(executable));
        assertSame(expected, run(executable));
        ExpertTraffic traffic = executable.traffic().orElseThrow();
        assertEquals(34, traffic.positions());
        assertTrue(traffic.moved() > 0);
        assertTrue(traffic.used() >= traffic.found() + traffic.ahead());
        if (places == experts) {
          assertTrue(traffic.hitRate() > 0.5, "hit rate " + traffic.hitRate());
        }
        int homes = traffic.homes().stream().mapToInt(home -> home.experts().size()).sum();
        assertEquals(experts, homes, "every expert is somewhere");
      }
    }
  }

  @Test
  void composesWithADeviceToo() throws IOException {
    ModelPlan plan = PlanFixtures.mixed();
    CompileOptions options = options(plan, Observer.NONE);
    List<float[]> expected;
    try (Backend reference = ReferenceBackend.create()) {
      expected = run(compile(reference, plan, options));
    }
    try (Backend backend = Others.overBoth("n-cpu-moe", "1", "host-memory", "1G");
        Executable executable = compile(backend, plan, options)) {
      assertSame(expected, run(executable));
      assertEquals(
          List.of("memory", "disk", "reference"),
          executable.traffic().orElseThrow().homes().stream()
              .map(ExpertTraffic.Home::place)
              .toList());
    }
  }

  @Test
  void saysHowMuchMemoryIsNeeded() throws IOException {
    ModelPlan plan = PlanFixtures.mixed();
    CompileOptions options = options(plan, Observer.NONE);
    try (Backend backend = Others.overHost("host-memory", "1M")) {
      String reason = declined(backend.compile(plan, options));
      assertTrue(reason.startsWith("1 MiB of memory are too few"), reason);
      int needed = Integer.parseInt(reason.replaceAll("(?s).*give --host-memory (\\d+)M.*", "$1"));
      try (Backend enough = Others.overHost("host-memory", needed + "M");
          Executable executable = compile(enough, plan, options)) {
        run(executable);
      }
      try (Backend tooFew = Others.overHost("host-memory", (needed - 1) + "M")) {
        declined(tooFew.compile(plan, options));
      }
    }
  }

  private static String declined(Offer<Executable> offer) {
    return switch (offer) {
      case Offer.Accepted<Executable> _ -> throw new AssertionError("was accepted");
      case Offer.Declined<Executable>(String reason) -> reason;
    };
  }

  @Test
  void refusesAnotherSessionThatWouldNotFit() throws IOException {
    ModelPlan plan = PlanFixtures.mixed();
    CompileOptions options = options(plan, Observer.NONE);
    int needed;
    try (Backend backend = Others.overHost("host-memory", "1M")) {
      String reason = declined(backend.compile(plan, options));
      needed = Integer.parseInt(reason.replaceAll("(?s).*give --host-memory (\\d+)M.*", "$1"));
    }
    try (Backend backend = Others.overHost("host-memory", needed + "M");
        Executable executable = compile(backend, plan, options);
        Session _ = executable.open(SESSION)) {
      DeviceFailure failure =
          assertThrows(
              DeviceFailure.class,
              () -> executable.open(new SessionOptions(1 << 20, ElementType.F32)));
      assertTrue(failure.getMessage().contains("memory was divided for"), failure.getMessage());
    }
  }

  @Test
  void saysThatTheFileWasCutShortInTheMiddleOfAPass() throws IOException {
    ModelPlan plan = PlanFixtures.mixed();
    Path path = folder.resolve("model");
    // Cuts the file when the last layer knows its experts and has not read them.
    Observer cutter =
        new Observer() {
          private int passes;

          @Override
          public boolean wants(ActivationSite site) {
            return false;
          }

          @Override
          public boolean wantsRouting() {
            return true;
          }

          @Override
          public void routed(int layer, int row, int[] experts, float[] weights) {
            if (layer == 0 && ++passes == 3) {
              try (FileChannel channel = FileChannel.open(path, StandardOpenOption.WRITE)) {
                channel.truncate(50);
              } catch (IOException e) {
                throw new AssertionError(e);
              }
            }
          }
        };
    CompileOptions options = options(plan, cutter);
    try (Backend backend = Others.overHost("host-memory", "1G", "expert-places", "3");
        Executable executable = compile(backend, plan, options);
        Session session = executable.open(SESSION)) {
      session.forward(new Activations.Tokens(1), 1);
      session.forward(new Activations.Tokens(2), 1);
      DeviceFailure failure =
          assertThrows(
              DeviceFailure.class, () -> session.forward(new Activations.Tokens(100, 3, 50), 1));
      assertTrue(failure.getMessage().contains("was cut short"), failure.getMessage());
      assertEquals(2, session.position(), "the failed pass is undone");
      failure =
          assertThrows(DeviceFailure.class, () -> session.forward(new Activations.Tokens(100), 1));
      assertTrue(
          failure.getMessage().contains("has changed since the model was opened (its size went"),
          failure.getMessage());
    }
  }

  /**
   * A disk that fails and comes back. The weights are read from this process's own memory, where a
   * file is mapped: once that file is cut, the system answers such reads with an input/output
   * error.
   */
  @Test
  @EnabledOnOs(OS.LINUX)
  void survivesAReadErrorInTheMiddleOfGeneration() throws IOException {
    ModelPlan plan = PlanFixtures.mixed();
    CompileOptions plain = options(plan, Observer.NONE);
    List<float[]> expected;
    try (Backend reference = ReferenceBackend.create()) {
      expected = run(compile(reference, plan, plain));
    }
    Path path = folder.resolve("model");
    byte[] contents = Files.readAllBytes(path);
    try (Arena arena = Arena.ofShared();
        FileChannel channel =
            FileChannel.open(path, StandardOpenOption.READ, StandardOpenOption.WRITE)) {
      long address =
          channel.map(FileChannel.MapMode.READ_ONLY, 0, contents.length, arena).address();
      FileMap memory =
          bytes ->
              plain
                  .files()
                  .find(bytes)
                  .map(extent ->
                      new FileMap.Extent(
                          Path.of("/proc/self/mem"), address + extent.offset(), extent.length()));
      try (Backend backend = Others.overHost("host-memory", "1G", "expert-places", "3");
          Executable executable = compile(backend, plan, with(plain, memory));
          Session session = executable.open(SESSION)) {
        List<float[]> logits = new ArrayList<>();
        read(session.forward(PlanFixtures.prompt(plan, 9), 9), logits);
        channel.truncate(0);
        for (int i = 0; i < 2; i++) {
          DeviceFailure failure =
              assertThrows(
                  DeviceFailure.class, () -> session.forward(new Activations.Tokens(0), 1));
          assertTrue(failure.getMessage().contains("cannot be read: "), failure.getMessage());
          assertEquals(9, session.position(), "the failed pass is undone");
        }
        channel.write(ByteBuffer.wrap(contents), 0);
        for (int i = 0; i < 8; i++) {
          read(session.forward(new Activations.Tokens(i * 7 % plan.vocabulary()), 1), logits);
        }
        assertSame(expected, logits);
      }
    }
  }

  private static CompileOptions with(CompileOptions options, FileMap files) {
    return new CompileOptions(
        options.precision(),
        options.maximumRows(),
        options.memoryLimit(),
        options.observer(),
        options.contextLength(),
        files,
        options.experts(),
        options.placement());
  }

  @Test
  void saysThatTheFileChanged() throws IOException {
    ModelPlan plan = PlanFixtures.mixed();
    Path path = folder.resolve("model");
    CompileOptions options = options(plan, Observer.NONE);
    try (Backend backend = Others.overHost("host-memory", "1G");
        Executable executable = compile(backend, plan, options);
        Session session = executable.open(SESSION)) {
      session.forward(new Activations.Tokens(1), 1);
      FileTime before = Files.getLastModifiedTime(path);
      Files.setLastModifiedTime(path, FileTime.fromMillis(before.toMillis() + 1000));
      assertChanged(session, "(it was written to)");
      Files.setLastModifiedTime(path, before);
      session.forward(new Activations.Tokens(1), 1);
      Path copy = folder.resolve("copy");
      Files.copy(path, copy, StandardCopyOption.COPY_ATTRIBUTES);
      Files.move(copy, path, StandardCopyOption.REPLACE_EXISTING);
      Files.setLastModifiedTime(path, before);
      assertChanged(session, "another file has taken its place");
      Files.delete(path);
      assertChanged(session, "is gone or out of reach");
      assertEquals(2, session.position());
    }
  }

  private static void assertChanged(Session session, String expected) {
    DeviceFailure failure =
        assertThrows(DeviceFailure.class, () -> session.forward(new Activations.Tokens(1), 1));
    assertTrue(failure.getMessage().contains(expected), failure.getMessage());
  }

  @Test
  void saysThatThereIsNoDevice() throws IOException {
    ModelPlan plan = PlanFixtures.mixed();
    CompileOptions options = options(plan, Observer.NONE);
    try (Backend backend = Others.overHost();
        Executable executable = compile(backend, plan, options)) {
      assertEquals(1, executable.notices().size());
      String notice = executable.notices().getFirst();
      assertTrue(notice.startsWith("there is no GPU (cuda: there is no backend cuda)"), notice);
      assertTrue(notice.contains("experts are read from disk"), notice);
    }
    Unsupported failure =
        assertThrows(Unsupported.class, () -> Others.overHost("device-memory", "1G"));
    assertTrue(failure.getMessage().contains("there is no device"), failure.getMessage());
  }
}

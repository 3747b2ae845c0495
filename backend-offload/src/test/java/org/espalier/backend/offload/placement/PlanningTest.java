package org.espalier.backend.offload.placement;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.espalier.api.EspalierException.InvalidRequest;
import org.espalier.api.Offer;
import org.espalier.testkit.fixture.PlanFixtures;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class PlanningTest {
  @ParameterizedTest
  @CsvSource({
    "1G,1073741824",
    "600M,629145600",
    "1.5GiB,1610612736",
    "64k,65536",
    "4096,4096",
    "2TB,2199023255552"
  })
  void readsAmounts(String text, long bytes) {
    assertEquals(bytes, MemorySize.parse("host-memory", text));
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "G", "-1G", "1Q", "0", "1,5G", "9999999999T", "1e9"})
  void refusesWhatIsNoAmount(String text) {
    InvalidRequest failure =
        assertThrows(InvalidRequest.class, () -> MemorySize.parse("host-memory", text));
    assertTrue(failure.getMessage().startsWith("--host-memory " + text), failure.getMessage());
  }

  @Test
  void refusesSettingsThatMakeNoSense() {
    for (Map<String, String> settings :
        List.of(
            Map.of("n-cpu-moe", "-1"),
            Map.of("n-cpu-moe", "all"),
            Map.of("read-threads", "0"),
            Map.of("offload-device", "No Such"),
            Map.of("host-memory", "lots"))) {
      assertThrows(InvalidRequest.class, () -> Settings.of(settings));
    }
  }

  @Test
  void cutsAPlanWhereExpertsChangeTheirPlace() {
    // Embedding, attention and experts of two layers, head.
    assertEquals(
        List.of(
            new Slices.Slice(0, 2, false),
            new Slices.Slice(2, 3, true),
            new Slices.Slice(3, 6, false)),
        Slices.of(PlanFixtures.mixed(), 1));
    assertEquals(List.of(new Slices.Slice(0, 6, false)), Slices.of(PlanFixtures.mixed(), 0));
    assertEquals(5, Slices.of(PlanFixtures.mixed(), Integer.MAX_VALUE).size());
    assertEquals(List.of(new Slices.Slice(0, 6, true)), Slices.onHost(PlanFixtures.mixed()));
  }

  @Test
  void dividesMemory() {
    HostBudget budget = new HostBudget(1000, 100, 300, 50, 50, 10, 8, 64, Integer.MAX_VALUE, 256);
    assertEquals(580, budget.smallest());
    assertEquals(Offer.accepted(50), budget.places());
    assertEquals(
        Offer.accepted(64),
        new HostBudget(9000, 100, 300, 50, 50, 10, 8, 64, Integer.MAX_VALUE, 256).places());
    assertEquals(
        Offer.accepted(8), new HostBudget(580, 100, 300, 50, 50, 10, 8, 64, 99, 256).places());
    assertEquals(
        Offer.accepted(20), new HostBudget(1000, 100, 300, 50, 50, 10, 8, 64, 20, 256).places());
    assertEquals(
        Offer.accepted(8), new HostBudget(1000, 100, 300, 50, 50, 10, 8, 64, 1, 256).places());
    assertTrue(
        new HostBudget(579, 100, 300, 50, 50, 10, 8, 64, 99, 256).places()
            instanceof Offer.Declined<Integer>);
  }

  @Test
  void asksTheSystemHowMuchMemoryThereIs(@TempDir Path root) throws IOException {
    assertTrue(MachineMemory.available(root).isEmpty());
    Files.createDirectories(root.resolve("proc"));
    Files.writeString(
        root.resolve("proc/meminfo"), "MemTotal:  2000 kB\nMemAvailable:    1000 kB\n");
    assertEquals(921_600, MachineMemory.available(root).orElseThrow());
    Files.createDirectories(root.resolve("sys/fs/cgroup"));
    Files.createDirectories(root.resolve("proc/self"));
    Files.writeString(root.resolve("proc/self/cgroup"), "4:memory:/a/b\n0::/user/app\n");
    Files.writeString(root.resolve("sys/fs/cgroup/memory.max"), "max\n");
    assertEquals(921_600, MachineMemory.available(root).orElseThrow());
    Files.writeString(root.resolve("sys/fs/cgroup/memory.max"), "500000\n");
    assertEquals(450_000, MachineMemory.available(root).orElseThrow());
    Files.createDirectories(root.resolve("sys/fs/cgroup/user/app"));
    Files.writeString(root.resolve("sys/fs/cgroup/user/memory.max"), "400000\n");
    Files.writeString(root.resolve("sys/fs/cgroup/user/app/memory.max"), "max\n");
    assertEquals(360_000, MachineMemory.available(root).orElseThrow(), "of the group around it");
    Files.createDirectories(root.resolve("sys/fs/cgroup/memory/a/b"));
    Files.writeString(root.resolve("sys/fs/cgroup/memory/a/b/memory.limit_in_bytes"), "300000\n");
    assertEquals(270_000, MachineMemory.available(root).orElseThrow());
  }
}

package org.espalier.backend.cuda.stage;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import org.espalier.api.EspalierException.DeviceFailure;
import org.espalier.backend.cuda.driver.Gpu;
import org.espalier.backend.cuda.driver.GpuInfo;
import org.espalier.backend.cuda.emulator.Machine;
import org.espalier.backend.cuda.kernel.Kernel;
import org.espalier.backend.cuda.kernel.Modules;
import org.espalier.backend.cuda.kernel.Parameters;
import org.espalier.backend.cuda.weights.DeviceMemory;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The kernel that routes, at odd sizes, against a plain routing of the same scores. */
@Tag("cuda")
class RouteTest {
  private static final float SCALE = 1.5f;

  @BeforeEach
  void needsMachine() {
    Machine.need();
    Machine.reset();
  }

  /** What a layer's routing leaves. */
  private record Routing(
      int[] chosen,
      float[] weights,
      int[] expertStart,
      int[] slotRow,
      int[] slotExpert,
      float[] slotWeight,
      int[] rowSlots,
      List<List<Integer>> items) {}

  @ParameterizedTest
  @CsvSource({
    "1, 1, 1, 8, false",
    "1, 64, 8, 8, false",
    "7, 64, 8, 8, true",
    "3, 5, 5, 8, true",
    "33, 33, 2, 8, false",
    "70, 100, 3, 64, true",
    "130, 16, 2, 64, false",
    "9, 65, 40, 8, true"
  })
  void isThatOfAPlainRouting(int rows, int experts, int used, int itemRows, boolean normalised) {
    float[] scores = new float[rows * experts];
    Random random = new Random(rows * 31L + experts);
    for (int i = 0; i < scores.length; i++) {
      scores[i] = Math.round(random.nextGaussian() * 8) / 4f; // equal ones are common
    }
    Routing actual = run(scores, rows, experts, used, itemRows, normalised);
    double[][] weights = new double[rows][];
    int[] chosen = choose(scores, rows, experts, used, normalised, weights);
    assertArrayEquals(chosen, actual.chosen());
    for (int i = 0; i < chosen.length; i++) {
      double expected = weights[i / used][i % used];
      assertEquals(expected, actual.weights()[i], 1e-5 * expected);
    }
    assertIsSorted(actual, rows, experts, used, itemRows);
  }

  /** No address is made of what is not a number: every row takes different experts all the same. */
  @ParameterizedTest
  @CsvSource({"0", "1", "5", "63", "64"})
  void scoresThatAreNoNumbersTakeDifferentExperts(int numbers) {
    int experts = 64;
    int used = 8;
    float[] scores = new float[3 * experts];
    Arrays.fill(scores, 1);
    Arrays.fill(scores, 0, experts - numbers, Float.NaN);
    scores[experts + 3] = Float.POSITIVE_INFINITY;
    Arrays.fill(scores, 2 * experts, 3 * experts, Float.NEGATIVE_INFINITY);
    Routing actual = run(scores, 3, experts, used, 8, true);
    for (int row = 0; row < 3; row++) {
      int[] own = Arrays.copyOfRange(actual.chosen(), row * used, (row + 1) * used);
      assertEquals(used, Arrays.stream(own).distinct().count(), Arrays.toString(own));
      assertTrue(Arrays.stream(own).allMatch(e -> e >= 0 && e < experts), Arrays.toString(own));
    }
    assertIsSorted(actual, 3, experts, used, 8);
  }

  private static int[] choose(
      float[] scores, int rows, int experts, int used, boolean normalised, double[][] weights) {
    int[] chosen = new int[rows * used];
    for (int row = 0; row < rows; row++) {
      int base = row * experts;
      double sum = IntStream.range(0, experts).mapToDouble(e -> Math.exp(scores[base + e])).sum();
      int[] best =
          IntStream.range(0, experts)
              .boxed()
              .sorted(
                  Comparator.comparingDouble((Integer e) -> -scores[base + e])
                      .thenComparing(Comparator.naturalOrder()))
              .mapToInt(Integer::intValue)
              .limit(used)
              .toArray();
      double taken = Arrays.stream(best).mapToDouble(e -> Math.exp(scores[base + e])).sum();
      double divisor = normalised ? taken : sum;
      weights[row] =
          Arrays.stream(best)
              .mapToDouble(e -> SCALE * Math.exp(scores[base + e]) / divisor)
              .toArray();
      System.arraycopy(best, 0, chosen, row * used, used);
    }
    return chosen;
  }

  /** Slots lie by expert, then by row; rows find theirs in order of expert; items cover them. */
  private static void assertIsSorted(
      Routing routing, int rows, int experts, int used, int itemRows) {
    int slot = 0;
    List<List<Integer>> items = new ArrayList<>();
    int[] found = new int[rows];
    for (int expert = 0; expert < experts; expert++) {
      assertEquals(slot, routing.expertStart()[expert]);
      int first = slot;
      for (int row = 0; row < rows; row++) {
        for (int k = 0; k < used; k++) {
          if (routing.chosen()[row * used + k] == expert) {
            assertEquals(row, routing.slotRow()[slot]);
            assertEquals(expert, routing.slotExpert()[slot]);
            assertEquals(routing.weights()[row * used + k], routing.slotWeight()[slot]);
            assertEquals(slot, routing.rowSlots()[row * used + found[row]++]);
            slot++;
          }
        }
      }
      for (int at = first; at < slot; at += itemRows) {
        items.add(List.of(expert, at, Math.min(itemRows, slot - at)));
      }
    }
    assertEquals(rows * used, slot);
    assertEquals(slot, routing.expertStart()[experts]);
    assertEquals(items, routing.items());
  }

  private static Routing run(
      float[] scores, int rows, int experts, int used, int itemRows, boolean normalised) {
    GpuInfo info = Gpu.describe(0).orElseThrow(DeviceFailure::new);
    int slots = rows * used;
    try (Gpu gpu = Gpu.open(info, Modules.text(info.capability()));
        DeviceMemory memory = new DeviceMemory(gpu)) {
      long chosen = memory.allocate(4L * slots);
      long weights = memory.allocate(4L * slots);
      long expertStart = memory.allocate(4L * (experts + 1));
      long slotRow = memory.allocate(4L * slots);
      long slotExpert = memory.allocate(4L * slots);
      long slotWeight = memory.allocate(4L * slots);
      long rowSlots = memory.allocate(4L * slots);
      long items = memory.allocate(16L * slots);
      long itemCount = memory.allocate(4);
      Parameters parameters =
          new Parameters()
              .address(memory.upload(bytes(scores)))
              .address(chosen)
              .address(weights)
              .address(expertStart)
              .address(slotRow)
              .address(slotExpert)
              .address(slotWeight)
              .address(rowSlots)
              .address(items)
              .address(itemCount)
              .integer(rows)
              .integer(experts)
              .integer(used)
              .flag(normalised)
              .real(SCALE)
              .integer(itemRows);
      int threads = Math.clamp(32L * Math.max(experts, rows), 32, 1024);
      gpu.launch(Kernel.ROUTE, 1, 1, 1, threads, 0, parameters);
      int count = ints(gpu, itemCount, 1)[0];
      int[] words = ints(gpu, items, 4 * count);
      return new Routing(
          ints(gpu, chosen, slots),
          floats(gpu, weights, slots),
          ints(gpu, expertStart, experts + 1),
          ints(gpu, slotRow, slots),
          ints(gpu, slotExpert, slots),
          floats(gpu, slotWeight, slots),
          ints(gpu, rowSlots, slots),
          IntStream.range(0, count)
              .mapToObj(i -> List.of(words[4 * i], words[4 * i + 1], words[4 * i + 2]))
              .toList());
    }
  }

  private static byte[] bytes(float[] values) {
    ByteBuffer bytes =
        ByteBuffer.allocate(values.length * Float.BYTES).order(ByteOrder.LITTLE_ENDIAN);
    bytes.asFloatBuffer().put(values);
    return bytes.array();
  }

  private static int[] ints(Gpu gpu, long address, int count) {
    int[] values = new int[count];
    gpu.download(values, address);
    return values;
  }

  private static float[] floats(Gpu gpu, long address, int count) {
    float[] values = new float[count];
    gpu.download(values, address);
    return values;
  }
}

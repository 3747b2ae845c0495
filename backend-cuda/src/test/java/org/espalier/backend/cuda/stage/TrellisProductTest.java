package org.espalier.backend.cuda.stage;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.stream.Stream;
import org.espalier.api.EspalierException.DeviceFailure;
import org.espalier.api.backend.Precision;
import org.espalier.api.linear.LinearShape;
import org.espalier.backend.cuda.driver.Gpu;
import org.espalier.backend.cuda.emulator.Machine;
import org.espalier.backend.cuda.kernel.Modules;
import org.espalier.backend.cuda.kernel.Operand;
import org.espalier.backend.cuda.weights.DeviceMemory;
import org.espalier.backend.cuda.weights.LoadedLinear;
import org.espalier.backend.cuda.weights.Loader;
import org.espalier.backend.cuda.weights.Placement;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Every kernel for trellis codes, at odd shapes and numbers of rows, against double precision. */
@Tag("cuda")
class TrellisProductTest {
  /**
   * One product of a bank.
   *
   * @param counts rows of each item; item i goes through expert i of as many
   * @param itemRows most rows of an item, which chooses the kernel
   * @param copies of the codebook in shared memory
   */
  record Case(
      int outputs,
      int inputs,
      List<Integer> counts,
      int itemRows,
      int copies,
      Precision precision,
      boolean sameScales) {}

  static Stream<Case> cases() {
    List<Case> cases = new ArrayList<>();
    for (int copies : new int[] {8, 32}) {
      cases.add(fast(16, 64, List.of(1), 8, copies));
      cases.add(fast(48, 320, List.of(1, 8, 3), 8, copies));
      cases.add(fast(32, 2048, List.of(2), 8, copies));
      cases.add(fast(16, 64, List.of(1), 64, copies));
      cases.add(fast(144, 192, List.of(64, 9, 33), 64, copies));
      cases.add(fast(128, 256, List.of(5, 17), 64, copies));
    }
    cases.add(new Case(48, 320, List.of(1, 8, 3), 8, 8, Precision.EXACT, true));
    cases.add(new Case(16, 64, List.of(7), 8, 8, Precision.EXACT, true));
    cases.add(new Case(32, 576, List.of(5, 2), 8, 8, Precision.EXACT, false));
    cases.add(new Case(32, 128, List.of(4), 8, 8, Precision.FAST, false));
    return cases.stream();
  }

  private static Case fast(
      int outputs, int inputs, List<Integer> counts, int itemRows, int copies) {
    return new Case(outputs, inputs, counts, itemRows, copies, Precision.FAST, true);
  }

  @BeforeEach
  void needsMachine() {
    Machine.need();
  }

  @ParameterizedTest
  @MethodSource("cases")
  void equalsDoublePrecision(Case c) {
    LinearShape shape = new LinearShape(c.counts().size(), c.outputs(), c.inputs());
    TrellisBank bank = new TrellisBank(shape, c.sameScales(), 5);
    int rows = c.counts().stream().mapToInt(Integer::intValue).sum();
    float[] x = new float[rows * c.inputs()];
    Random random = new Random(3);
    for (int i = 0; i < x.length; i++) {
      x[i] = (float) random.nextGaussian() * (1 + i % 3);
    }
    float[] y = run(c, bank, x, rows);
    boolean halves = c.precision() == Precision.FAST && c.sameScales();
    int row = 0;
    for (int item = 0; item < c.counts().size(); item++) {
      double[][] weights = bank.weights(item);
      for (int i = 0; i < c.counts().get(item); i++, row++) {
        double difference = 0;
        double size = 0;
        for (int o = 0; o < c.outputs(); o++) {
          double expected = 0;
          for (int k = 0; k < c.inputs(); k++) {
            expected += weights[o][k] * x[row * c.inputs() + k];
          }
          difference += Math.pow(expected - y[row * c.outputs() + o], 2);
          size += expected * expected;
        }
        double error = Math.sqrt(difference / size);
        assertTrue(error <= (halves ? 1e-3 : 1e-6), "row " + row + ": relative error " + error);
      }
    }
  }

  private static float[] run(Case c, TrellisBank bank, float[] x, int rows) {
    try (Gpu gpu = open();
        DeviceMemory memory = new DeviceMemory(gpu)) {
      Loader loader = new Loader(gpu, memory, c.precision(), Placement.ALL_ON_DEVICE);
      LoadedLinear linear = loader.load(bank.linear());
      loader.finish();
      boolean halves = c.precision() == Precision.FAST && c.sameScales();
      assertEquals(halves, linear.pairs(), "whether tensor cores run it");
      Operand operand = operand(memory, x, c.inputs(), halves);
      long y = memory.allocate(4L * rows * c.outputs());
      Launches launches = new Launches(gpu, c.copies());
      launches.multiply(
          new Launches.Items(
              memory.upload(items(c.counts())),
              memory.upload(ints(c.counts().size())),
              c.counts().size() + 2, // more than there are
              rows,
              c.itemRows()),
          List.of(new Launches.Product(linear, operand, y)));
      float[] result = new float[rows * c.outputs()];
      gpu.download(result, y);
      return result;
    }
  }

  private static Gpu open() {
    var info = Gpu.describe(0).orElseThrow(DeviceFailure::new);
    return Gpu.open(info, Modules.text(info.capability()));
  }

  private static byte[] items(List<Integer> counts) {
    ByteBuffer bytes = ByteBuffer.allocate(16 * counts.size()).order(ByteOrder.LITTLE_ENDIAN);
    int first = 0;
    for (int item = 0; item < counts.size(); item++) {
      bytes.putInt(item).putInt(first).putInt(counts.get(item)).putInt(0);
      first += counts.get(item);
    }
    return bytes.array();
  }

  private static byte[] ints(int value) {
    return ByteBuffer.allocate(4).order(ByteOrder.LITTLE_ENDIAN).putInt(value).array();
  }

  /** Floats, or halves with the first of a pair above, scaled by 4 for the test's sake. */
  private static Operand operand(DeviceMemory memory, float[] x, int width, boolean halves) {
    ByteBuffer bytes = ByteBuffer.allocate(4 * x.length).order(ByteOrder.LITTLE_ENDIAN);
    if (!halves) {
      for (float value : x) {
        bytes.putFloat(value);
      }
      return new Operand(memory.upload(bytes.array()), 0, 0, width);
    }
    for (int i = 0; i < x.length; i += 2) {
      int first = Float.floatToFloat16(x[i] * 4) & 0xffff;
      int second = Float.floatToFloat16(x[i + 1] * 4) & 0xffff;
      bytes.putInt(first << 16 | second);
    }
    ByteBuffer scales = ByteBuffer.allocate(4 * (x.length / width)).order(ByteOrder.LITTLE_ENDIAN);
    while (scales.hasRemaining()) {
      scales.putFloat(0.25f);
    }
    return new Operand(0, memory.upload(bytes.array()), memory.upload(scales.array()), width);
  }
}

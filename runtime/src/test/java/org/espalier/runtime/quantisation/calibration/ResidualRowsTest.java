package org.espalier.runtime.quantisation.calibration;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Random;
import org.espalier.api.EspalierException.DeviceFailure;
import org.espalier.api.tensor.ElementType;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class ResidualRowsTest {
  private static final int LENGTH = 3;
  private static final int WIDTH = 7;

  @TempDir private Path folder;

  private ResidualRows rows(ElementType type) {
    return new ResidualRows(folder.resolve("rows"), LENGTH, WIDTH, type);
  }

  @ParameterizedTest
  @EnumSource(names = {"F32", "F16"})
  void sequencesComeBackInAnyOrder(ElementType type) {
    float[][] written = new float[4][];
    ResidualRows rows = rows(type);
    try (ResidualRows.Writer writer = rows.write()) {
      for (int i = 0; i < written.length; i++) {
        written[i] = random(i);
        writer.append(written[i]);
      }
      assertFalse(rows.exists(), "not before it is complete");
      writer.finish();
    }
    assertTrue(rows.exists());
    assertEquals(
        ResidualRows.bytes(4L * LENGTH, WIDTH, type), folder.resolve("rows").toFile().length());
    try (ResidualRows.Reader reader = rows.read()) {
      for (int i : new int[] {2, 0, 3, 1}) {
        // Half of the last place of an F16, of the largest value of a row.
        compare(written[i], reader.sequence(i), type == ElementType.F32 ? 0 : 1.0 / 2048);
      }
      assertThrows(DeviceFailure.class, () -> reader.sequence(4));
    }
  }

  private static void compare(float[] expected, float[] actual, double error) {
    for (int row = 0; row < LENGTH; row++) {
      double largest = 0;
      for (int i = row * WIDTH; i < (row + 1) * WIDTH; i++) {
        largest = Math.max(largest, Math.abs(expected[i]));
      }
      for (int i = row * WIDTH; i < (row + 1) * WIDTH; i++) {
        assertEquals(expected[i], actual[i], error * largest);
      }
    }
  }

  /** Rows far beyond what an F16 holds, far below, and of zeros. */
  private static float[] random(int seed) {
    Random random = new Random(seed);
    float[] values = new float[LENGTH * WIDTH];
    float[] sizes = {1e9f, 1e-9f, seed == 0 ? 0 : 1};
    for (int i = 0; i < values.length; i++) {
      values[i] = sizes[i / WIDTH] * (float) random.nextGaussian();
    }
    return values;
  }

  @Test
  void whatIsNotFinishedLeavesNothing() throws IOException {
    ResidualRows rows = rows(ElementType.F32);
    try (ResidualRows.Writer writer = rows.write()) {
      writer.append(random(1));
    }
    assertFalse(rows.exists());
    try (var files = Files.list(folder)) {
      assertEquals(0, files.count());
    }
    rows.delete();
    assertThrows(DeviceFailure.class, rows::read);
  }

  @Test
  void theOldFileStaysUntilTheNewOneIsComplete() {
    ResidualRows rows = rows(ElementType.F32);
    try (ResidualRows.Writer writer = rows.write()) {
      writer.append(random(1));
      writer.finish();
    }
    try (ResidualRows.Writer writer = rows.write()) {
      writer.append(random(2));
    }
    try (ResidualRows.Reader reader = rows.read()) {
      assertArrayEquals(random(1), reader.sequence(0));
    }
  }

  @Test
  void aFullDiskIsOneSentence() throws IOException {
    Path full = Path.of("/dev/full");
    Assumptions.assumeTrue(Files.isWritable(full));
    Files.createSymbolicLink(folder.resolve("rows.part"), full);
    try (ResidualRows.Writer writer = rows(ElementType.F32).write()) {
      DeviceFailure failure = assertThrows(DeviceFailure.class, () -> writer.append(random(1)));
      assertTrue(failure.getMessage().contains("No space left"), failure.getMessage());
      assertTrue(failure.getMessage().contains("finished work is kept"), failure.getMessage());
    }
  }
}

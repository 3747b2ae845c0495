package org.espalier.codec.ggml;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Random;
import java.util.stream.Stream;
import org.espalier.api.EspalierException.Unsupported;
import org.espalier.api.codec.BlockQuantizer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

class BlockQuantizerTest {
  private final Random random = new Random(11);

  private static Stream<BlockQuantizer> all() {
    return new GgmlCodec().blockQuantizers().stream();
  }

  private static BlockType type(BlockQuantizer quantizer) {
    return BlockType.valueOf(quantizer.name().toUpperCase(Locale.ROOT));
  }

  private float[] gaussian(int n, double deviation) {
    float[] values = new float[n];
    for (int i = 0; i < n; i++) {
      values[i] = (float) (deviation * random.nextGaussian());
    }
    return values;
  }

  private static double[] identity(int n) {
    double[] matrix = new double[n * n];
    for (int i = 0; i < n; i++) {
      matrix[i * n + i] = 1;
    }
    return matrix;
  }

  /** A second moment of neighbours that resemble each other, some much larger than others. */
  private double[] moment(int n) {
    double[] matrix = new double[n * n];
    for (int sample = 0; sample < 2 * n; sample++) {
      double[] x = new double[n];
      double common = random.nextGaussian();
      for (int i = 0; i < n; i++) {
        x[i] = (common + random.nextGaussian()) * (i % 7 == 3 ? 5 : 1);
      }
      for (int i = 0; i < n; i++) {
        for (int j = 0; j < n; j++) {
          matrix[i * n + j] += x[i] * x[j] / (2 * n);
        }
      }
    }
    return matrix;
  }

  private static double cost(float[] targets, float[] values, double[] metric) {
    int n = targets.length;
    double cost = 0;
    for (int i = 0; i < n; i++) {
      for (int j = 0; j < n; j++) {
        cost +=
            ((double) targets[i] - values[i])
                * metric[i * n + j]
                * ((double) targets[j] - values[j]);
      }
    }
    return cost;
  }

  private static float[] rounded(BlockQuantizer quantizer, double[] metric, float[] targets) {
    float[] values = new float[targets.length];
    byte[] block = new byte[quantizer.bytes()];
    quantizer.rounding(metric).round(targets, 0, block, 0, values);
    assertArrayEquals(
        Fixtures.decode(type(quantizer), block), values, "what is read is what is said");
    return values;
  }

  @Test
  void namesTypesAndSizesAreThoseOfTheCodec() {
    assertEquals(
        List.of("q4_0", "iq4_nl", "q5_0", "q6_k"), all().map(BlockQuantizer::name).toList());
    all()
        .forEach(quantizer -> {
          assertEquals(Fixtures.storage(type(quantizer)), quantizer.type());
          assertEquals(type(quantizer).size(), quantizer.size());
          assertEquals(type(quantizer).bytes(), quantizer.bytes());
        });
    assertEquals(4.5, all().findFirst().orElseThrow().bits());
  }

  /** Where all errors count alike: not worse than rounding with the scale of ggml's own rule. */
  @ParameterizedTest
  @CsvSource({"q4_0, 0.0078", "iq4_nl, 0.0066", "q5_0, 0.0018", "q6_k, 0.00032"})
  void losesLittle(String name, double most) {
    BlockQuantizer quantizer = all().filter(q -> q.name().equals(name)).findFirst().orElseThrow();
    double[] metric = identity(quantizer.size());
    double loss = 0;
    double energy = 0;
    for (int i = 0; i < 16384 / quantizer.size(); i++) {
      float[] targets = gaussian(quantizer.size(), i % 2 == 0 ? 0.02 : 3);
      double scale = i % 2 == 0 ? 2500 : 1 / 9.0;
      double own = cost(targets, rounded(quantizer, metric, targets), metric);
      if (!name.equals("iq4_nl") && !name.equals("q6_k")) {
        assertTrue(own <= cost(targets, byGgmlsRule(name, targets), metric) * (1 + 1e-9));
      }
      loss += own * scale;
      energy += cost(targets, new float[targets.length], metric) * scale;
    }
    assertTrue(loss / energy < most, name + " loses " + loss / energy);
    assertTrue(loss / energy > most * 0.8, name + " loses less than thought: " + loss / energy);
  }

  /** The value farthest from zero gets the lowest level, all others the nearest. */
  private static float[] byGgmlsRule(String name, float[] targets) {
    int lowest = name.equals("q4_0") ? -8 : -16;
    float extreme = 0;
    for (float target : targets) {
      extreme = Math.abs(target) > Math.abs(extreme) ? target : extreme;
    }
    float d = Float.float16ToFloat(Float.floatToFloat16(extreme / lowest));
    float[] values = new float[targets.length];
    for (int i = 0; i < values.length; i++) {
      values[i] = Math.clamp(Math.round(targets[i] / d), lowest, -1 - lowest) * d;
    }
    return values;
  }

  @ParameterizedTest
  @MethodSource("all")
  void looksAtWhatErrorsCost(BlockQuantizer quantizer) {
    double[] metric = moment(quantizer.size());
    double aware = 0;
    double blind = 0;
    for (int i = 0; i < 2048 / quantizer.size(); i++) {
      float[] targets = gaussian(quantizer.size(), 1);
      aware += cost(targets, rounded(quantizer, metric, targets), metric);
      blind += cost(targets, rounded(quantizer, identity(quantizer.size()), targets), metric);
    }
    assertTrue(aware < 0.9 * blind, aware + " against " + blind);
  }

  /** To the last bit what the slow formulation gives. */
  @ParameterizedTest
  @MethodSource("all")
  void equalsTheReference(BlockQuantizer quantizer) {
    int size = quantizer.size();
    for (int round = 0; round < 1024 / size; round++) {
      double[] metric = moment(size);
      float[] targets = gaussian(size + 5, Math.pow(10, round % 5 - 3));
      byte[] block = new byte[quantizer.bytes() + 3];
      float[] values = new float[size + 5];
      quantizer.rounding(metric).round(targets, 5, block, 3, values);
      float[] own = Arrays.copyOfRange(targets, 5, size + 5);
      byte[] expected = new ReferenceRounding(type(quantizer), metric).round(own);
      byte[] actual = Arrays.copyOfRange(block, 3, block.length);
      assertArrayEquals(expected, actual, "round " + round);
      assertEquals(0, values[4], "nothing is written before the offset");
    }
  }

  @ParameterizedTest
  @MethodSource("all")
  void zerosAndExtremes(BlockQuantizer quantizer) {
    int size = quantizer.size();
    double[] metric = identity(size);
    for (float value : rounded(quantizer, metric, new float[size])) {
      assertEquals(0, Math.abs(value));
    }
    float[] same = new float[size];
    Arrays.fill(same, -0.75f);
    for (float value : rounded(quantizer, metric, same)) {
      assertEquals(-0.75f, value, 0.75f / 1024, "one value alone is met but for the scale's half");
    }
    float[] tiny = new float[size];
    tiny[size - 1] = Float.MIN_VALUE;
    assertEquals(0, Math.abs(rounded(quantizer, metric, tiny)[size - 1]));
    float[] huge = new float[size];
    huge[0] = 1e9f;
    assertThrows(Unsupported.class, () -> rounded(quantizer, metric, huge));
    assertThrows(IllegalArgumentException.class, () -> quantizer.rounding(new double[3]));
    assertThrows(IllegalArgumentException.class, () -> quantizer.rounding(new double[size * size]));
  }

  @Test
  void nearestLevels() {
    Levels even = Levels.from(-8, 7);
    Levels uneven = SmallBlocks.nonLinearLevels();
    for (double x = -200; x < 200; x += 0.0625) {
      for (Levels levels : new Levels[] {even, uneven}) {
        int best = 0;
        for (int code = 1; code < 16; code++) {
          if (Math.abs(x - levels.of(code)) < Math.abs(x - levels.of(best))) {
            best = code;
          }
        }
        assertEquals(best, levels.nearest(x), "of " + x);
      }
    }
    assertEquals(0, even.nearest(-1e30));
    assertEquals(15, even.nearest(1e30));
  }
}

package org.espalier.format.gguf;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.random.RandomGenerator;
import java.util.random.RandomGeneratorFactory;
import org.espalier.api.EspalierException;
import org.espalier.api.Offer;
import org.espalier.api.format.ModelArtifact;
import org.espalier.api.tensor.Tensor;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A damaged file is read, declined or refused in one sentence; nothing else ever happens. */
class MutationTest {
  private static final int MUTATIONS_PER_SEED = 1500;
  private static final long[] EDGES = {
    0, 1, -1, 2, 31, 255, 1L << 31, -1L << 31, 1L << 32, 1L << 60, Long.MAX_VALUE, Long.MIN_VALUE
  };

  @TempDir private Path folder;

  /** What came of reading a file. */
  private enum Outcome {
    READ,
    DECLINED,
    REFUSED
  }

  private Outcome read(byte[] content, String mutation) throws IOException {
    Path path = Files.write(folder.resolve("mutated.gguf"), content);
    try {
      return switch (new GgufFormat().open(path)) {
        case Offer.Accepted<ModelArtifact>(ModelArtifact artifact) -> {
          try (artifact) {
            artifact.tensors().values().forEach(MutationTest::touch);
          }
          yield Outcome.READ;
        }
        case Offer.Declined<ModelArtifact>(String reason) -> {
          assertTrue(reason.contains(path.toString()), reason);
          yield Outcome.DECLINED;
        }
      };
    } catch (EspalierException e) {
      assertTrue(e.getMessage().contains(path.toString()), e.getMessage());
      assertTrue(e.getMessage().length() < 700 && !e.getMessage().contains("\n"), e.getMessage());
      return Outcome.REFUSED;
    } catch (RuntimeException | Error e) {
      throw new AssertionError(
          mutation + " made of " + HexFormat.of().formatHex(content) + " threw " + e, e);
    }
  }

  private static void touch(Tensor tensor) {
    long last = tensor.bytes().byteSize() - 1;
    assertTrue(tensor.elements() >= 1);
    assertTrue(tensor.bytes().get(ValueLayout.JAVA_BYTE, last) >= Byte.MIN_VALUE);
  }

  @ParameterizedTest
  @ValueSource(longs = {1, 2, 3, 4, 5, 6})
  void mutatedFiles(long seed) {
    RandomGenerator random = RandomGeneratorFactory.of("L64X128MixRandom").create(seed);
    byte[] original = Samples.everything().toByteArray();
    int[] outcomes = new int[Outcome.values().length];
    assertTimeoutPreemptively(
        Duration.ofSeconds(60),
        () -> {
          for (int i = 0; i < MUTATIONS_PER_SEED; i++) {
            byte[] mutated = original.clone();
            int changes = 1 + random.nextInt(3);
            for (int change = 0; change < changes; change++) {
              mutated = mutate(mutated, random);
            }
            outcomes[read(mutated, "seed " + seed + ", mutation " + i).ordinal()]++;
          }
        });
    // The mutations hit what matters, and not only the magic.
    assertTrue(outcomes[Outcome.REFUSED.ordinal()] > MUTATIONS_PER_SEED / 4);
    assertTrue(outcomes[Outcome.READ.ordinal()] > MUTATIONS_PER_SEED / 20);
  }

  private static byte[] mutate(byte[] content, RandomGenerator random) {
    if (content.length < 16) {
      return content;
    }
    int at = random.nextInt(content.length - Long.BYTES);
    ByteBuffer buffer = ByteBuffer.wrap(content).order(ByteOrder.LITTLE_ENDIAN);
    switch (random.nextInt(6)) {
      case 0 -> content[at] ^= (byte) (1 << random.nextInt(8));
      case 1 -> content[at] = (byte) random.nextInt();
      case 2 -> buffer.putLong(at, EDGES[random.nextInt(EDGES.length)]);
      case 3 -> buffer.putInt(at, (int) EDGES[random.nextInt(EDGES.length)]);
      case 4 -> {
        return Arrays.copyOf(content, at);
      }
      default -> {
        int length = random.nextInt(Math.min(64, content.length - at));
        int to = random.nextInt(content.length - length);
        System.arraycopy(content, at, content, to, length);
      }
    }
    return content;
  }

  @Test
  void everyTruncation() throws IOException {
    GgufBytes file = Samples.everything();
    byte[] whole = file.toByteArray();
    int lastTensor = Samples.dataStart(file) + 192;
    for (int length = 0; length < whole.length; length++) {
      Outcome outcome = read(Arrays.copyOf(whole, length), "truncation to " + length);
      // Only the last tensor, whose size nobody knows, can lose bytes unnoticed.
      Outcome expected =
          length < 4 ? Outcome.DECLINED : length <= lastTensor ? Outcome.REFUSED : Outcome.READ;
      assertEquals(expected, outcome, length + " bytes");
    }
  }

  @Test
  void everyByteOfTheHeadReplacedByEveryEdge() throws IOException {
    GgufBytes file = Samples.everything();
    byte[] whole = file.toByteArray();
    for (int at = 0; at < Samples.dataStart(file); at++) {
      for (long edge : EDGES) {
        byte[] mutated = whole.clone();
        ByteBuffer.wrap(mutated).order(ByteOrder.LITTLE_ENDIAN).putLong(at, edge);
        Outcome outcome = read(mutated, edge + " at " + at);
        assertEquals(at < 4, outcome == Outcome.DECLINED, edge + " at " + at);
      }
    }
  }
}

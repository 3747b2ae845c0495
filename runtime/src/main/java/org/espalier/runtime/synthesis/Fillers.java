package org.espalier.runtime.synthesis;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.random.RandomGenerator;
import org.espalier.api.codec.BlockQuantizer;
import org.espalier.api.codec.Packing;

/** What synthetic tensors are filled with. */
final class Fillers {
  private static final ValueLayout.OfFloat F32 =
      ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private static final ValueLayout.OfShort BITS16 =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  /** Different blocks. */
  private static final int POOL = 512;

  private Fillers() {}

  static SyntheticTensor.Filler ones() {
    return (random, count, target) -> {
      for (int i = 0; i < count; i++) {
        target.set(F32, (long) i * Float.BYTES, 1f);
      }
    };
  }

  /** Normally distributed numbers around zero. */
  static SyntheticTensor.Filler gaussian(double deviation) {
    return (random, count, target) -> {
      for (int i = 0; i < count; i++) {
        target.set(F32, (long) i * Float.BYTES, (float) (deviation * random.nextGaussian()));
      }
    };
  }

  /** The same in BF16, cut off. */
  static SyntheticTensor.Filler brainGaussian(double deviation) {
    return (random, count, target) -> {
      for (int i = 0; i < count; i++) {
        int bits = Float.floatToRawIntBits((float) (deviation * random.nextGaussian()));
        target.set(BITS16, (long) i * Short.BYTES, (short) (bits >>> Short.SIZE));
      }
    };
  }

  /** +1 or −1. */
  static SyntheticTensor.Filler signs() {
    return (random, count, target) -> {
      for (int i = 0; i < count; i++) {
        target.set(F32, (long) i * Float.BYTES, random.nextBoolean() ? 1f : -1f);
      }
    };
  }

  /**
   * Normally distributed numbers, rounded to blocks. To round takes long, so there are some
   * hundred, and they come up again and again.
   *
   * @param source of these
   */
  static SyntheticTensor.Filler blocks(
      BlockQuantizer quantizer, double deviation, RandomGenerator source) {
    int size = quantizer.size();
    int bytes = quantizer.bytes();
    double[] metric = new double[size * size];
    for (int i = 0; i < size; i++) {
      metric[i * size + i] = 1;
    }
    BlockQuantizer.Rounding rounding = quantizer.rounding(metric);
    byte[] pool = new byte[POOL * bytes];
    float[] targets = new float[size];
    for (int block = 0; block < POOL; block++) {
      for (int i = 0; i < size; i++) {
        targets[i] = (float) (deviation * source.nextGaussian());
      }
      rounding.round(targets, 0, pool, block * bytes, new float[size]);
    }
    return (random, count, target) -> {
      for (int i = 0; i < count; i++) {
        MemorySegment.copy(
            pool,
            random.nextInt(POOL) * bytes,
            target,
            ValueLayout.JAVA_BYTE,
            (long) i * bytes,
            bytes);
      }
    };
  }

  /** Tiles of random codes. */
  static SyntheticTensor.Filler tiles(Packing packing, float scale) {
    return (random, count, target) -> {
      byte[] codes = new byte[Math.multiplyExact(count, packing.codeBytes())];
      random.nextBytes(codes);
      packing.pack(count, codes, scale, target);
    };
  }
}

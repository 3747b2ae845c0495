package org.espalier.runtime.synthesis;

import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import org.espalier.api.codec.Packing;

/** What synthetic tensors are filled with. */
final class Fillers {
  private static final ValueLayout.OfFloat F32 =
      ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private static final ValueLayout.OfShort BITS16 =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

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

  /** Tiles of random codes. */
  static SyntheticTensor.Filler tiles(Packing packing, float scale) {
    return (random, count, target) -> {
      byte[] codes = new byte[Math.multiplyExact(count, packing.codeBytes())];
      random.nextBytes(codes);
      packing.pack(count, codes, scale, target);
    };
  }
}

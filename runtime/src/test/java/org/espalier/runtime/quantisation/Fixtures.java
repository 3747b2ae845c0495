package org.espalier.runtime.quantisation;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Objects;

/** Files of the reference implementation beside the tests. */
final class Fixtures {
  private Fixtures() {}

  static byte[] bytes(String name) {
    try (InputStream in = Fixtures.class.getResourceAsStream(name)) {
      return Objects.requireNonNull(in, name).readAllBytes();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  static float[] floats(String name) {
    return floats(bytes(name));
  }

  static float[] floats(byte[] bytes) {
    float[] values = new float[bytes.length / Float.BYTES];
    littleEndian(bytes).asFloatBuffer().get(values);
    return values;
  }

  static float[] bfloat16s(String name) {
    byte[] bytes = bytes(name);
    short[] halves = new short[bytes.length / Short.BYTES];
    littleEndian(bytes).asShortBuffer().get(halves);
    float[] values = new float[halves.length];
    for (int i = 0; i < halves.length; i++) {
      values[i] = Float.intBitsToFloat(halves[i] << 16);
    }
    return values;
  }

  /** A symmetric matrix of which the file keeps the rows up to the diagonal. */
  static float[] symmetric(String name, int n) {
    float[] lower = floats(name);
    float[] values = new float[n * n];
    int at = 0;
    for (int i = 0; i < n; i++) {
      for (int j = 0; j <= i; j++) {
        values[i * n + j] = lower[at];
        values[j * n + i] = lower[at++];
      }
    }
    return values;
  }

  /** ±1, one byte each. */
  static float[] signs(String name) {
    return signs(bytes(name));
  }

  static float[] signs(byte[] bytes) {
    float[] signs = new float[bytes.length];
    for (int i = 0; i < bytes.length; i++) {
      signs[i] = bytes[i];
    }
    return signs;
  }

  private static ByteBuffer littleEndian(byte[] bytes) {
    return ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
  }
}

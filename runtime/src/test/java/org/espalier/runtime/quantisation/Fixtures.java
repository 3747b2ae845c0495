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

  /**
   * Codes as the codec packs them, tile row by tile row: the state after the first step, then the
   * other steps, two to a byte.
   *
   * @param starts states before the first step, column of tiles by column of tiles
   * @param steps one byte each, in the same order
   */
  static byte[] codes(byte[] starts, byte[] steps, int tileRows, int tileColumns) {
    byte[] codes = new byte[tileRows * tileColumns * 66];
    for (int tile = 0; tile < tileRows * tileColumns; tile++) {
      int from = tile % tileColumns * tileRows + tile / tileColumns;
      int state = littleEndian(starts).getInt(from * Integer.BYTES) << 4 | steps[from * 128];
      codes[tile * 66] = (byte) state;
      codes[tile * 66 + 1] = (byte) (state >>> 8);
      for (int step = 1; step < 128; step++) {
        codes[tile * 66 + 2 + (step - 1) / 2] |=
            (byte) (steps[from * 128 + step] << (step - 1) % 2 * 4);
      }
    }
    return codes;
  }

  private static ByteBuffer littleEndian(byte[] bytes) {
    return ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
  }
}

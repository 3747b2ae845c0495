package org.espalier.backend.cpu.spi;

/**
 * Working memory of one worker thread, which grows to what is asked for and stays: no allocation in
 * steady state. Contents are undefined between calls; two requests of one type give the same array.
 */
public final class Scratch {
  private float[] floats = new float[0];
  private int[] ints = new int[0];
  private short[] shorts = new short[0];
  private byte[] bytes = new byte[0];

  /** Empty. */
  public Scratch() {}

  /** At least {@code length} floats. */
  public float[] floats(int length) {
    if (floats.length < length) {
      floats = new float[length];
    }
    return floats;
  }

  /** At least {@code length} ints. */
  public int[] ints(int length) {
    if (ints.length < length) {
      ints = new int[length];
    }
    return ints;
  }

  /** At least {@code length} shorts. */
  public short[] shorts(int length) {
    if (shorts.length < length) {
      shorts = new short[length];
    }
    return shorts;
  }

  /** At least {@code length} bytes. */
  public byte[] bytes(int length) {
    if (bytes.length < length) {
      bytes = new byte[length];
    }
    return bytes;
  }
}

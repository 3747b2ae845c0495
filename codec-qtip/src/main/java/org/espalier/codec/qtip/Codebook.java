package org.espalier.codec.qtip;

import java.io.IOException;
import java.io.InputStream;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import org.espalier.api.EspalierException.DeviceFailure;
import org.jspecify.annotations.Nullable;

/**
 * The fixed table of the HYB code: {@value #ENTRIES} pairs of F32, little-endian.
 *
 * <p>The values are K-means centroids of a two-dimensional Gaussian, rescaled to unit variance.
 * They are a constant of the QTIP_2B format: files do not carry them, and a tile decodes to what
 * its writer meant only with exactly these numbers, hence the check by SHA-256. The construction is
 * described in "QTIP: Quantization with Trellises and Incoherence Processing" (Tseng, Sun, Hou, De
 * Sa, 2024); this table came with the model OLMoE-1B-7B-0125-QTIP-2bit, the first of the format.
 */
final class Codebook {
  /** Pairs in the table. */
  static final int ENTRIES = 512;

  /** Bytes of the table. */
  static final int BYTES = ENTRIES * 2 * Float.BYTES;

  private static final String RESOURCE = "hyb-q9.f32le";
  private static final String SHA_256 =
      "a8f7d3d9310b6b665b4ebcd53cf37fc5e374e35bfc99824e64aa3b6f00db0355";
  private static final ValueLayout.OfFloat F32 =
      ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private final MemorySegment table;
  private final float[] firsts = new float[ENTRIES];
  private final float[] signedSeconds = new float[2 * ENTRIES];

  private Codebook(byte[] bytes) {
    table = MemorySegment.ofArray(bytes).asReadOnly();
    for (int entry = 0; entry < ENTRIES; entry++) {
      float second = table.getAtIndex(F32, 2L * entry + 1);
      firsts[entry] = table.getAtIndex(F32, 2L * entry);
      signedSeconds[entry] = second;
      signedSeconds[ENTRIES + entry] = -second;
    }
  }

  /**
   * Reads the table that this module carries.
   *
   * @throws DeviceFailure when it is damaged
   */
  static Codebook load() {
    try (InputStream in = Codebook.class.getResourceAsStream(RESOURCE)) {
      return of(in == null ? null : in.readAllBytes());
    } catch (IOException e) {
      throw new DeviceFailure("the QTIP codebook cannot be read from Espalier's own files", e);
    }
  }

  /** A codebook of the given bytes, which must be the table. */
  static Codebook of(byte @Nullable [] bytes) {
    if (bytes == null || !sha256(bytes).equals(SHA_256)) {
      throw new DeviceFailure(
          "the QTIP codebook among Espalier's own files is missing or damaged; install Espalier"
              + " again");
    }
    return new Codebook(bytes);
  }

  private static String sha256(byte[] bytes) {
    try {
      return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(bytes));
    } catch (NoSuchAlgorithmException e) {
      throw new DeviceFailure("this Java runtime lacks SHA-256, which every one must have", e);
    }
  }

  /** One value: {@code entry} from 0 to {@value #ENTRIES} − 1, {@code component} 0 or 1. */
  float value(int entry, int component) {
    return component == 0 ? firsts[entry] : signedSeconds[entry];
  }

  /** The table as it is stored, read-only. */
  MemorySegment table() {
    return table;
  }

  /** The first values of all entries; shared, not to be written to. */
  float[] firsts() {
    return firsts;
  }

  /**
   * The second values of all entries, then all of them negated, so that {@link Trellis#signedEntry}
   * is the index of the value with its sign; shared, not to be written to.
   */
  float[] signedSeconds() {
    return signedSeconds;
  }
}

package org.espalier.runtime.evaluation.divergence;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import org.espalier.api.EspalierException.MalformedData;

/**
 * What a file of saved predictions begins with; all numbers little-endian. One record per position
 * follows: ids (int32) and log-probabilities (float32) of the likeliest tokens, the same of some
 * that were drawn from all others, what all others have together, and the log-probability of the
 * token that follows.
 *
 * @param topTokens likeliest tokens per position
 * @param commonTokens over which probabilities sum to 1
 * @param window tokens per window
 * @param windows how many
 * @param tokensHash SHA-256 of the text's ids, hex
 * @param tokenizer fingerprint of the tokenizer, hex
 * @param model name of the reference's file
 */
record ReferenceHeader(
    int topTokens,
    int commonTokens,
    int window,
    int windows,
    String tokensHash,
    String tokenizer,
    String model) {
  static final byte[] MAGIC = "ESPALREF".getBytes(StandardCharsets.US_ASCII);
  static final int NAME_BYTES = 256;
  static final int BYTES = MAGIC.length + 5 * Integer.BYTES + 2 * 32 + Short.BYTES + NAME_BYTES;

  private static final int VERSION = 1;
  private static final int MOST_POSITIONS = 1 << 28;

  int recordBytes() {
    return (topTokens + TopTokens.DRAWN) * (Integer.BYTES + Float.BYTES) + 2 * Float.BYTES;
  }

  long positions() {
    return (long) window * windows;
  }

  long fileBytes() {
    return BYTES + positions() * recordBytes();
  }

  ByteBuffer encode() {
    byte[] name = model.getBytes(StandardCharsets.UTF_8);
    int length = Math.min(name.length, NAME_BYTES);
    return ByteBuffer.allocate(BYTES)
        .order(ByteOrder.LITTLE_ENDIAN)
        .put(MAGIC)
        .putInt(VERSION)
        .putInt(topTokens)
        .putInt(commonTokens)
        .putInt(window)
        .putInt(windows)
        .put(HexFormat.of().parseHex(tokensHash))
        .put(HexFormat.of().parseHex(tokenizer))
        .putShort((short) length)
        .put(name, 0, length)
        .clear();
  }

  static ReferenceHeader decode(ByteBuffer in, Path path, long fileBytes) {
    in.order(ByteOrder.LITTLE_ENDIAN);
    byte[] magic = new byte[MAGIC.length];
    in.get(magic);
    int version = in.getInt();
    if (!java.util.Arrays.equals(magic, MAGIC) || version != VERSION) {
      throw new MalformedData(
          path + " holds no saved predictions, or those of another version of this program");
    }
    int topTokens = in.getInt();
    int commonTokens = in.getInt();
    int window = in.getInt();
    int windows = in.getInt();
    String tokensHash = hex(in);
    String tokenizer = hex(in);
    byte[] name = new byte[Math.clamp(in.getShort(), 0, NAME_BYTES)];
    in.get(name);
    ReferenceHeader header =
        new ReferenceHeader(
            topTokens,
            commonTokens,
            window,
            windows,
            tokensHash,
            tokenizer,
            new String(name, StandardCharsets.UTF_8));
    boolean sound =
        topTokens >= 1
            && topTokens <= commonTokens
            && commonTokens <= 1 << 24
            && window >= 1
            && windows >= 1
            && header.positions() <= MOST_POSITIONS;
    if (!sound || header.fileBytes() != fileBytes) {
      throw new MalformedData(path + ": these saved predictions are damaged or incomplete");
    }
    return header;
  }

  private static String hex(ByteBuffer in) {
    byte[] bytes = new byte[32];
    in.get(bytes);
    return HexFormat.of().formatHex(bytes);
  }

  /** The hash of a text's first ids. */
  static String hash(int[] tokens, int count) {
    ByteBuffer bytes = ByteBuffer.allocate(count * Integer.BYTES).order(ByteOrder.LITTLE_ENDIAN);
    bytes.asIntBuffer().put(tokens, 0, count);
    try {
      MessageDigest digest = MessageDigest.getInstance("SHA-256");
      digest.update(bytes);
      return HexFormat.of().formatHex(digest.digest());
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every Java platform has SHA-256", e);
    }
  }
}
